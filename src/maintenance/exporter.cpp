#include "maintenance/exporter.hpp"

#include "base/text.hpp"
#include "maintenance/exported_events.hpp"
#include "maintenance/exported_lines.hpp"
#include "maintenance/exported_rows.hpp"
#include "maintenance/exported_state.hpp"
#include "storage/sql.hpp"
#include "storage/statements.hpp"

#include <eventstore/version.hpp>

#include <algorithm>
#include <utility>

namespace eventstore::maintenance {

namespace {

using detail::message;
using detail::steady_time;
using postgres::connection;
namespace sql = storage::sql;
using postgres::type_oid;

class exporter {
public:
    exporter(
        export_sessions sessions, std::string schema, detail::environment where, std::shared_ptr<exported_lines> lines)
        : sessions_(std::move(sessions)),
          schema_(std::move(schema)),
          environment_(std::move(where)),
          lines_(std::move(lines)) {}

    static asio::awaitable<result<event_file_summary>> run(std::shared_ptr<exporter> self);

private:
    steady_time deadline() const { return environment_.in(export_sessions::longest_wait); }
    asio::awaitable<result<postgres::answer>> ask(
        std::string_view text, std::vector<type_oid> types, postgres::parameters arguments) const {
        return export_sessions::ask(sessions_.questions, storage::for_schema(text, schema_), std::move(types),
            std::move(arguments), deadline());
    }

    asio::awaitable<result<postgres::answer>> ask_state(std::shared_ptr<connection> of, std::int64_t position);
    asio::awaitable<result<void>> look();
    std::optional<failure> check_kept() const;
    asio::awaitable<result<void>> check_count(std::int64_t through_position, std::int64_t events);
    asio::awaitable<result<void>> copy_state();
    asio::awaitable<result<void>> copy_rows(const state_part& part);

    const export_sessions sessions_;
    const std::string schema_;
    const detail::environment environment_;
    const std::shared_ptr<exported_lines> lines_;

    exported_events::kind log_;
    header_line header_;
    std::optional<uuid> event_there_; // at the last position of the file
    std::int64_t through_ = 0;
};

/// The state of the log as one of the sessions sees it.
asio::awaitable<result<postgres::answer>> exporter::ask_state(std::shared_ptr<connection> of, std::int64_t position) {
    postgres::parameters arguments;
    arguments.add(position);
    auto asking = export_sessions::ask(std::move(of), storage::for_schema(sql::export_state, schema_), {type_oid::int8},
        std::move(arguments), deadline());
    auto state = co_await std::move(asking);
    if (state && state->rows() != 1)
        co_return failure(errc::schema_missing,
            message(
                "schema ", detail::quoted_for_message(schema_), " has no row in log_state: it holds no event store"));
    co_return state;
}

asio::awaitable<result<void>> exporter::look() {
    const exported_part& kept = lines_->file().kept();
    auto asking = ask_state(sessions_.questions, kept.last_position);
    const auto state = co_await std::move(asking);
    if (!state) co_return state.error();
    // The sessions may be on different standbys, of which one is ahead.
    auto asking_other = ask_state(sessions_.rows, kept.last_position);
    const auto other = co_await std::move(asking_other);
    if (!other) co_return other.error();
    const std::int64_t head = std::min(state->int8(0, 0), other->int8(0, 0));
    log_.is_jsonb = state->boolean(0, 1);
    if (!state->is_null(0, 6)) event_there_ = state->id(0, 6);
    log_.has_links = state->boolean(0, 7);
    const std::int64_t last = lines_->options().through_position();
    through_ = last == 0 ? head : std::min(head, last);
    if (kept.has_header) {
        header_ = kept.header;
        if (const auto why = check_kept()) co_return *why;
        // Before anything is cut off: a file that cannot be gone on with stays whole.
        auto checking = check_count(kept.last_position, kept.events);
        const auto checked = co_await std::move(checking);
        if (!checked) co_return checked.error();
    } else {
        header_.payload = log_.is_jsonb ? payload_format::jsonb : payload_format::bytea;
        header_.after_position = lines_->options().from_position() - 1;
        header_.schema = schema_;
        header_.schema_version = state->int8(0, 2);
        header_.database = state->bytes(0, 3);
        header_.begun_at = state->int8(0, 4);
        header_.log_state = state->bytes(0, 5);
        header_.library = version_string;
        if (header_.after_position > through_)
            co_return failure(errc::invalid_argument,
                message("the export should begin at position ", std::to_string(lines_->options().from_position()),
                    ", and the log, or the range, ends at ", std::to_string(through_)));
    }
    lines_->begin(std::max(kept.last_position, header_.after_position), through_);
    if (!kept.has_header) lines_->writer().add(header_);
    auto beginning = lines_->file().begin();
    co_return co_await std::move(beginning);
}

/// Whether the file can be gone on with.
std::optional<failure> exporter::check_kept() const {
    const exported_part& kept = lines_->file().kept();
    const auto refuse = [&](std::string_view why) {
        return failure(errc::file_damaged,
            message(detail::quoted_for_message(lines_->file().path()), " exists, and ", why,
                "; remove it, or name another file"));
    };
    if ((kept.header.payload == payload_format::jsonb) != log_.is_jsonb)
        return refuse("is the export of a log with another payload format");
    if (kept.header.after_position != lines_->options().from_position() - 1)
        return refuse(message("is an export that begins at position ", std::to_string(kept.header.after_position + 1)));
    if (kept.last_position > through_)
        return refuse(message("goes to position ", std::to_string(kept.last_position),
            ", beyond the end of the log or of the range, which is ", std::to_string(through_)));
    if (kept.last_position > 0 && event_there_ != kept.last_id)
        return refuse(message("is the export of another log, or its last event was deleted: at position ",
            std::to_string(kept.last_position), " the log holds ",
            event_there_ ? to_string(*event_there_) : std::string("no event"), ", the file ", to_string(kept.last_id)));
    return std::nullopt;
}

/// That nothing of what is in the file up to a position has gone meanwhile: a stream that was deleted for good and made anew
/// would be there twice. Nothing is ever added to the log below its end.
asio::awaitable<result<void>> exporter::check_count(std::int64_t through_position, std::int64_t events) {
    auto asking = ask_state(sessions_.questions, 0);
    const auto state = co_await std::move(asking);
    if (!state) co_return state.error();
    lines_->counts().floor = std::min(state->int8(0, 8), through_);
    if (state->bytes(0, 5) == header_.log_state) co_return result<void>();
    postgres::parameters range;
    range.add(header_.after_position);
    range.add(through_position);
    auto counting = ask(sql::export_count, {type_oid::int8, type_oid::int8}, std::move(range));
    const auto counted = co_await std::move(counting);
    if (!counted) co_return counted.error();
    if (counted->int8(0, 0) == events) co_return result<void>();
    co_return failure(errc::log_truncated,
        message("the file has ", std::to_string(events), " events, and the log ", std::to_string(counted->int8(0, 0)),
            " in the same range: some were deleted for good or scavenged since the export was begun; export to a new "
            "file, or, if this one is whole, the range that begins at position ",
            std::to_string(through_position + 1)));
}

asio::awaitable<result<void>> exporter::copy_rows(const state_part& part) {
    // The numbers first: the name of a schema may look like a parameter.
    const std::string copy = storage::for_schema(with_numbers(std::string(part.text), {through_}), schema_);
    auto beginning = connection::begin_copy(sessions_.rows, copy, deadline());
    const auto begun = co_await std::move(beginning);
    if (!begun) co_return begun.error();
    copied_pieces pieces;
    const connection::copy_sink sink = [this, &pieces, add = part.add](std::string_view piece) {
        copied_row row(pieces.row_of(piece));
        if (row.begin() >= 0) add(lines_->writer(), lines_->counts(), row);
        return !lines_->is_full();
    };
    for (auto state = connection::copy_state::going_on; state != connection::copy_state::ended;) {
        auto receiving = connection::receive_copied(sessions_.rows, sink, deadline());
        const auto received = co_await std::move(receiving);
        if (!received) co_return received.error();
        state = *received;
        auto writing = lines_->write_some();
        const auto written = co_await std::move(writing);
        if (!written) co_return written.error();
    }
    co_return result<void>();
}

/// What is not in the log, all of it as of one moment.
asio::awaitable<result<void>> exporter::copy_state() {
    std::string begin = "begin isolation level repeatable read read only";
    auto beginning = connection::run_script(sessions_.rows, begin, deadline());
    const auto begun = co_await std::move(beginning);
    if (!begun) co_return begun.error();
    for (const state_part& part : state_parts()) {
        auto copying = copy_rows(part);
        const auto copied = co_await std::move(copying);
        if (!copied) co_return copied.error();
    }
    std::string commit = "commit";
    auto committing = connection::run_script(sessions_.rows, commit, deadline());
    const auto committed = co_await std::move(committing);
    if (!committed) co_return committed.error();
    co_return result<void>();
}

asio::awaitable<result<event_file_summary>> exporter::run(std::shared_ptr<exporter> self) {
    const std::shared_ptr<exported_lines> lines = self->lines_;
    auto opening = lines->file().open();
    const auto opened = co_await std::move(opening);
    if (!opened) co_return opened.error();
    auto looking = self->look();
    const auto looked = co_await std::move(looking);
    if (!looked) co_return looked.error();
    lines->tell_progress();
    const auto events =
        std::make_shared<exported_events>(self->sessions_, self->schema_, self->environment_, lines, self->log_);
    auto copying = exported_events::copy(events);
    const auto copied = co_await std::move(copying);
    if (!copied) co_return copied.error();
    auto checking = self->check_count(self->through_, lines->counts().events);
    const auto checked = co_await std::move(checking);
    if (!checked) co_return checked.error();
    if (self->header_.after_position == 0 && !lines->options().is_events_only()) {
        auto copying_state = self->copy_state();
        const auto state = co_await std::move(copying_state);
        if (!state) co_return state.error();
    }
    auto finishing = lines->finish();
    const auto finished = co_await std::move(finishing);
    if (!finished) co_return finished.error();
    co_return lines->summary(self->header_);
}

} // namespace

asio::awaitable<result<postgres::answer>> export_sessions::ask(std::shared_ptr<connection> of, std::string text,
    std::vector<type_oid> types, postgres::parameters arguments, steady_time deadline) {
    postgres::statement made;
    made.text = std::move(text);
    made.types = std::move(types);
    made.doing = "exporting the log";
    auto asking = connection::run_statement(std::move(of), made, std::move(arguments), deadline);
    co_return co_await std::move(asking);
}

asio::awaitable<result<event_file_summary>> export_log(export_sessions sessions, std::string schema, std::string path,
    export_options options, detail::environment where, asio::any_io_executor strand,
    std::shared_ptr<const std::atomic<bool>> is_stopped) {
    auto lines =
        std::make_shared<exported_lines>(std::move(path), std::move(options), std::move(strand), std::move(is_stopped));
    const auto work =
        std::make_shared<exporter>(std::move(sessions), std::move(schema), std::move(where), std::move(lines));
    auto running = exporter::run(work);
    co_return co_await std::move(running);
}

} // namespace eventstore::maintenance
