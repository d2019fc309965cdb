#include "maintenance/archive_rules.hpp"

#include "base/text.hpp"
#include "maintenance/number_text.hpp"

namespace eventstore::maintenance {

using detail::message;
using detail::quoted_for_message;

namespace {

failure refuse(errc code, const std::string& path, std::string_view why) {
    return failure(code, message("archiving to ", quoted_for_message(path), ": ", why, "; nothing was removed"));
}

} // namespace

std::optional<failure> refuse_range(const std::string& path, std::int64_t before, std::int64_t after_position,
    std::optional<std::int64_t> through_position, const held_range& log) {
    if (through_position && *through_position != before - 1)
        return refuse(errc::archive_refused, path,
            message("the file exists, and is that of the positions ", text(after_position + 1), " to ",
                text(*through_position), ", not of all before ", text(before), "; name another file"));
    if (log.first && log.first->position <= after_position)
        return refuse(errc::archive_refused, path,
            message("the file exists, and begins at position ", text(after_position + 1),
                ", but the log holds events from position ", text(log.first->position), " on; name another file"));
    return std::nullopt;
}

std::optional<failure> refuse_removal(const std::string& path, const checked_archive& file, const held_range& log,
    const std::string& database, const std::string& schema) {
    if (log.events == 0) { // all of it is gone, or it never was of this log
        if (file.database == database && file.schema == schema) return std::nullopt;
        return refuse(errc::archive_refused, path,
            message("the file was exported from schema ", quoted_for_message(file.schema), " of database ",
                quoted_for_message(file.database), ", and the log holds no event of its range: name another file"));
    }
    if (!file.has_first || !file.has_last)
        return refuse(errc::archive_refused, path,
            message("the log holds the event ", to_string((file.has_first ? log.last : log.first)->id), " at position ",
                text((file.has_first ? log.last : log.first)->position),
                ", and the file does not: it is that of another log, or the log was changed since; name another file"));
    if (log.events == file.events_of_log) return std::nullopt;
    if (log.events > file.events_of_log)
        return refuse(errc::archive_refused, path,
            message("the log holds ", text(log.events), " events from position ", text(log.first->position), " to ",
                text(log.last->position), ", and the file ", text(file.events_of_log), "; name another file"));
    // The oldest go first: while the first one is there, no earlier call has removed any.
    if (log.first->position > file.first_position) return std::nullopt;
    return refuse(errc::log_truncated, path,
        message("the file has ", text(file.events_of_log), " events, and the log ", text(log.events),
            " in the same range: some were deleted for good, or scavenged, since the file was begun; remove the file, "
            "and archive again"));
}

std::optional<failure> refuse_rest(const std::string& path, const held_range& left) {
    if (left.events == 0) return std::nullopt;
    return failure(errc::archive_refused,
        message("archiving to ", quoted_for_message(path), ": the log still holds ", text(left.events),
            " events in the range of the file that are not in it, the first at position ", text(left.first->position),
            ": they were imported meanwhile, and were kept; archive them to another file"));
}

} // namespace eventstore::maintenance
