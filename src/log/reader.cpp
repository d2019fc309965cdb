#include "log/reader.hpp"

#include "base/text.hpp"
#include "log/page.hpp"
#include "postgres/result.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <utility>

namespace eventstore::log {

namespace {

using detail::message;
using detail::page;
using detail::page_row;
using postgres::result_handle;
using postgres::type_oid;
using shared_result = std::shared_ptr<const PGresult>;

// The columns of every statement that returns events.
namespace column {
constexpr int version = 0, position = 1, created_at = 2, id = 3, correlation_id = 4, causation_id = 5, type = 6,
              data = 7, metadata = 8, link_to = 9;
// Of those that do not read one stream alone.
constexpr int stream = 10;
// Of read_links: of the event that a link stands for.
constexpr int original_stream = 10, original_version = 11, original_id = 12, original_created_at = 13;
// Of the row about the stream, or the log, that a page begins with. It has no id.
constexpr int head = version, stream_id = position, timeline = link_to;
} // namespace column

constexpr std::int64_t first_window = 20'000;   // versions or positions that a filter looks at in one statement,
constexpr std::int64_t last_window = 1'000'000; // growing while it finds little
constexpr std::size_t largest_page = 1'000'000; // events
constexpr std::size_t most_bytes = std::size_t{1} << 30; // of a page
constexpr std::int64_t furthest = std::int64_t{1} << 62; // leaves the server room to add a window

/// A payload that is kept as jsonb comes with a byte that tells the version of its format; null is an empty one.
std::string_view payload(const postgres::rows& rows, int row, int column) {
    std::string_view bytes = rows.bytes(row, column);
    if (!bytes.empty() && rows.type(column) == type_oid::jsonb) bytes.remove_prefix(1);
    return bytes;
}

page_row decode(const postgres::rows& rows, int row) {
    page_row event;
    event.version = rows.int8(row, column::version);
    event.position = rows.int8(row, column::position);
    event.created_at = rows.time(row, column::created_at);
    event.id = rows.id(row, column::id);
    event.correlation_id = rows.optional_id(row, column::correlation_id);
    event.causation_id = rows.optional_id(row, column::causation_id);
    event.type = rows.bytes(row, column::type);
    event.data = payload(rows, row, column::data);
    event.metadata = payload(rows, row, column::metadata);
    return event;
}

std::int64_t size_of(const page_row& row) noexcept {
    return static_cast<std::int64_t>(row.data.size() + row.metadata.size());
}

failure about_stream(errc code, const std::string& stream, std::string_view what) {
    failure::facts facts;
    facts.stream = stream;
    facts.message = message("stream ", detail::quoted_for_message(stream), " ", what);
    return failure(code, std::move(facts));
}

eventstore::stream_info decode_info(const postgres::rows& rows, int row) {
    eventstore::stream_info info;
    info.name = rows.bytes(row, 0);
    info.version = rows.is_null(row, 1) ? 0 : rows.int8(row, 1);
    info.created_at = rows.time(row, 2);
    if (!rows.is_null(row, 3)) info.deleted_at = rows.time(row, 3);
    info.id = rows.int8(row, 4);
    return info;
}

/// A text that comes after every stream name with this prefix, by bytes: as many of the greatest code point as the
/// longest name could have.
std::string after_prefix(std::string prefix) {
    constexpr int most = 512 / 4 + 1;
    for (int i = 0; i < most; ++i) prefix += "\xf4\x8f\xbf\xbf";
    return prefix;
}

} // namespace

/// A read on its way: what is wanted, and what has been found so far.
struct reader::page_query {
    std::string stream; // empty = the log of all streams
    read_options options;
    detail::steady_time deadline;

    std::int64_t from = 0;
    std::int64_t bytes = 0;
    bool with_links = false; // of all streams, when reading the log
    std::vector<page_row> rows;
    std::vector<std::int64_t> stream_ids; // of each row's event; 0 = the stream that is read
    struct link {
        std::size_t row = 0;
        std::int64_t original = 0;
        std::int64_t stream_id = 0; // of the link, when reading the log
    };
    std::vector<link> links;
    std::shared_ptr<std::vector<detail::link_place>> link_places; // of the links, in their order
    std::shared_ptr<std::deque<detail::link_place>> copies;       // of links that need not be followed
    std::vector<page::keep_alive> storage;
    bool complete = false;
    std::int64_t head = 0;
    std::int32_t timeline = 0;
    std::int64_t stream_id = 0;

    bool is_log() const noexcept { return stream.empty(); }
    bool is_backward() const noexcept { return options.is_backward(); }
    std::int64_t room() const noexcept { return static_cast<std::int64_t>(options.count() - rows.size()); }
    std::int64_t bytes_left() const noexcept { return static_cast<std::int64_t>(options.max_bytes()) - bytes; }
    std::int64_t place(const page_row& row) const noexcept {
        if (row.link) return is_log() ? row.link->position : row.link->version;
        return is_log() ? row.position : row.version;
    }

    /// True if nothing can come after this place.
    bool is_end(std::int64_t reached) const noexcept { return is_backward() ? reached <= 1 : reached >= head; }
    void go_on_after(std::int64_t reached) noexcept { from = is_backward() ? reached - 1 : reached + 1; }

    struct taken {
        std::size_t rows = 0;
        bool is_cut = false;     // by max_bytes
        bool is_missing = false; // there is no such stream
    };
    taken take(result_handle answer);
    /// Makes the row of a link, which is a copy, the row of the event that it stands for.
    void complete_copy(const postgres::rows& from, int row_there, std::int64_t original, page_row& row);
    event_page make_page() &&;
};

reader::page_query::taken reader::page_query::take(result_handle answer) {
    const postgres::rows from_server(answer.get());
    taken what;
    const int count = from_server.count();
    if (count == 0) {
        what.is_missing = true;
        return what;
    }
    head = from_server.int8(0, column::head);
    timeline = static_cast<std::int32_t>(from_server.int8(0, column::timeline));
    if (!is_log()) stream_id = from_server.int8(0, column::stream_id);
    if (count == 1) return what; // an empty page
    rows.reserve(rows.size() + static_cast<std::size_t>(count - 1));
    const bool has_copies = from_server.columns() > column::original_version;
    for (int i = 1; i < count; ++i) {
        if (from_server.is_null(i, column::type)) {
            what.is_cut = true;
            break;
        }
        page_row row = decode(from_server, i);
        const std::int64_t size = size_of(row);
        if (!rows.empty() && size > bytes_left()) {
            what.is_cut = true;
            break;
        }
        bytes += size;
        const std::int64_t stream_of_row = is_log() ? from_server.int8(i, column::stream) : 0;
        stream_ids.push_back(stream_of_row);
        if (!from_server.is_null(i, column::link_to)) {
            const std::int64_t original = from_server.int8(i, column::link_to);
            if (has_copies && !from_server.is_null(i, column::original_id))
                complete_copy(from_server, i, original, row);
            else
                links.push_back({rows.size(), original, stream_of_row});
        }
        rows.push_back(row);
        ++what.rows;
    }
    if (what.rows > 0) go_on_after(place(rows.back()));
    if (copies) storage.push_back(copies);
    storage.push_back(shared_result(answer.release(), postgres::result_deleter()));
    return what;
}

void reader::page_query::complete_copy(
    const postgres::rows& from_server, int row_there, std::int64_t original, page_row& row) {
    if (!copies) copies = std::make_shared<std::deque<detail::link_place>>();
    detail::link_place& link_there = copies->emplace_back();
    link_there.version = row.version;
    link_there.position = row.position;
    link_there.id = row.id;
    row.link = &link_there;
    row.position = original;
    row.version = from_server.int8(row_there, column::original_version);
    row.id = from_server.id(row_there, column::original_id);
    row.created_at = from_server.time(row_there, column::original_created_at);
    stream_ids.back() = from_server.int8(row_there, column::original_stream);
}

event_page reader::page_query::make_page() && {
    if (!is_log()) {
        auto name = std::make_shared<const std::string>(std::move(stream));
        for (page_row& each : rows) {
            if (!each.link) each.stream = *name;
        }
        storage.push_back(std::move(name));
    }
    return page::make(std::move(rows), std::move(storage), complete, from);
}

reader::reader(std::shared_ptr<postgres::pool> pool, std::shared_ptr<const statements> statements)
    : pool_(std::move(pool)), statements_(std::move(statements)) {}

// read_stream and read_all bound a page by its rows: as many as max_bytes holds of the largest event of the log.
bool reader::is_safe_without_sizes(const read_options& options) const noexcept {
    const auto largest = static_cast<std::size_t>(largest_event_.load(std::memory_order_relaxed));
    return !options.is_filtered() && options.count() <= options.max_bytes() / largest;
}

reader::task<event_page> reader::read(
    self_ptr self, std::string stream, read_options options, detail::steady_time deadline) {
    page_query query = make_query(std::move(stream), std::move(options), deadline);
    if (self->is_safe_without_sizes(query.options)) co_return co_await read_plain(self, query);
    co_return co_await read_bounded(self, query);
}

reader::task<reader::snapshot> reader::read_snapshot(
    self_ptr self, std::string stream, read_options options, detail::steady_time deadline) {
    return read_query(std::move(self), make_query(std::move(stream), std::move(options), deadline));
}

reader::task<reader::snapshot> reader::read_with_links(
    self_ptr self, read_options options, detail::steady_time deadline) {
    page_query query = make_query("$all", std::move(options), deadline);
    query.with_links = true;
    return read_query(std::move(self), std::move(query));
}

reader::task<reader::snapshot> reader::read_query(self_ptr self, page_query query) {
    auto reading = self->is_safe_without_sizes(query.options) ? read_plain(self, query) : read_bounded(self, query);
    auto page = co_await std::move(reading);
    if (!page) co_return page.error();
    co_return snapshot{std::move(*page), query.head, query.timeline, query.stream_id};
}

reader::page_query reader::make_query(std::string stream, read_options options, detail::steady_time deadline) {
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
    const statements& all = *self->statements_;
    postgres::parameters arguments;
    if (!query.is_log()) arguments.add(query.stream);
    arguments.add(query.from);
    arguments.add(query.room());
    arguments.add(static_cast<std::int64_t>(query.options.max_bytes()));
    if (query.is_log()) arguments.add(query.with_links);
    const bool follows = !query.is_log() && self->linked_.has(query.stream);
    const postgres::statement* what = &all.read_stream[query.is_backward()];
    if (query.is_log()) what = &all.read_all[query.is_backward()];
    if (follows) what = &all.read_links[query.is_backward()];

    auto answer = co_await postgres::pool::execute(self->pool_, *what, std::move(arguments), query.deadline);
    if (!answer) co_return answer.error();
    const auto taken = query.take(std::move(*answer));
    if (!query.links.empty() && !query.is_log()) self->linked_.add(query.stream);
    if (taken.is_missing) co_return about_stream(errc::stream_not_found, query.stream, "does not exist");
    if (query.head < 0) co_return about_stream(errc::stream_deleted, query.stream, "was deleted");

    query.complete = taken.rows == 0 || query.is_end(query.is_backward() ? query.from + 1 : query.from - 1);
    if (!query.complete && taken.rows < query.options.count()) {
        // Fewer than were asked for, though there is more: an event has come that is larger than this reader knew of.
        const std::size_t before = query.rows.size();
        auto more = co_await read_bounded(self, query);
        if (more && (more->size() > before || !more->complete())) {
            const auto limit = static_cast<std::int64_t>(query.options.max_bytes() / std::max<std::size_t>(before, 1));
            self->largest_event_.store(std::max(limit, self->largest_event_.load()));
        }
        co_return more;
    }
    if (const failure why = co_await complete(self, query); why.code() != errc()) co_return why;
    self->events_read_.fetch_add(query.rows.size(), std::memory_order_relaxed);
    co_return std::move(query).make_page();
}

reader::task<event_page> reader::read_bounded(self_ptr self, page_query& query) {
    const statements& all = *self->statements_;
    const auto begun = std::chrono::steady_clock::now();
    const auto patience = begun + (query.deadline - begun) / 2;
    std::int64_t window = std::max(first_window, static_cast<std::int64_t>(query.options.count()));
    const postgres::statement& what =
        query.is_log() ? all.read_all_bounded[query.is_backward()] : all.read_stream_bounded[query.is_backward()];

    for (;;) {
        postgres::parameters arguments;
        if (!query.is_log()) arguments.add(query.stream);
        arguments.add(query.from);
        arguments.add(query.room());
        arguments.add(std::max<std::int64_t>(query.bytes_left(), 1));
        const auto& types = query.options.types();
        if (types.empty()) {
            arguments.add_null();
        } else {
            arguments.begin_array(type_oid::text, types.size());
            for (const std::string& each : types) arguments.add(each);
        }
        if (query.is_log()) {
            if (query.options.stream_prefix().empty())
                arguments.add_null();
            else
                arguments.add(query.options.stream_prefix());
        }
        arguments.add(window);
        if (query.is_log()) arguments.add(query.with_links);

        const std::int64_t asked_from = query.from;
        const std::int64_t asked_for = query.room();
        auto answer = co_await postgres::pool::execute(self->pool_, what, std::move(arguments), query.deadline);
        if (!answer) co_return answer.error();
        const auto taken = query.take(std::move(*answer));
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
        // Everything in the window was looked at.
        const std::int64_t reached =
            query.is_backward() ? std::min(asked_from, query.head) - window + 1 : asked_from + window - 1;
        query.complete = query.is_end(reached);
        query.go_on_after(query.is_backward() ? std::max<std::int64_t>(reached, 1) : std::min(reached, query.head));
        if (!query.is_backward()) query.from = std::max(query.from, asked_from);
        if (query.complete || std::chrono::steady_clock::now() > patience) break;
        window = std::min(window * 4, last_window);
    }
    if (const failure why = co_await complete(self, query); why.code() != errc()) co_return why;
    self->events_read_.fetch_add(query.rows.size(), std::memory_order_relaxed);
    co_return std::move(query).make_page();
}

asio::awaitable<failure> reader::complete(self_ptr self, page_query& query) {
    if (!query.links.empty()) {
        if (failure why = co_await follow_links(self, query); why.code() != errc()) co_return why;
    }
    if (query.is_log() || query.link_places || query.copies) co_return co_await name_streams(self, query);
    co_return failure();
}

// Puts the original events in the places of their links. Only now it is known how large they are: the page may end
// earlier for that.
asio::awaitable<failure> reader::follow_links(self_ptr self, page_query& query) {
    auto& links = query.links;
    query.link_places = std::make_shared<std::vector<detail::link_place>>(links.size());
    std::vector<std::size_t> gone; // rows
    query.bytes = 0;               // counted anew, row by row
    std::size_t counted = 0;
    const auto count_up_to = [&](std::size_t row) {
        for (; counted < row; ++counted) query.bytes += size_of(query.rows[counted]);
    };
    for (std::size_t done = 0; done < links.size();) {
        count_up_to(links[done].row);
        postgres::parameters arguments;
        arguments.begin_array(type_oid::int8, links.size() - done);
        for (std::size_t i = done; i < links.size(); ++i) arguments.add(links[i].original);
        arguments.add(std::max<std::int64_t>(query.bytes_left(), 1));
        auto answer = co_await postgres::pool::execute(
            self->pool_, self->statements_->originals, std::move(arguments), query.deadline);
        if (!answer) co_return answer.error();
        const postgres::rows found(answer->get());
        const auto end = done + static_cast<std::size_t>(found.count());
        for (int i = 0; done < end; ++i, ++done) {
            page_row& row = query.rows[links[done].row];
            count_up_to(links[done].row);
            ++counted;
            if (found.is_null(i, column::version)) {
                gone.push_back(links[done].row);
                continue;
            }
            page_row original = decode(found, i);
            const std::int64_t size = size_of(original);
            if (size > query.bytes_left() && links[done].row > 0) {
                query.complete = false;
                query.from = query.place(row);
                query.rows.resize(links[done].row);
                query.stream_ids.resize(query.rows.size());
                links.resize(done);
                break;
            }
            query.bytes += size;
            detail::link_place& place = (*query.link_places)[done];
            place.version = row.version;
            place.position = row.position;
            place.id = row.id;
            original.link = &place;
            row = original;
            query.stream_ids[links[done].row] = found.int8(i, column::stream);
        }
        query.storage.push_back(shared_result(answer->release(), postgres::result_deleter()));
    }
    // From the last: the rows before keep their places.
    for (auto row = gone.rbegin(); row != gone.rend(); ++row) {
        query.rows.erase(query.rows.begin() + static_cast<std::ptrdiff_t>(*row));
        query.stream_ids.erase(query.stream_ids.begin() + static_cast<std::ptrdiff_t>(*row));
    }
    query.bytes = 0;
    for (std::size_t i = 0; i < query.rows.size(); ++i) {
        query.bytes += size_of(query.rows[i]);
        if (i == 0 || query.bytes_left() >= 0) continue;
        query.complete = false; // no room for the events of the stream itself behind those of links
        query.from = query.place(query.rows[i]);
        query.rows.resize(i);
        query.stream_ids.resize(i);
        break;
    }
    query.storage.push_back(query.link_places);
    co_return failure();
}

asio::awaitable<failure> reader::name_streams(self_ptr self, page_query& query) {
    struct blank {
        std::int64_t id = 0;
        std::string_view* text = nullptr;
    };
    std::vector<blank> unknown;
    auto names = std::make_shared<std::vector<stream_names::name>>();
    std::int64_t last_id = 0; // events of one stream often follow each other
    std::string_view last_name;
    const auto fill_in = [&](std::int64_t id, std::string_view& text) {
        if (id == 0) return;
        if (id != last_id) {
            auto name = self->names_.find(id);
            if (!name) return unknown.push_back({id, &text});
            last_id = id;
            last_name = *name;
            names->push_back(std::move(name));
        }
        text = last_name;
    };
    for (std::size_t i = 0; i < query.rows.size(); ++i) fill_in(query.stream_ids[i], query.rows[i].stream);
    for (std::size_t i = 0; i < query.links.size(); ++i)
        fill_in(query.links[i].stream_id, (*query.link_places)[i].stream);

    if (!unknown.empty()) {
        std::vector<std::int64_t> ids;
        for (const blank& each : unknown) ids.push_back(each.id);
        std::ranges::sort(ids);
        const auto repeated = std::ranges::unique(ids);
        ids.erase(repeated.begin(), repeated.end());
        postgres::parameters arguments;
        arguments.begin_array(type_oid::int8, ids.size());
        for (const std::int64_t each : ids) arguments.add(each);
        auto answer = co_await postgres::pool::execute(
            self->pool_, self->statements_->stream_names, std::move(arguments), query.deadline);
        if (!answer) co_return answer.error();
        const postgres::rows found(answer->get());
        std::unordered_map<std::int64_t, stream_names::name> fresh; // the memory may be smaller than this page
        for (int i = 0; i < found.count(); ++i)
            fresh[found.int8(i, 0)] = self->names_.remember(found.int8(i, 0), found.bytes(i, 1));
        for (const blank& each : unknown) {
            if (const auto name = fresh.find(each.id); name != fresh.end()) *each.text = *name->second;
        }
        for (auto& [id, name] : fresh) names->push_back(std::move(name));
        // What has no name was deleted for good while this page was read.
        std::erase_if(query.rows, [&](const page_row& row) {
            const bool is_of_this_stream = !query.is_log() && !row.link;
            return (row.stream.empty() && !is_of_this_stream) ||
                (row.link && query.is_log() && row.link->stream.empty());
        });
    }
    query.storage.push_back(std::move(names));
    co_return failure();
}

reader::task<recorded_event> reader::find_event(self_ptr self, uuid id, detail::steady_time deadline) {
    postgres::parameters arguments;
    arguments.add(id);
    auto answer =
        co_await postgres::pool::execute(self->pool_, self->statements_->find_event, std::move(arguments), deadline);
    if (!answer) co_return answer.error();
    const postgres::rows rows(answer->get());
    if (rows.count() == 0) co_return failure(errc::event_not_found, message("no event has the id ", to_string(id)));
    page_row row = decode(rows, 0);
    row.stream = rows.bytes(0, column::stream);
    self->events_read_.fetch_add(1, std::memory_order_relaxed);
    co_return page::single(row);
}

reader::task<eventstore::stream_info> reader::info(self_ptr self, std::string stream, detail::steady_time deadline) {
    const bool is_log = stream == "$all";
    postgres::parameters arguments;
    if (!is_log) arguments.add(stream);
    const postgres::statement& what = is_log ? self->statements_->log_info : self->statements_->stream_info;
    auto answer = co_await postgres::pool::execute(self->pool_, what, std::move(arguments), deadline);
    if (!answer) co_return answer.error();
    const postgres::rows rows(answer->get());
    if (rows.count() == 0) co_return about_stream(errc::stream_not_found, stream, "does not exist");
    auto info = decode_info(rows, 0);
    if (info.deleted_at) co_return about_stream(errc::stream_deleted, stream, "was deleted");
    co_return info;
}

result<reader::progress> reader::progress_of(const postgres::rows& rows, int row, int column) {
    if (rows.int4(row, column + 1) == 0) {
        failure::facts facts;
        facts.message = "following the log: the server is in recovery (a standby, or not promoted yet)";
        facts.retry_helps = true;
        return failure(errc::connection_lost, std::move(facts));
    }
    return progress{rows.int8(row, column), rows.int4(row, column + 1), rows.boolean(row, column + 2)};
}

reader::task<reader::progress> reader::look(
    self_ptr self, std::int32_t seen_timeline, std::int64_t seen_position, detail::steady_time deadline) {
    postgres::parameters arguments;
    arguments.add(seen_timeline);
    arguments.add(seen_position);
    auto answer =
        co_await postgres::pool::execute(self->pool_, self->statements_->log_progress, std::move(arguments), deadline);
    if (!answer) co_return answer.error();
    co_return progress_of(postgres::rows(answer->get()), 0, 0);
}

reader::task<std::vector<eventstore::stream_info>> reader::streams(
    self_ptr self, stream_query query, detail::steady_time deadline) {
    const bool backward = query.is_descending();
    const bool deleted = query.state() == stream_state::deleted;
    const bool by_age = query.order() == stream_order::by_age;
    const auto& statements = by_age ? self->statements_->streams_by_age[deleted] : self->statements_->streams[deleted];
    postgres::parameters arguments;
    if (by_age) // ids begin at 1
        arguments.add(backward && query.after_id() == 0 ? std::numeric_limits<std::int64_t>::max() : query.after_id());
    else if (backward && query.after().empty())
        arguments.add(after_prefix({}));
    else
        arguments.add(query.after());
    arguments.add(query.prefix());
    arguments.add(after_prefix(query.prefix()));
    arguments.add(static_cast<std::int64_t>(query.count()));
    arguments.add(query.search());
    arguments.add(query.state() != stream_state::existing);
    auto answer = co_await postgres::pool::execute(self->pool_, statements[backward], std::move(arguments), deadline);
    if (!answer) co_return answer.error();
    const postgres::rows rows(answer->get());
    std::vector<eventstore::stream_info> list;
    list.reserve(static_cast<std::size_t>(rows.count()));
    for (int i = 0; i < rows.count(); ++i) list.push_back(decode_info(rows, i));
    co_return list;
}

} // namespace eventstore::log
