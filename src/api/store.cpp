#include <eventstore/store.hpp>

#include "api/call.hpp"
#include "api/event_scan.hpp"
#include "async/service.hpp"
#include "base/text.hpp"
#include "storage/snapshots.hpp"
#include "storage/streams.hpp"
#include "storage/validation.hpp"

#include <algorithm>

namespace eventstore {

namespace {

using append::append_part;
using append::append_request;
using detail::call;
using detail::operation_kind;
using detail::steady_time;
using detail::store_ptr;
using detail::try_call;
using detail::unchecked;

constexpr operation_kind appending{"append"};
constexpr operation_kind linking{"link"};
constexpr operation_kind reading{"read"};
constexpr operation_kind finding{"find_event"};
constexpr operation_kind describing{"stream_info"};
constexpr operation_kind listing{"streams"};
constexpr operation_kind deleting{"delete_stream"};
constexpr operation_kind previewing{"preview_deletion"};
constexpr operation_kind restoring{"restore_stream"};
constexpr operation_kind recording{"record_snapshot"};
constexpr operation_kind reading_snapshot{"read_snapshot", "eventstore.snapshot"};
constexpr operation_kind deleting_snapshot{"delete_snapshot", "eventstore.snapshot"};

// What calls begin. They copy their arguments before that, and keep the store open until it is done; see api/call.hpp.

// ---- appending

/// One stream's append. Without events there is nothing to wait for.
struct lone_append {
    std::shared_ptr<append_request> request;

    const std::shared_ptr<append_request>& operation() const noexcept { return request; }
    result<append_result> take() const {
        if (!request) return append_result();
        const auto outcome = request->take();
        if (!outcome) return outcome.error();
        return outcome->front();
    }
};

lone_append begin_part(const store_ptr& store, append_part part) {
    if (part.events.empty()) return {};
    append::part_list parts;
    parts.push_back(std::move(part));
    return {std::make_shared<append_request>(store->core->group_commit, std::move(parts))};
}

lone_append begin_append(
    const store_ptr& store, steady_time, std::string stream, expected_version expected, append::event_list events) {
    append_part part;
    part.stream = std::move(stream);
    part.expected = expected.value();
    part.after = expected.last_event();
    part.events = std::move(events);
    return begin_part(store, std::move(part));
}

lone_append begin_link(
    const store_ptr& store, steady_time, std::string stream, expected_version expected, std::vector<uuid> event_ids) {
    return begin_part(store, append::link_part(std::move(stream), expected, std::move(event_ids)));
}

/// An append to several streams, of which some may get nothing.
struct append_to_many {
    std::shared_ptr<append_request> request;
    std::vector<append_result> results;
    std::vector<std::size_t> places; // of the parts of the request

    const std::shared_ptr<append_request>& operation() const noexcept { return request; }
    result<std::vector<append_result>> take() {
        if (!request) return std::move(results);
        const auto outcome = request->take();
        if (!outcome) return outcome.error();
        for (std::size_t i = 0; i < places.size(); ++i) results[places[i]] = (*outcome)[i];
        return std::move(results);
    }
};

append_to_many begin_appends(const store_ptr& store, steady_time, std::vector<stream_append> streams) {
    append_to_many all;
    all.results.resize(streams.size());
    append::part_list parts = append::parts_of(std::move(streams));
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (!parts[i].events.empty()) all.places.push_back(i);
    }
    if (all.places.empty()) return all;
    const auto is_empty = [](const append_part& part) { return part.events.empty(); };
    parts.erase(std::remove_if(parts.begin(), parts.end(), is_empty), parts.end());
    all.request = std::make_shared<append_request>(store->core->group_commit, std::move(parts));
    return all;
}

std::optional<failure> check_appends(const std::vector<stream_append>& streams, const store_options& options) {
    std::vector<storage::part_of_append> parts;
    for (const stream_append& part : streams) {
        if (auto why = storage::check_append(part.stream(), part.expected(), part.events(), options)) return why;
        parts.push_back({part.stream(), part.events()});
    }
    return storage::check_parts(parts);
}

// ---- reading

asio::awaitable<result<event_page>> begin_read(
    const store_ptr& store, steady_time deadline, std::string stream, read_options options) {
    auto work = read::reader::read(store->core->reader, std::move(stream), std::move(options), deadline);
    return detail::tell_cancellation(std::move(work), "reading was cancelled");
}

asio::awaitable<result<recorded_event>> begin_find(const store_ptr& store, steady_time deadline, uuid id) {
    return read::reader::find_event(store->core->reader, id, deadline);
}

/// Of a function of storage/, which takes the database.
template <auto Function>
constexpr auto in_database = [](const store_ptr& store, steady_time deadline, auto... arguments) {
    return Function(store->core->database, std::move(arguments)..., deadline);
};

// ---- deleting

std::optional<failure> check_deletion(
    const std::string& stream, expected_version expected, deletion mode, milliseconds, const store_options& options) {
    if (auto why = storage::check_stream_to_write(stream, expected)) return why;
    if (expected.last_event())
        return failure(errc::invalid_argument,
            {.message = detail::message("deleting stream ", detail::quoted_for_message(stream),
                 ": the expected version names the last event, which only appends compare; give the version alone"),
                .stream = stream});
    if (mode != deletion::hard || options.allows_hard_delete()) return std::nullopt;
    return failure(errc::hard_delete_disabled,
        {.message = detail::message("deleting stream ", detail::quoted_for_message(stream),
             " for good: open the store with allow_hard_delete() if you mean it"),
            .stream = stream});
}

std::optional<failure> check_stream(const std::string& stream) {
    return storage::check_stream_to_write(stream, any_version);
}

asio::awaitable<result<void>> begin_deletion(const store_ptr& store, steady_time deadline, std::string stream,
    expected_version expected, deletion mode, milliseconds limit) {
    const auto core = store->core;
    if (mode == deletion::soft) return storage::delete_softly(core->database, std::move(stream), expected, deadline);
    auto work = storage::delete_for_good(
        core->database, std::move(stream), expected, [core](std::int64_t id) { core->reader->forget_stream(id); },
        [core, limit] { return core->deadline(limit); });
    return detail::tell_cancellation(std::move(work),
        "deleting a stream was cancelled; its name is free, and the next hard delete removes the events that are left");
}

asio::awaitable<result<void>> begin_restoring(store_ptr store, steady_time deadline, std::string stream) {
    auto work = storage::restore_stream(store->core->database, stream, deadline);
    auto restored = co_await std::move(work);
    if (restored) store->core->feed->restored(stream); // at once, not by a notification
    co_return restored;
}

asio::awaitable<void> close_throwing(store_ptr impl) {
    if (!impl || impl->core->is_abandoned()) co_return; // nothing is open
    impl->core->close();
    auto closing = detail::latch::wait(impl->core->ended, detail::closing_goes_on);
    const auto closed = co_await std::move(closing);
    closed.value();
}

} // namespace

store::store() noexcept = default;
store::store(store_ptr impl) noexcept : impl_(std::move(impl)) {}
store::store(const store&) noexcept = default;
store::store(store&&) noexcept = default;
store& store::operator=(const store&) noexcept = default;
store& store::operator=(store&&) noexcept = default;
store::~store() = default;

store store::within(milliseconds limit) const {
    store copy(*this);
    copy.limit_ = limit.count() == 0 ? milliseconds(-1) : limit; // no time at all is refused, not taken for the default
    return copy;
}

asio::awaitable<append_result> store::append(
    std::string_view stream, expected_version expected, event_data event) const {
    return call(appending, impl_, limit_, storage::check_append, begin_append, std::string(stream), expected,
        append::event_list(std::move(event)));
}

asio::awaitable<append_result> store::append(
    std::string_view stream, expected_version expected, std::vector<event_data> events) const {
    return call(appending, impl_, limit_, storage::check_append, begin_append, std::string(stream), expected,
        append::event_list(std::move(events)));
}

asio::awaitable<result<append_result>> store::try_append(
    std::string_view stream, expected_version expected, event_data event) const {
    return try_call(appending, impl_, limit_, storage::check_append, begin_append, std::string(stream), expected,
        append::event_list(std::move(event)));
}

asio::awaitable<result<append_result>> store::try_append(
    std::string_view stream, expected_version expected, std::vector<event_data> events) const {
    return try_call(appending, impl_, limit_, storage::check_append, begin_append, std::string(stream), expected,
        append::event_list(std::move(events)));
}

asio::awaitable<std::vector<append_result>> store::append(std::vector<stream_append> parts) const {
    return call(appending, impl_, limit_, check_appends, begin_appends, std::move(parts));
}

asio::awaitable<result<std::vector<append_result>>> store::try_append(std::vector<stream_append> parts) const {
    return try_call(appending, impl_, limit_, check_appends, begin_appends, std::move(parts));
}

asio::awaitable<append_result> store::link(
    std::string_view stream, expected_version expected, std::vector<uuid> event_ids) const {
    return call(
        linking, impl_, limit_, storage::check_link, begin_link, std::string(stream), expected, std::move(event_ids));
}

asio::awaitable<append_result> store::link(std::string_view stream, expected_version expected, uuid event_id) const {
    return link(stream, expected, std::vector<uuid>(1, event_id));
}

asio::awaitable<event_page> store::read(std::string_view stream, read_options options) const {
    return call(reading, impl_, limit_, storage::check_read, begin_read, std::string(stream), std::move(options));
}

asio::awaitable<event_page> store::read_all(read_options options) const { return read("$all", std::move(options)); }

event_scan store::scan(std::string_view stream, read_options options) const {
    return event_scan(std::make_shared<detail::scan_impl>(impl_, std::string(stream), std::move(options), limit_));
}

event_scan store::scan_all(read_options options) const { return scan("$all", std::move(options)); }

asio::awaitable<recorded_event> store::find_event(uuid id) const {
    return call(finding, impl_, limit_, unchecked(), begin_find, id);
}

asio::awaitable<eventstore::stream_info> store::stream_info(std::string_view stream) const {
    return call(describing, impl_, limit_, storage::check_stream_to_read, in_database<storage::read_stream_info>,
        std::string(stream));
}

asio::awaitable<std::vector<eventstore::stream_info>> store::streams(stream_query query) const {
    return call(listing, impl_, limit_, storage::check_query, in_database<storage::list_streams>, std::move(query));
}

asio::awaitable<void> store::delete_stream(std::string_view stream, expected_version expected, deletion mode) const {
    return call(deleting, impl_, limit_, check_deletion, begin_deletion, std::string(stream), expected, mode, limit_);
}

asio::awaitable<deletion_preview> store::preview_deletion(std::string_view stream) const {
    return call(previewing, impl_, limit_, check_stream, in_database<storage::preview_deletion>, std::string(stream));
}

asio::awaitable<void> store::restore_stream(std::string_view stream) const {
    return call(restoring, impl_, limit_, check_stream, begin_restoring, std::string(stream));
}

asio::awaitable<void> store::record_snapshot(snapshot snapshot) const {
    return call(
        recording, impl_, limit_, storage::check_snapshot, in_database<storage::record_snapshot>, std::move(snapshot));
}

asio::awaitable<snapshot> store::read_snapshot(std::string_view source) const {
    return call(reading_snapshot, impl_, limit_, storage::check_snapshot_source, in_database<storage::read_snapshot>,
        std::string(source));
}

asio::awaitable<void> store::delete_snapshot(std::string_view source) const {
    return call(deleting_snapshot, impl_, limit_, storage::check_snapshot_source, in_database<storage::delete_snapshot>,
        std::string(source));
}

asio::any_io_executor store::get_executor() const {
    if (!impl_ || impl_->core->is_abandoned()) throw error(detail::store_closed());
    return impl_->core->environment.executor;
}

asio::awaitable<void> store::close() const { return close_throwing(impl_); }

} // namespace eventstore
