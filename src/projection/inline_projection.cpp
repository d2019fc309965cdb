#include <eventstore/inline_projection.hpp>

#include "api/call.hpp"
#include "projection/inline_appender.hpp"
#include "storage/validation.hpp"

#include <algorithm>
#include <utility>

namespace eventstore {

namespace {

constexpr detail::operation_kind inline_appending{"append"};

using append::append_request;
using detail::store_ptr;
using projection::inline_appender;
using appender_ptr = std::shared_ptr<inline_appender>;

/// What a call waits for. Keeps the appender.
struct inline_append {
    appender_ptr by;
    std::shared_ptr<append_request> request;
    std::vector<append_result> results; // of all parts; those without events are left out of the request
    std::vector<std::size_t> places;

    const std::shared_ptr<append_request>& operation() const noexcept { return request; }
    result<std::vector<append_result>> take() {
        if (!request) return std::move(results);
        const auto outcome = request->take();
        if (!outcome) return outcome.error();
        for (std::size_t i = 0; i < places.size(); ++i) results[places[i]] = (*outcome)[i];
        return std::move(results);
    }
};

std::optional<failure> check(
    const appender_ptr& by, const std::vector<stream_append>& streams, const store_options& options) {
    if (!by) return failure(errc::store_closed, "the inline projection was moved from");
    std::vector<storage::part_of_append> parts;
    for (const stream_append& part : streams) {
        if (auto why = storage::check_append(part.stream(), part.expected(), part.events(), options)) return why;
        parts.push_back({part.stream(), part.events()});
    }
    return storage::check_parts(parts);
}

inline_append begin(const store_ptr&, detail::steady_time, appender_ptr by, std::vector<stream_append> streams) {
    inline_append begun;
    begun.results.resize(streams.size());
    append::part_list parts = append::parts_of(std::move(streams));
    append::part_list filled;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (parts[i].events.empty()) continue;
        begun.places.push_back(i);
        filled.push_back(std::move(parts[i]));
    }
    begun.by = std::move(by);
    if (!filled.empty()) begun.request = std::make_shared<append_request>(begun.by, std::move(filled));
    return begun;
}

std::vector<stream_append> one_part(
    std::string_view stream, expected_version expected, std::vector<event_data> events) {
    std::vector<stream_append> parts;
    parts.emplace_back(std::string(stream), expected, std::move(events));
    return parts;
}

std::vector<event_data> one_event(event_data event) {
    std::vector<event_data> list;
    list.push_back(std::move(event));
    return list;
}

asio::awaitable<append_result> only(asio::awaitable<std::vector<append_result>> appending) {
    const std::vector<append_result> results = co_await std::move(appending);
    co_return results.front();
}

asio::awaitable<result<append_result>> try_only(asio::awaitable<result<std::vector<append_result>>> appending) {
    const result<std::vector<append_result>> results = co_await std::move(appending);
    if (!results) co_return results.error();
    co_return results->front();
}

} // namespace

inline_projection::inline_projection(made, const store& in, projection_handler handler)
    : store_(in),
      appender_(detail::inside::of(in) ? std::make_shared<inline_appender>(in, std::move(handler)) : nullptr) {}
inline_projection::inline_projection(const inline_projection&) noexcept = default;
inline_projection::inline_projection(inline_projection&&) noexcept = default;
inline_projection& inline_projection::operator=(const inline_projection&) noexcept = default;
inline_projection& inline_projection::operator=(inline_projection&&) noexcept = default;
inline_projection::~inline_projection() = default;

asio::awaitable<std::vector<append_result>> inline_projection::append(std::vector<stream_append> parts) const {
    return detail::call(inline_appending, detail::inside::of(store_), detail::inside::limit_of(store_), check, begin,
        appender_, std::move(parts));
}

asio::awaitable<result<std::vector<append_result>>> inline_projection::try_append(
    std::vector<stream_append> parts) const {
    return detail::try_call(inline_appending, detail::inside::of(store_), detail::inside::limit_of(store_), check,
        begin, appender_, std::move(parts));
}

asio::awaitable<append_result> inline_projection::append(
    std::string_view stream, expected_version expected, std::vector<event_data> events) const {
    return only(append(one_part(stream, expected, std::move(events))));
}

asio::awaitable<append_result> inline_projection::append(
    std::string_view stream, expected_version expected, event_data event) const {
    return append(stream, expected, one_event(std::move(event)));
}

asio::awaitable<result<append_result>> inline_projection::try_append(
    std::string_view stream, expected_version expected, std::vector<event_data> events) const {
    return try_only(try_append(one_part(stream, expected, std::move(events))));
}

asio::awaitable<result<append_result>> inline_projection::try_append(
    std::string_view stream, expected_version expected, event_data event) const {
    return try_append(stream, expected, one_event(std::move(event)));
}

} // namespace eventstore
