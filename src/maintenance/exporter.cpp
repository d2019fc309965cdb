#include "maintenance/exporter.hpp"

#include "base/text.hpp"
#include "maintenance/export_output.hpp"
#include "maintenance/exported_rows.hpp"
#include "maintenance/exported_state.hpp"
#include "maintenance/line_text.hpp"
#include "storage/sql.hpp"
#include "storage/statements.hpp"

#include <eventstore/version.hpp>

#include <chrono>
#include <unordered_map>
#include <utility>
#include <vector>

namespace eventstore::maintenance {

namespace {

using detail::message;
using detail::steady_time;
using postgres::connection;
namespace sql = storage::sql;
using postgres::type_oid;

constexpr std::int64_t events_of_copy = 100'000;              // so that no snapshot is held for long
constexpr std::size_t bytes_of_window = std::size_t{1} << 20; // of rows, before their streams are looked for
constexpr std::size_t bytes_of_write = std::size_t{1} << 20;
constexpr std::size_t bytes_of_names = std::size_t{8} << 20;
constexpr std::chrono::milliseconds longest_wait = std::chrono::hours(24); // what limits it is the connection

class exporter {
public:
    exporter(export_sessions sessions, std::string schema, std::string path, export_options options,
        detail::environment where, asio::any_io_executor strand, std::shared_ptr<const std::atomic<bool>> is_stopped)
        : sessions_(std::move(sessions)),
          schema_(std::move(schema)),
          path_(std::move(path)),
          options_(std::move(options)),
          environment_(std::move(where)),
          out_(path_, std::move(strand), is_stopped),
          is_stopped_(std::move(is_stopped)) {}

    static asio::awaitable<result<event_file_summary>> run(std::shared_ptr<exporter> self);

private:
    steady_time deadline() const { return environment_.in(longest_wait); }
    postgres::statement statement(std::string_view text, std::vector<postgres::type_oid> types) const {
        postgres::statement made;
        made.text = storage::for_schema(text, schema_);
        made.types = std::move(types);
        made.doing = "exporting the log";
        return made;
    }

    asio::awaitable<result<postgres::answer>> ask_state(std::shared_ptr<connection> of, std::int64_t position);
    asio::awaitable<result<void>> look();
    std::optional<failure> check_kept() const;
    asio::awaitable<result<void>> copy_events();
    asio::awaitable<result<void>> copy_some();
    asio::awaitable<result<void>> write_window();
    asio::awaitable<result<void>> learn_names();
    void add_event(std::string_view bytes);
    asio::awaitable<result<void>> check_count(std::int64_t through_position, std::int64_t events);
    asio::awaitable<result<void>> copy_state();
    asio::awaitable<result<void>> copy_rows(const state_part& part);
    asio::awaitable<result<void>> write_out(bool all);
    asio::awaitable<result<void>> finish();
    void tell_progress();

    const export_sessions sessions_;
    const std::string schema_;
    const std::string path_;
    const export_options options_;
    const detail::environment environment_;
    export_output out_;
    const std::shared_ptr<const std::atomic<bool>> is_stopped_;

    bool is_jsonb_ = false;
    bool has_links_ = false; // the log, before its end
    header_line header_;
    std::optional<uuid> event_there_; // at the last position of the file
    std::int64_t begin_ = 0;          // events after this position are written by this run
    std::int64_t through_ = 0;
    line_writer lines_;
    end_line end_;
    std::int64_t last_position_ = 0;
    std::int64_t new_events_ = 0;

    std::string window_; // rows, each after its length
    std::int64_t rows_of_copy_ = 0;
    std::int64_t position_of_copy_ = 0;
    struct known_stream {
        std::string name; // as a JSON string; empty: there is no such stream any more
        microseconds_of_postgres created_at = 0;
    };
    std::unordered_map<std::int64_t, known_stream> names_;
    std::size_t bytes_of_known_names_ = 0;
    std::vector<std::int64_t> unknown_;
};

/// The state of the log as one of the sessions sees it.
asio::awaitable<result<postgres::answer>> exporter::ask_state(std::shared_ptr<connection> of, std::int64_t position) {
    postgres::parameters arguments;
    arguments.add(position);
    const auto ask = statement(sql::export_state, {type_oid::int8});
    auto asking = connection::run_statement(of, ask, std::move(arguments), deadline());
    auto state = co_await std::move(asking);
    if (state && state->rows() != 1)
        co_return failure(errc::schema_missing,
            message(
                "schema ", detail::quoted_for_message(schema_), " has no row in log_state: it holds no event store"));
    co_return state;
}

asio::awaitable<result<void>> exporter::look() {
    const exported_part& kept = out_.kept();
    auto asking = ask_state(sessions_.questions, kept.last_position);
    const auto state = co_await std::move(asking);
    if (!state) co_return state.error();
    // The sessions may be on different standbys, of which one is ahead.
    auto asking_other = ask_state(sessions_.rows, kept.last_position);
    const auto other = co_await std::move(asking_other);
    if (!other) co_return other.error();
    const std::int64_t head = std::min(state->int8(0, 0), other->int8(0, 0));
    is_jsonb_ = state->boolean(0, 1);
    if (!state->is_null(0, 6)) event_there_ = state->id(0, 6);
    has_links_ = state->boolean(0, 7);
    through_ = options_.through_position() == 0 ? head : std::min(head, options_.through_position());
    if (kept.has_header) {
        header_ = kept.header;
        if (const auto why = check_kept()) co_return *why;
        // Before anything is cut off: a file that cannot be gone on with stays whole.
        auto checking = check_count(kept.last_position, kept.events);
        const auto checked = co_await std::move(checking);
        if (!checked) co_return checked.error();
    } else {
        header_.payload = is_jsonb_ ? payload_format::jsonb : payload_format::bytea;
        header_.after_position = options_.from_position() - 1;
        header_.schema = schema_;
        header_.schema_version = state->int8(0, 2);
        header_.database = state->bytes(0, 3);
        header_.begun_at = state->int8(0, 4);
        header_.log_state = state->bytes(0, 5);
        header_.library = version_string;
        if (header_.after_position > through_)
            co_return failure(errc::invalid_argument,
                message("the export should begin at position ", std::to_string(options_.from_position()),
                    ", and the log, or the range, ends at ", std::to_string(through_)));
    }
    begin_ = last_position_ = std::max(kept.last_position, header_.after_position);
    end_.events = kept.events;
    end_.links = kept.links;
    lines_ = line_writer(kept.checksum);
    if (!kept.has_header) lines_.add(header_);
    auto beginning = out_.begin();
    co_return co_await std::move(beginning);
}

/// Whether the file can be gone on with.
std::optional<failure> exporter::check_kept() const {
    const exported_part& kept = out_.kept();
    const auto refuse = [&](std::string_view why) {
        return failure(errc::file_damaged,
            message(detail::quoted_for_message(path_), " exists, and ", why, "; remove it, or name another file"));
    };
    if ((kept.header.payload == payload_format::jsonb) != is_jsonb_)
        return refuse("is the export of a log with another payload format");
    if (kept.header.after_position != options_.from_position() - 1)
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

/// Asks for streams that were met and are not known.
asio::awaitable<result<void>> exporter::learn_names() {
    postgres::parameters arguments;
    arguments.begin_array(type_oid::int8, unknown_.size());
    for (const std::int64_t id : unknown_) arguments.add(id);
    const auto ask = statement(sql::export_stream_names, {type_oid::int8_array});
    auto asking = connection::run_statement(sessions_.questions, ask, std::move(arguments), deadline());
    const auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    for (int row = 0; row < found->rows(); ++row) {
        const std::string_view name = found->bytes(row, 1);
        known_stream& known = names_[found->int8(row, 0)];
        if (!name.starts_with('$')) add_string(known.name, name); // else it is being deleted for good
        known.created_at = found->int8(row, 2);
        bytes_of_known_names_ += known.name.size() + 100;
    }
    unknown_.clear();
    co_return result<void>();
}

void exporter::add_event(std::string_view bytes) {
    copied_row row(bytes);
    row.begin();
    event_line event;
    event.position = row.number();
    const std::int64_t stream = row.number();
    event.version = row.number();
    event.created_at = row.number();
    event.id = row.next_id().value_or(uuid());
    event.correlation_id = row.next_id();
    event.causation_id = row.next_id();
    event.link_to = row.number();
    const auto original = has_links_ ? row.next_number() : std::nullopt;
    event.type = row.text();
    event.metadata = row.payload(is_jsonb_);
    event.data = row.payload(is_jsonb_);
    const known_stream& known = names_.find(stream)->second;
    if (known.name.empty()) return;
    if (event.version == 1 && known.created_at != event.created_at) event.stream_created_at = known.created_at;
    if (event.link_to != 0) {
        if (!original || names_.find(*original)->second.name.empty()) return;
        ++end_.links;
    }
    ++end_.events;
    ++new_events_;
    last_position_ = event.position;
    lines_.add(event, known.name);
}

/// Writes the rows that have come.
asio::awaitable<result<void>> exporter::write_window() {
    if (!unknown_.empty()) {
        auto learning = learn_names();
        const auto learnt = co_await std::move(learning);
        if (!learnt) co_return learnt.error();
    }
    for (std::string_view rest = window_; !rest.empty();) {
        const std::uint32_t size = boost::endian::load_big_u32(reinterpret_cast<const unsigned char*>(rest.data()));
        add_event(rest.substr(4, size));
        rest.remove_prefix(4 + size);
    }
    window_.clear();
    if (window_.capacity() > 4 * bytes_of_window) window_.shrink_to_fit();
    auto writing = write_out(false);
    co_return co_await std::move(writing);
}

/// One COPY.
asio::awaitable<result<void>> exporter::copy_some() {
    // The numbers first: the name of a schema may look like a parameter.
    const std::string numbered =
        with_numbers(storage::for_links(sql::export_events, has_links_), {position_of_copy_, through_, events_of_copy});
    const std::string text = storage::for_schema(numbered, schema_);
    auto beginning = connection::begin_copy(sessions_.rows, text, deadline());
    const auto begun = co_await std::move(beginning);
    if (!begun) co_return begun.error();
    rows_of_copy_ = 0;
    // What is known may be of streams that are gone by now.
    names_.clear();
    bytes_of_known_names_ = 0;
    copied_pieces pieces;
    const auto know = [this](std::int64_t stream) {
        if (names_.try_emplace(stream).second) unknown_.push_back(stream);
    };
    const connection::copy_sink sink = [this, &pieces, &know](std::string_view piece) {
        const std::string_view bytes = pieces.row_of(piece);
        if (bytes.empty()) return true;
        copied_row row(bytes);
        row.begin();
        position_of_copy_ = row.number();
        know(row.number());
        if (has_links_) {
            for (int i = 0; i < 6; ++i) row.next();
            if (const auto original = row.next_number()) know(*original);
        }
        ++rows_of_copy_;
        char length[4];
        boost::endian::store_big_u32(
            reinterpret_cast<unsigned char*>(length), static_cast<std::uint32_t>(bytes.size()));
        window_.append(length, sizeof length);
        window_ += bytes;
        return window_.size() < bytes_of_window;
    };
    for (auto state = connection::copy_state::going_on; state != connection::copy_state::ended;) {
        auto receiving = connection::receive_copied(sessions_.rows, sink, deadline());
        const auto received = co_await std::move(receiving);
        if (!received) co_return received.error();
        state = *received;
        auto writing = write_window();
        const auto written = co_await std::move(writing);
        if (!written) co_return written.error();
        if (bytes_of_known_names_ > bytes_of_names) {
            names_.clear();
            bytes_of_known_names_ = 0;
        }
    }
    co_return result<void>();
}

asio::awaitable<result<void>> exporter::copy_events() {
    position_of_copy_ = last_position_;
    do {
        auto copying = copy_some();
        const auto copied = co_await std::move(copying);
        if (!copied) co_return copied.error();
    } while (rows_of_copy_ == events_of_copy);
    co_return result<void>();
}

/// That nothing of what is in the file up to a position has gone meanwhile: a stream that was deleted for good and made anew
/// would be there twice. Nothing is ever added to the log below its end.
asio::awaitable<result<void>> exporter::check_count(std::int64_t through_position, std::int64_t events) {
    auto asking = ask_state(sessions_.questions, 0);
    const auto state = co_await std::move(asking);
    if (!state) co_return state.error();
    if (state->bytes(0, 5) == header_.log_state) co_return result<void>();
    postgres::parameters range;
    range.add(header_.after_position);
    range.add(through_position);
    const auto count = statement(sql::export_count, {type_oid::int8, type_oid::int8});
    auto counting = connection::run_statement(sessions_.questions, count, std::move(range), deadline());
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
    const std::string copy = storage::for_schema(with_numbers(std::string(part.text), {through_}), schema_);
    auto beginning = connection::begin_copy(sessions_.rows, copy, deadline());
    const auto begun = co_await std::move(beginning);
    if (!begun) co_return begun.error();
    copied_pieces pieces;
    const connection::copy_sink sink = [this, &pieces, add = part.add](std::string_view piece) {
        copied_row row(pieces.row_of(piece));
        if (row.begin() >= 0) add(lines_, end_, row);
        return lines_.size() < bytes_of_write;
    };
    for (auto state = connection::copy_state::going_on; state != connection::copy_state::ended;) {
        auto receiving = connection::receive_copied(sessions_.rows, sink, deadline());
        const auto received = co_await std::move(receiving);
        if (!received) co_return received.error();
        state = *received;
        auto writing = write_out(false);
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

void exporter::tell_progress() {
    if (!options_.on_progress()) return;
    transfer_progress now;
    now.events = new_events_;
    now.position = last_position_;
    now.begin = begin_;
    now.end = through_;
    now.bytes = out_.size();
    options_.on_progress()(now);
}

/// Has the lines written while others are made.
asio::awaitable<result<void>> exporter::write_out(bool all) {
    if (*is_stopped_) co_return failure(errc::cancelled, "the export was cancelled");
    if (lines_.size() < (all ? 1 : bytes_of_write)) co_return result<void>();
    auto writing = out_.write(lines_);
    const auto done = co_await std::move(writing);
    if (!done) co_return done.error();
    tell_progress();
    co_return result<void>();
}

asio::awaitable<result<void>> exporter::finish() {
    auto writing = write_out(true);
    const auto written = co_await std::move(writing);
    if (!written) co_return written.error();
    auto finishing = out_.finish();
    co_return co_await std::move(finishing);
}

asio::awaitable<result<event_file_summary>> exporter::run(std::shared_ptr<exporter> self) {
    auto opening = self->out_.open();
    const auto opened = co_await std::move(opening);
    if (!opened) co_return opened.error();
    auto looking = self->look();
    const auto looked = co_await std::move(looking);
    if (!looked) co_return looked.error();
    self->tell_progress();
    auto copying = self->copy_events();
    const auto copied = co_await std::move(copying);
    if (!copied) co_return copied.error();
    auto checking = self->check_count(self->through_, self->end_.events);
    const auto checked = co_await std::move(checking);
    if (!checked) co_return checked.error();
    if (self->header_.after_position == 0 && !self->options_.is_events_only()) {
        auto copying_state = self->copy_state();
        const auto state = co_await std::move(copying_state);
        if (!state) co_return state.error();
    }
    event_file_summary made;
    self->end_.through_position = self->through_;
    self->lines_.add(self->end_);
    auto finishing = self->finish();
    const auto finished = co_await std::move(finishing);
    if (!finished) co_return finished.error();
    self->tell_progress();
    made.events = self->end_.events;
    made.links = self->end_.links;
    made.after_position = self->header_.after_position;
    made.through_position = self->through_;
    made.last_position = self->end_.events > 0 ? self->last_position_ : 0;
    made.streams = self->end_.streams;
    made.snapshots = self->end_.snapshots;
    made.subscriptions = self->end_.subscriptions;
    made.parked = self->end_.parked;
    made.bytes = self->out_.size();
    made.payload = self->header_.payload;
    made.checksum = self->lines_.checksum_of_line();
    made.new_events = self->new_events_;
    co_return made;
}

} // namespace

asio::awaitable<result<event_file_summary>> export_log(export_sessions sessions, std::string schema, std::string path,
    export_options options, detail::environment where, asio::any_io_executor strand,
    std::shared_ptr<const std::atomic<bool>> is_stopped) {
    const auto work = std::make_shared<exporter>(std::move(sessions), std::move(schema), std::move(path),
        std::move(options), std::move(where), std::move(strand), std::move(is_stopped));
    auto running = exporter::run(work);
    co_return co_await std::move(running);
}

} // namespace eventstore::maintenance
