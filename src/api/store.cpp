#include <eventstore/store.hpp>

#include "api/scan.hpp"
#include "runtime/store_core.hpp"
#include "storage/validation.hpp"

#include <boost/asio/error.hpp>

namespace eventstore {

namespace {

using detail::store_impl;
using impl_ptr = std::shared_ptr<store_impl>;

// Public calls copy their arguments and hand them to one of these, which keeps the store open while it runs. They return
// values; what throws is the outermost coroutine, once.

detail::steady_time deadline_of(const store_impl& impl, milliseconds limit) { return impl.core->deadline(limit); }

using detail::check_call;

using results = std::vector<append_result>;

asio::awaitable<result<append_result>> append_value(
    impl_ptr impl, milliseconds limit, std::string stream, expected_version expected, std::vector<event_data> events) {
    if (const auto why = check_call(impl, limit)) co_return *why;
    if (const auto why = storage::check_append(stream, expected, events, impl->core->options)) co_return *why;
    if (events.empty()) co_return append_result();
    std::vector<append::append_part> parts(1);
    parts.front().stream = std::move(stream);
    parts.front().expected = expected.value();
    parts.front().events = std::move(events);
    const auto outcome =
        co_await append::group_commit::append(impl->core->group_commit, std::move(parts), deadline_of(*impl, limit));
    if (!outcome) co_return outcome.error();
    co_return outcome->front();
}

asio::awaitable<append_result> append_throwing(
    impl_ptr impl, milliseconds limit, std::string stream, expected_version expected, std::vector<event_data> events) {
    const auto outcome = co_await append_value(std::move(impl), limit, std::move(stream), expected, std::move(events));
    co_return outcome.value();
}

std::optional<failure> check_together(const std::vector<stream_append>& streams) {
    std::vector<storage::part_of_append> parts;
    for (const stream_append& each : streams) parts.push_back({each.stream(), each.events()});
    return storage::check_parts(parts);
}

asio::awaitable<result<results>> append_all_value(
    impl_ptr impl, milliseconds limit, std::vector<stream_append> streams) {
    if (const auto why = check_call(impl, limit)) co_return *why;
    for (const stream_append& each : streams) {
        if (const auto why = storage::check_append(each.stream(), each.expected(), each.events(), impl->core->options))
            co_return *why;
    }
    if (const auto why = check_together(streams)) co_return *why;

    results all(streams.size());
    std::vector<append::append_part> parts = append::parts_of(std::move(streams));
    std::vector<std::size_t> places; // of the parts: those without events are left out
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (!parts[i].events.empty()) places.push_back(i);
    }
    std::erase_if(parts, [](const append::append_part& part) { return part.events.empty(); });
    if (parts.empty()) co_return all;
    const auto outcome =
        co_await append::group_commit::append(impl->core->group_commit, std::move(parts), deadline_of(*impl, limit));
    if (!outcome) co_return outcome.error();
    for (std::size_t i = 0; i < places.size(); ++i) all[places[i]] = (*outcome)[i];
    co_return all;
}

asio::awaitable<results> append_all_throwing(impl_ptr impl, milliseconds limit, std::vector<stream_append> streams) {
    auto outcome = co_await append_all_value(std::move(impl), limit, std::move(streams));
    co_return std::move(outcome).value();
}

asio::awaitable<append_result> link_throwing(
    impl_ptr impl, milliseconds limit, std::string stream, expected_version expected, std::vector<uuid> event_ids) {
    auto why = check_call(impl, limit);
    if (!why) why = storage::check_link(stream, expected, event_ids);
    if (why) throw error(*why);
    if (event_ids.empty()) co_return append_result();
    std::vector<append::append_part> parts;
    parts.push_back(append::link_part(std::move(stream), expected.value(), std::move(event_ids)));
    const auto outcome =
        co_await append::group_commit::append(impl->core->group_commit, std::move(parts), deadline_of(*impl, limit));
    co_return outcome.value().front();
}

std::vector<event_data> one(event_data event) {
    std::vector<event_data> list;
    list.push_back(std::move(event));
    return list;
}

/// Between two statements of one read it is Asio that notices a cancellation, and throws.
template <class T>
asio::awaitable<result<T>> with_one_kind_of_error(asio::awaitable<result<T>> work) {
    try {
        co_return co_await std::move(work);
    } catch (const boost::system::system_error& thrown) {
        if (thrown.code() != asio::error::operation_aborted) throw;
    }
    co_return failure(errc::cancelled, "reading was cancelled");
}

asio::awaitable<event_page> read_throwing(impl_ptr impl, milliseconds limit, std::string stream, read_options options) {
    auto why = check_call(impl, limit);
    if (!why) why = storage::check_read(stream, options);
    if (why) throw error(*why);
    const auto deadline = deadline_of(*impl, limit);
    auto work = read::reader::read(impl->core->reader, std::move(stream), std::move(options), deadline);
    auto page = co_await with_one_kind_of_error(std::move(work));
    co_return std::move(page).value();
}

asio::awaitable<recorded_event> find_throwing(impl_ptr impl, milliseconds limit, uuid id) {
    if (const auto why = check_call(impl, limit)) throw error(*why);
    auto found = co_await read::reader::find_event(impl->core->reader, id, deadline_of(*impl, limit));
    co_return std::move(found).value();
}

asio::awaitable<stream_info> info_throwing(impl_ptr impl, milliseconds limit, std::string stream) {
    auto why = check_call(impl, limit);
    if (!why) why = storage::check_stream_to_read(stream);
    if (why) throw error(*why);
    auto info = co_await read::reader::info(impl->core->reader, std::move(stream), deadline_of(*impl, limit));
    co_return std::move(info).value();
}

asio::awaitable<std::vector<stream_info>> streams_throwing(impl_ptr impl, milliseconds limit, stream_query query) {
    auto why = check_call(impl, limit);
    if (!why) why = storage::check_query(query);
    if (why) throw error(*why);
    auto list = co_await read::reader::streams(impl->core->reader, std::move(query), deadline_of(*impl, limit));
    co_return std::move(list).value();
}

asio::awaitable<void> close_throwing(impl_ptr impl) {
    if (!impl || impl->core->is_abandoned()) co_return; // nothing is open
    impl->core->close();
    auto closing = detail::latch::wait(impl->core->ended, detail::closing_goes_on);
    const auto closed = co_await std::move(closing);
    closed.value();
}

} // namespace

store::store() noexcept = default;
store::store(impl_ptr impl) noexcept : impl_(std::move(impl)) {}
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
    return append_throwing(impl_, limit_, std::string(stream), expected, one(std::move(event)));
}

asio::awaitable<append_result> store::append(
    std::string_view stream, expected_version expected, std::vector<event_data> events) const {
    return append_throwing(impl_, limit_, std::string(stream), expected, std::move(events));
}

asio::awaitable<result<append_result>> store::try_append(
    std::string_view stream, expected_version expected, event_data event) const {
    return append_value(impl_, limit_, std::string(stream), expected, one(std::move(event)));
}

asio::awaitable<result<append_result>> store::try_append(
    std::string_view stream, expected_version expected, std::vector<event_data> events) const {
    return append_value(impl_, limit_, std::string(stream), expected, std::move(events));
}

asio::awaitable<std::vector<append_result>> store::append(std::vector<stream_append> parts) const {
    return append_all_throwing(impl_, limit_, std::move(parts));
}

asio::awaitable<result<std::vector<append_result>>> store::try_append(std::vector<stream_append> parts) const {
    return append_all_value(impl_, limit_, std::move(parts));
}

asio::awaitable<append_result> store::link(
    std::string_view stream, expected_version expected, std::vector<uuid> event_ids) const {
    return link_throwing(impl_, limit_, std::string(stream), expected, std::move(event_ids));
}

asio::awaitable<append_result> store::link(std::string_view stream, expected_version expected, uuid event_id) const {
    return link_throwing(impl_, limit_, std::string(stream), expected, std::vector<uuid>(1, event_id));
}

asio::awaitable<event_page> store::read(std::string_view stream, read_options options) const {
    return read_throwing(impl_, limit_, std::string(stream), std::move(options));
}

asio::awaitable<event_page> store::read_all(read_options options) const {
    return read_throwing(impl_, limit_, "$all", std::move(options));
}

event_scan store::scan(std::string_view stream, read_options options) const {
    return event_scan(std::make_shared<detail::scan_impl>(impl_, std::string(stream), std::move(options), limit_));
}

event_scan store::scan_all(read_options options) const { return scan("$all", std::move(options)); }

asio::awaitable<recorded_event> store::find_event(uuid id) const { return find_throwing(impl_, limit_, id); }

asio::awaitable<eventstore::stream_info> store::stream_info(std::string_view stream) const {
    return info_throwing(impl_, limit_, std::string(stream));
}

asio::awaitable<std::vector<eventstore::stream_info>> store::streams(stream_query query) const {
    return streams_throwing(impl_, limit_, std::move(query));
}

asio::awaitable<void> store::close() const { return close_throwing(impl_); }

store_stats store::stats() const {
    if (!impl_ || impl_->core->is_abandoned()) return {};
    const auto& core = *impl_->core;
    const auto appends = core.group_commit->count();
    store_stats now = core.group->count_connections();
    now.appends = appends.appends;
    now.events_appended = appends.events;
    now.flushes = appends.flushes;
    now.retried_flushes = appends.retried_flushes;
    now.reads = core.statements->reads.load();
    now.other_statements = core.statements->others.load();
    now.events_read = core.reader->events_read();
    now.queued_appends = appends.queued;
    now.queued_bytes = appends.bytes;
    now.reads_in_flight = core.statements->reads_in_flight.load();
    return now;
}

} // namespace eventstore
