#include "read/reader.hpp"

#include "base/text.hpp"
#include "read/page_query.hpp"
#include "storage/continuity.hpp"
#include "storage/event_query.hpp"
#include "storage/event_rows.hpp"
#include "storage/streams.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::read {

namespace {

using detail::message;
namespace column = storage::column;
using postgres::type_oid;
using storage::about_stream;
using storage::continuity;
using storage::continuity_of;
using storage::decode_event;

constexpr std::int64_t first_window = 20'000;   // versions or positions that a filter looks at in one statement,
constexpr std::int64_t last_window = 1'000'000; // growing while it finds little
constexpr std::size_t largest_page = 1'000'000; // events
constexpr std::size_t most_bytes = std::size_t{1} << 30; // of a page
constexpr std::int64_t furthest = std::int64_t{1} << 62; // leaves the server room to add a window

failure cut_back_meanwhile() {
    return failure(errc::log_truncated,
        {.message =
                "reading: the log was cut back while a page was read (a restored backup, or a fail-over); read again",
            .retry_helps = true});
}

failure without_log_state() {
    return failure(errc::schema_missing,
        "following the log: the schema holds no event store (log_state is empty), or one that is being restored");
}

failure standby_is_behind(std::int64_t seen, std::int64_t head) {
    return failure(errc::connection_lost,
        {.message =
                message("following the log: the server is a standby whose log ends at position ", std::to_string(head),
                    ", and position ", std::to_string(seen), " was seen; it goes on when it has got there"),
            .retry_helps = true});
}

} // namespace

reader::reader(std::shared_ptr<const detail::clock> time, std::shared_ptr<postgres::pool> pool,
    std::shared_ptr<const storage::statements> known, std::shared_ptr<detail::store_metrics> metrics)
    : clock_(std::move(time)), pool_(std::move(pool)), statements_(std::move(known)), metrics_(std::move(metrics)) {}

// read_stream and read_all bound a page by its rows: as many as max_bytes holds of the largest event of the log.
bool reader::is_safe_without_sizes(const read_options& options) const noexcept {
    const auto largest = static_cast<std::size_t>(largest_event_.load(std::memory_order_relaxed));
    return options.query().is_everything() && options.count() <= options.max_bytes() / largest;
}

reader::task<event_page> reader::read(
    self_ptr self, std::string stream, read_options options, detail::steady_time deadline) {
    page_query query = make_query(std::move(stream), std::move(options), deadline);
    const bool is_plain = self->is_safe_without_sizes(query.options);
    const auto begun = self->clock_->now();
    auto reading = is_plain ? read_plain(self, query) : read_bounded(self, query);
    auto page = co_await std::move(reading);
    if (page) self->measure(begun);
    co_return page;
}

reader::task<reader::snapshot> reader::read_snapshot(
    self_ptr self, std::string stream, read_options options, detail::steady_time deadline, std::int64_t seen) {
    page_query query = make_query(std::move(stream), std::move(options), deadline);
    query.seen = seen;
    return read_query(std::move(self), std::move(query));
}

reader::task<reader::snapshot> reader::read_with_links(
    self_ptr self, read_options options, detail::steady_time deadline, std::int64_t seen) {
    page_query query = make_query("$all", std::move(options), deadline);
    query.with_links = true;
    query.seen = seen;
    return read_query(std::move(self), std::move(query));
}

reader::task<reader::snapshot> reader::read_query(self_ptr self, page_query query) {
    const auto begun = self->clock_->now();
    auto reading = self->is_safe_without_sizes(query.options) ? read_plain(self, query) : read_bounded(self, query);
    auto page = co_await std::move(reading);
    if (!page) co_return page.error();
    self->measure(begun);
    snapshot found;
    found.page = std::move(*page);
    found.head = query.head;
    found.timeline = query.timeline;
    found.stream_id = query.stream_id;
    found.seen_event = query.seen_event;
    found.last = query.last;
    found.end = query.end;
    co_return found;
}

void reader::take_anchor(page_query& query) {
    const std::lock_guard lock(mutex_);
    query.anchor = anchor_;
}

// Ids are given out again when the log is cut back: the names that were learnt from what is lost go with it.
void reader::check_names(const page_query& query) {
    if (!query.is_log() || query.anchor.place == 0 || query.anchor.event == query.anchor_event) return;
    const std::lock_guard lock(mutex_);
    if (anchor_.event != query.anchor.event) return; // another page has seen to it
    names_.forget_all();
    anchor_ = placed_event();
}

void reader::anchor_names(const page_query& query) {
    if (!query.is_log()) return;
    const placed_event& newest = query.end.event ? query.end : query.last;
    if (!newest.event) return;
    const std::lock_guard lock(mutex_);
    if (newest.place > anchor_.place) anchor_ = newest;
}

page_query reader::make_query(std::string stream, read_options options, detail::steady_time deadline) {
    page_query query;
    query.stream = stream == "$all" ? std::string() : std::move(stream);
    query.from = options.from().value_or(options.is_backward() ? furthest : 1);
    query.from = std::clamp<std::int64_t>(query.from, options.is_backward() ? 0 : 1, furthest);
    // More is cut off, as any page may be.
    options.count(std::min(options.count(), largest_page)).max_bytes(std::min(options.max_bytes(), most_bytes));
    query.options = std::move(options);
    query.deadline = deadline;
    return query;
}

reader::task<event_page> reader::read_plain(self_ptr self, page_query& query) {
    const storage::statements& all = *self->statements_;
    postgres::parameters arguments;
    if (!query.is_log()) arguments.add(query.stream);
    arguments.add(query.from);
    arguments.add(query.room());
    arguments.add(static_cast<std::int64_t>(query.options.max_bytes()));
    const bool goes_on = query.seen > 0;
    const postgres::statement* statement = nullptr;
    if (query.is_log()) {
        statement = &all.read_all[query.is_backward()];
        arguments.add(query.with_links);
        arguments.add(query.seen);
        self->take_anchor(query);
        arguments.add(query.anchor.place);
    } else {
        const bool has_links = self->linked_.has(query.stream);
        statement = has_links ? &all.read_links[query.is_backward()] : &all.read_stream[query.is_backward()];
        if (goes_on) {
            statement = has_links ? &all.read_links_on[query.is_backward()] : &all.read_stream_on[query.is_backward()];
            arguments.add(query.seen);
        }
    }

    auto asking = postgres::pool::execute(self->pool_, *statement, std::move(arguments), query.deadline);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    const auto taken = query.take(*answer);
    if (!query.links.empty() && !query.is_log()) self->linked_.add(query.stream);
    if (taken.is_missing) co_return about_stream(errc::stream_not_found, query.stream, "does not exist");
    if (query.head < 0) co_return about_stream(errc::stream_deleted, query.stream, "was deleted");

    query.complete = taken.rows == 0 || query.is_end(query.is_backward() ? query.from + 1 : query.from - 1);
    if (!query.complete && taken.rows < query.options.count()) {
        // Fewer than were asked for, though there is more: an event has come that is larger than this reader knew of.
        const std::size_t before = query.rows.size();
        auto reading = read_bounded(self, query);
        auto more = co_await std::move(reading);
        if (more && (more->size() > before || !more->is_complete())) {
            const auto limit = static_cast<std::int64_t>(query.options.max_bytes() / std::max<std::size_t>(before, 1));
            self->largest_event_.store(std::max(limit, self->largest_event_.load()));
        }
        co_return more;
    }
    auto completing = complete(self, query);
    if (const failure why = co_await std::move(completing); why.code() != errc()) co_return why;
    self->events_read_.fetch_add(query.rows.size(), std::memory_order_relaxed);
    co_return std::move(query).make_page();
}

reader::task<event_page> reader::read_bounded(self_ptr self, page_query& query) {
    const storage::statements& all = *self->statements_;
    const auto begun = self->clock_->now();
    const auto soft_deadline = begun + (query.deadline - begun) / 2;
    std::int64_t window = std::max(first_window, static_cast<std::int64_t>(query.options.count()));
    const postgres::statement& statement =
        query.is_log() ? all.read_all_bounded[query.is_backward()] : all.read_stream_bounded[query.is_backward()];

    for (;;) {
        postgres::parameters arguments;
        if (!query.is_log()) arguments.add(query.stream);
        arguments.add(query.from);
        arguments.add(query.room());
        arguments.add(std::max<std::int64_t>(query.bytes_left(), 1));
        storage::encode(arguments, query.options.query());
        arguments.add(window);
        if (query.is_log()) arguments.add(query.with_links);
        arguments.add(query.place_to_prove());
        if (query.is_log()) {
            self->take_anchor(query);
            arguments.add(query.anchor.place);
        }

        std::int64_t asked_from = query.from;
        const std::int64_t asked_for = query.room();
        auto asking = postgres::pool::execute(self->pool_, statement, std::move(arguments), query.deadline);
        const auto answer = co_await std::move(asking);
        if (!answer) co_return answer.error();
        const auto taken = query.take(*answer, window);
        if (taken.is_lost) co_return cut_back_meanwhile();
        if (taken.is_missing) co_return about_stream(errc::stream_not_found, query.stream, "does not exist");
        if (query.head < 0) co_return about_stream(errc::stream_deleted, query.stream, "was deleted");
        if (taken.is_cut || query.bytes_left() < 0) { // one event alone may be too large
            query.complete = query.is_end(query.place(query.rows.back()));
            break;
        }
        if (static_cast<std::int64_t>(taken.rows) == asked_for) {
            query.complete = query.is_end(query.place(query.rows.back()));
            break;
        }
        // Everything in the window was looked at. It began with the first version that is shown.
        if (!query.is_backward() && !query.is_log()) asked_from = std::max(asked_from, query.first);
        const std::int64_t reached =
            query.is_backward() ? std::min(asked_from, query.head) - window + 1 : asked_from + window - 1;
        query.complete = query.is_end(reached);
        query.go_on_after(query.is_backward() ? std::max<std::int64_t>(reached, 1) : std::min(reached, query.head));
        if (!query.is_backward() && query.end.event) query.last = query.end;
        if (!query.is_backward()) query.from = std::max(query.from, asked_from);
        if (query.complete || self->clock_->now() > soft_deadline) break;
        window = std::min(window * 4, last_window);
    }
    auto completing = complete(self, query);
    if (const failure why = co_await std::move(completing); why.code() != errc()) co_return why;
    self->events_read_.fetch_add(query.rows.size(), std::memory_order_relaxed);
    co_return std::move(query).make_page();
}

reader::task<recorded_event> reader::find_event(self_ptr self, uuid id, detail::steady_time deadline) {
    postgres::parameters arguments;
    arguments.add(id);
    const auto begun = self->clock_->now();
    auto asking = postgres::pool::execute(self->pool_, self->statements_->find_event, std::move(arguments), deadline);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    if (answer->rows() == 0) co_return failure(errc::event_not_found, message("no event has the id ", to_string(id)));
    detail::page_row row = decode_event(*answer, 0);
    row.stream = answer->bytes(0, column::stream);
    self->events_read_.fetch_add(1, std::memory_order_relaxed);
    self->measure(begun);
    co_return detail::page::single(row);
}

reader::task<reader::progress> reader::look(self_ptr self, storage::log_mark seen, detail::steady_time deadline) {
    postgres::parameters arguments;
    arguments.add(seen.timeline);
    arguments.add(seen.position);
    auto asking = postgres::pool::execute(self->pool_, self->statements_->log_progress, std::move(arguments), deadline);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    if (answer->rows() == 0) co_return without_log_state();
    progress now;
    now.head = {answer->int4(0, 1), answer->int8(0, 0), answer->optional_id(0, 2)};
    switch (continuity_of(seen, now.head.timeline, now.head.position, answer->optional_id(0, 3))) {
    case continuity::held: break;
    case continuity::lost: now.is_held = false; break;
    case continuity::unknown:
        if (now.head.timeline == 0) co_return standby_is_behind(seen.position, now.head.position);
        now.is_held = answer->boolean(0, 4);
        break;
    }
    co_return now;
}

reader::task<std::vector<reader::named_stream>> reader::visible(
    self_ptr self, std::vector<std::string> streams, detail::steady_time deadline) {
    postgres::parameters arguments;
    arguments.begin_array(type_oid::text, streams.size());
    for (const std::string& stream : streams) arguments.add(stream);
    auto asking =
        postgres::pool::execute(self->pool_, self->statements_->visible_streams, std::move(arguments), deadline);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    std::vector<named_stream> found;
    for (int i = 0; i < answer->rows(); ++i) found.push_back({answer->int8(i, 0), std::string(answer->bytes(i, 1))});
    co_return found;
}

} // namespace eventstore::read
