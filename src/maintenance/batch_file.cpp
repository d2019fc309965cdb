#include "maintenance/batch_file.hpp"

#include <utility>

namespace eventstore::maintenance {

namespace {

template <class Line>
std::optional<std::string> take_line(line_cursor cursor, file_rules& rules, import_batch& batch) {
    Line line;
    if (!cursor.read(line)) return cursor.why();
    if (auto why = rules.take(line)) return why;
    batch.add(line);
    return std::nullopt;
}

} // namespace

result<std::unique_ptr<batch_file>> batch_file::open(const std::string& path, detail::stop_question is_stopped) {
    auto lines = line_file::open(path, std::move(is_stopped));
    if (!lines) return lines.error();
    std::unique_ptr<batch_file> opened(new batch_file(std::move(*lines)));
    const auto first = opened->lines_->next();
    if (!first) return first.error();
    if (!*first) return opened->lines_->damaged_at(1, "the file is empty");
    line_cursor cursor(**first, opened->room_);
    if (!cursor.read(opened->header_)) return opened->lines_->damaged(cursor.why());
    if (const auto why = opened->rules_.take(opened->header_)) return opened->lines_->damaged(*why);
    return opened;
}

std::optional<std::string> batch_file::add(std::string_view body, import_batch& batch) {
    line_cursor cursor(body, room_);
    switch (kind_of_line(body)) {
    case line_kind::event:
        if (!cursor.read(event_)) return cursor.why();
        if (auto why = rules_.take(event_)) return why;
        if (!batch.has_events()) batch.line_before = lines_->number() - 1;
        batch.add(event_);
        return std::nullopt;
    case line_kind::stream: return take_line<stream_line>(cursor, rules_, batch);
    case line_kind::snapshot: return take_line<snapshot_line>(cursor, rules_, batch);
    case line_kind::subscription: return take_line<subscription_line>(cursor, rules_, batch);
    case line_kind::parked: return take_line<parked_line>(cursor, rules_, batch);
    case line_kind::end: {
        end_line end;
        return cursor.read(end) ? rules_.take(end) : cursor.why();
    }
    case line_kind::header: return rules_.take(header_);
    case line_kind::unknown: break;
    }
    return "no export of this version writes such a line";
}

result<bool> batch_file::fill(import_batch& batch, std::size_t most_events, std::size_t most_bytes) {
    do {
        const auto line = lines_->next();
        if (!line) return line.error();
        if (!*line) {
            if (const auto why = rules_.at_end()) return lines_->damaged_at(lines_->number() + 1, *why);
            rules_.summary().bytes = lines_->offset();
            rules_.summary().checksum = lines_->checksum_of_line();
            return false;
        }
        if (const auto why = add(**line, batch)) return lines_->damaged(*why);
    } while (batch.events() < most_events && batch.bytes() < most_bytes);
    return true;
}

} // namespace eventstore::maintenance
