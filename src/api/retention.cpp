// The calls of a store about retention; the others are in store.cpp.
#include <eventstore/retention.hpp>

#include "api/call.hpp"
#include "base/text.hpp"
#include "maintenance/scavenge.hpp"
#include "storage/retentions.hpp"
#include "storage/validation.hpp"

#include <eventstore/store.hpp>

#include <utility>

namespace eventstore {

namespace {

constexpr detail::operation_kind setting_retention_kind{"set_retention"};
constexpr detail::operation_kind removing_retention_kind{"remove_retention"};
constexpr detail::operation_kind reading_retention_kind{"retention"};
constexpr detail::operation_kind listing_retentions_kind{"retentions"};
constexpr detail::operation_kind scavenging_kind{"scavenge"};
constexpr detail::operation_kind removing_before_kind{"remove_before"};

using detail::call;
using detail::steady_time;
using detail::store_ptr;

asio::awaitable<result<void>> begin_setting_retention(
    const store_ptr& store, steady_time deadline, std::string name, bool is_prefix, eventstore::retention value) {
    return storage::set_retention(store->core->database, std::move(name), is_prefix, std::move(value), deadline);
}

asio::awaitable<result<void>> begin_removing_retention(
    const store_ptr& store, steady_time deadline, std::string name, bool is_prefix) {
    return storage::remove_retention(store->core->database, std::move(name), is_prefix, deadline);
}

std::optional<failure> check_retained_stream(const std::string& stream) {
    return storage::check_retained_name(stream, false);
}

asio::awaitable<result<stream_retention>> begin_reading_retention(
    const store_ptr& store, steady_time deadline, std::string stream) {
    return storage::read_retention(store->core->database, std::move(stream), deadline);
}

asio::awaitable<result<std::vector<retention_info>>> begin_listing_retentions(
    const store_ptr& store, steady_time deadline) {
    return storage::list_retentions(store->core->database, deadline);
}

maintenance::scavenge_site site_in(const store_ptr& store, milliseconds limit) {
    const auto core = store->core;
    return {core->database, core->environment.timers, [core, limit] { return core->deadline(limit); }};
}

std::optional<failure> check_scavenge(const scavenge_options& options, milliseconds) {
    return storage::check_scavenge(options);
}

asio::awaitable<result<scavenge_progress>> begin_scavenge(
    const store_ptr& store, steady_time, scavenge_options options, milliseconds limit) {
    auto scavenging = maintenance::scavenge(site_in(store, limit), std::move(options));
    return detail::tell_cancellation(
        std::move(scavenging), "scavenging was cancelled; what was removed so far stays removed");
}

std::optional<failure> check_event_removal(
    std::int64_t position, const scavenge_options& options, milliseconds, const store_options& how) {
    if (auto why = storage::check_scavenge(options)) return why;
    const std::string removing = detail::message("removing the events before position ", std::to_string(position));
    if (position < 1) return failure(errc::invalid_argument, detail::message(removing, ": positions begin at 1"));
    if (how.allows_hard_delete()) return std::nullopt;
    return failure(errc::hard_delete_disabled,
        detail::message(removing, ": open the store with allow_hard_delete() if you mean it"));
}

asio::awaitable<result<scavenge_progress>> begin_event_removal(
    const store_ptr& store, steady_time, std::int64_t position, scavenge_options options, milliseconds limit) {
    auto removing = maintenance::remove_before(site_in(store, limit), position, std::move(options));
    return detail::tell_cancellation(
        std::move(removing), "removing events was cancelled; what was removed so far stays removed");
}

} // namespace

asio::awaitable<void> store::set_retention(std::string_view stream, eventstore::retention value) const {
    return call(setting_retention_kind, impl_, limit_, storage::check_retention, begin_setting_retention,
        std::string(stream), false, std::move(value));
}

asio::awaitable<void> store::set_retention(stream_prefix prefix, eventstore::retention value) const {
    return call(setting_retention_kind, impl_, limit_, storage::check_retention, begin_setting_retention, prefix.text(),
        true, std::move(value));
}

asio::awaitable<void> store::remove_retention(std::string_view stream) const {
    return call(removing_retention_kind, impl_, limit_, storage::check_retained_name, begin_removing_retention,
        std::string(stream), false);
}

asio::awaitable<void> store::remove_retention(stream_prefix prefix) const {
    return call(removing_retention_kind, impl_, limit_, storage::check_retained_name, begin_removing_retention,
        prefix.text(), true);
}

asio::awaitable<stream_retention> store::retention(std::string_view stream) const {
    return call(
        reading_retention_kind, impl_, limit_, check_retained_stream, begin_reading_retention, std::string(stream));
}

asio::awaitable<std::vector<retention_info>> store::retentions() const {
    return call(listing_retentions_kind, impl_, limit_, detail::unchecked(), begin_listing_retentions);
}

asio::awaitable<scavenge_progress> store::scavenge(scavenge_options options) const {
    return call(scavenging_kind, impl_, limit_, check_scavenge, begin_scavenge, std::move(options), limit_);
}

asio::awaitable<scavenge_progress> store::remove_before(std::int64_t position, scavenge_options options) const {
    return call(removing_before_kind, impl_, limit_, check_event_removal, begin_event_removal, position,
        std::move(options), limit_);
}

} // namespace eventstore
