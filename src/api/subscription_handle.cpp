#include <eventstore/subscription_handle.hpp>

#include "api/call.hpp"
#include "async/completion.hpp"
#include "base/text.hpp"
#include "storage/subscriptions.hpp"
#include "subscription/validation.hpp"

#include <algorithm>
#include <utility>

namespace eventstore {

namespace {

using delivery::check_subscription_name;
using detail::call;
using detail::message;
using detail::operation_kind;
using detail::quoted_for_message;
using detail::steady_time;
using detail::store_ptr;

constexpr operation_kind waiting_for{"wait_for"};
constexpr operation_kind resetting_checkpoint{"reset_subscription"};
constexpr operation_kind listing_parked{"parked"};
constexpr operation_kind replaying{"replay"};
constexpr operation_kind discarding{"discard"};
constexpr operation_kind removing{"remove_subscription"};

std::optional<failure> check_any(const std::string& stream, const std::string& name, const std::vector<std::int64_t>&) {
    return check_subscription_name(stream, name);
}

std::optional<failure> check_wait(const std::string& stream, const std::string& name, std::int64_t) {
    return check_subscription_name(stream, name);
}

std::optional<failure> check_reset(
    const std::string& stream, const std::string& name, std::int64_t checkpoint, bool is_position) {
    if (auto why = check_subscription_name(stream, name)) return why;
    const std::string resetting =
        message("resetting subscription ", quoted_for_message(name), " to ", quoted_for_message(stream));
    if (is_position != (stream == "$all")) {
        return failure(errc::invalid_argument,
            message(resetting,
                is_position ? ": a subscription to one stream counts versions: reset_to_version"
                            : ": a subscription to $all counts positions: reset_to_position"));
    }
    if (checkpoint >= 0) return std::nullopt;
    return failure(errc::invalid_argument, message(resetting, ": ", std::to_string(checkpoint), " is negative"));
}

// ---- What calls begin; see api/call.hpp. What this process has of the subscription is told at once, not by a notification.

void renew(const store_ptr& store, const std::string& stream, const std::string& name) {
    if (const auto ours = store->core->leases->find(stream, name)) ours->renew_now();
}

asio::awaitable<result<void>> begin_removal(
    store_ptr store, steady_time deadline, std::string stream, std::string name) {
    auto work = storage::remove_subscription(store->core->database, stream, name, deadline);
    const auto removed = co_await std::move(work);
    renew(store, stream, name);
    co_return removed;
}

asio::awaitable<result<void>> begin_reset(
    store_ptr store, steady_time deadline, std::string stream, std::string name, std::int64_t checkpoint, bool) {
    auto work = storage::reset_subscription(store->core->database, stream, name, checkpoint, deadline);
    const auto reset = co_await std::move(work);
    renew(store, stream, name);
    co_return reset;
}

asio::awaitable<result<std::vector<parked_event>>> begin_list_parked(
    const store_ptr& store, steady_time deadline, std::string stream, std::string name) {
    return storage::list_parked(store->core->database, std::move(stream), std::move(name), deadline);
}

asio::awaitable<result<std::int64_t>> begin_replay(
    store_ptr store, steady_time deadline, std::string stream, std::string name, std::vector<std::int64_t> positions) {
    auto work = storage::release_parked(
        store->core->database, stream, name, storage::release::replay, std::move(positions), deadline);
    const auto replayed = co_await std::move(work);
    const auto ours = store->core->leases->find(stream, name);
    if (replayed && ours) ours->replay_parked();
    co_return replayed;
}

asio::awaitable<result<std::int64_t>> begin_discard(
    store_ptr store, steady_time deadline, std::string stream, std::string name, std::vector<std::int64_t> positions) {
    auto work = storage::release_parked(
        store->core->database, stream, name, storage::release::discard, std::move(positions), deadline);
    const auto discarded = co_await std::move(work);
    const auto ours = store->core->leases->find(stream, name);
    if (discarded && ours) ours->count_parked();
    co_return discarded;
}

failure not_in_time(const std::string& stream, const std::string& name, std::int64_t position) {
    return failure(errc::timeout,
        {.message = message("subscription ", quoted_for_message(name), " to ", quoted_for_message(stream),
             " did not reach position ", std::to_string(position), " in time"),
            .stream = stream,
            .retry_helps = true});
}

/// In memory a subscription of this store is further than in the database, which knows whether it exists.
asio::awaitable<result<bool>> has_reached(
    store_ptr store, steady_time deadline, std::string stream, std::string name, std::int64_t position) {
    const auto ours = store->core->leases->find(stream, name);
    const auto done = ours ? ours->done_through() : std::nullopt;
    const bool is_reached = done && *done >= position;
    if (done && !is_reached && stream == "$all") co_return false;
    auto asking = storage::has_reached(store->core->database, std::move(stream), std::move(name), position, deadline);
    const auto reached = co_await std::move(asking);
    if (!reached) co_return reached.error();
    co_return is_reached || *reached;
}

asio::awaitable<result<void>> wait_until_reached(
    store_ptr store, steady_time deadline, std::string stream, std::string name, std::int64_t position) {
    using namespace std::chrono_literals;
    const auto& environment = store->core->environment;
    for (std::chrono::milliseconds pause = 1ms;; pause = std::min<std::chrono::milliseconds>(pause * 2, 50ms)) {
        auto asking = has_reached(store, deadline, stream, name, position);
        const auto reached = co_await std::move(asking);
        if (!reached) co_return reached.error();
        if (*reached) co_return result<void>();
        const steady_time now = environment.now();
        if (now >= deadline) co_return not_in_time(stream, name, position);
        const auto again = std::make_shared<detail::completion<void>>("waiting for a subscription");
        auto pausing = detail::completion<void>::wait(again, environment.timers.get(), std::min(now + pause, deadline));
        const auto paused = co_await std::move(pausing);
        if (paused.error().code() != errc::timeout) co_return paused.error();
    }
}

asio::awaitable<result<void>> begin_wait(
    const store_ptr& store, steady_time deadline, std::string stream, std::string name, std::int64_t position) {
    auto waiting = wait_until_reached(store, deadline, std::move(stream), std::move(name), position);
    return detail::tell_cancellation(std::move(waiting), "waiting for a subscription was cancelled");
}

} // namespace

subscription_handle::subscription_handle(
    store_ptr store, std::chrono::milliseconds limit, std::string stream, std::string name) noexcept
    : store_(std::move(store)), limit_(limit), stream_(std::move(stream)), name_(std::move(name)) {}
subscription_handle::subscription_handle(const subscription_handle&) = default;
subscription_handle::subscription_handle(subscription_handle&&) noexcept = default;
subscription_handle& subscription_handle::operator=(const subscription_handle&) = default;
subscription_handle& subscription_handle::operator=(subscription_handle&&) noexcept = default;
subscription_handle::~subscription_handle() = default;

asio::awaitable<void> subscription_handle::wait_for(std::int64_t position) const {
    return call(waiting_for, store_, limit_, check_wait, begin_wait, stream_, name_, position);
}

asio::awaitable<void> subscription_handle::reset_to_position(std::int64_t position) const {
    return call(resetting_checkpoint, store_, limit_, check_reset, begin_reset, stream_, name_, position, true);
}

asio::awaitable<void> subscription_handle::reset_to_version(std::int64_t version) const {
    return call(resetting_checkpoint, store_, limit_, check_reset, begin_reset, stream_, name_, version, false);
}

asio::awaitable<std::vector<parked_event>> subscription_handle::parked() const {
    return call(listing_parked, store_, limit_, check_subscription_name, begin_list_parked, stream_, name_);
}

asio::awaitable<std::int64_t> subscription_handle::replay(std::vector<std::int64_t> positions) const {
    return call(replaying, store_, limit_, check_any, begin_replay, stream_, name_, std::move(positions));
}

asio::awaitable<std::int64_t> subscription_handle::discard(std::vector<std::int64_t> positions) const {
    return call(discarding, store_, limit_, check_any, begin_discard, stream_, name_, std::move(positions));
}

asio::awaitable<void> subscription_handle::remove() const {
    return call(removing, store_, limit_, check_subscription_name, begin_removal, stream_, name_);
}

} // namespace eventstore
