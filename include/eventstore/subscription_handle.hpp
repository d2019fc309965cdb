/// \file
/// Administration of a subscription, from any process: wait for it, reset its checkpoint, remove it.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/error.hpp>
#include <eventstore/export.hpp>
#include <eventstore/subscription_info.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace eventstore {

namespace detail {
class store_impl;
}

/// A cheap handle to a subscription, identified by its stream (or `$all`) and its name. It does not receive events; for
/// that, use `store::subscribe`. The handle can be made before the subscription exists.
///
/// **Errors.** What is awaited throws `eventstore::error`: those of every operation of a store, and
/// `subscription_not_found` if the subscription does not exist (but for parked()). **Timeouts, lifetime, thread safety**: like `store`.
class EVENTSTORE_EXPORT subscription_handle {
public:
    /// For `store::subscription` and `store::subscription_to_all`, which make handles.
    subscription_handle(std::shared_ptr<detail::store_impl> store, std::chrono::milliseconds limit, std::string stream,
        std::string name) noexcept;
    subscription_handle(const subscription_handle&);
    subscription_handle(subscription_handle&&) noexcept;
    subscription_handle& operator=(const subscription_handle&);
    subscription_handle& operator=(subscription_handle&&) noexcept;
    ~subscription_handle();

    const std::string& stream() const noexcept { return stream_; }
    const std::string& name() const noexcept { return name_; }

    /// Returns when the subscription has acknowledged everything up to this position of the log. So a program can read
    /// its own writes from a read model that a subscription maintains.
    ///
    ///     const auto written = co_await store.append("account-1", es::any_version, deposited);
    ///     const es::subscription_handle balances = store.subscription_to_all("balances");
    ///     co_await balances.wait_for(written.last_position);
    ///
    /// The subscription must exist: subscribe before you append the events to wait for. Errors: `timeout`.
    /// Cancellation: only the wait ends.
    boost::asio::awaitable<void> wait_for(std::int64_t position) const;

    /// Sets the checkpoint of a subscription to `$all`: events after this position are delivered again; 0 means all
    /// events. Its owner gets `subscription_lost`.
    ///
    /// Errors: `invalid_argument` for a subscription to one stream. Cancellation: after sending, it may be set.
    boost::asio::awaitable<void> reset_to_position(std::int64_t position) const;
    /// The same for a subscription to one stream, by a version of the stream. Errors: `invalid_argument` for `$all`.
    boost::asio::awaitable<void> reset_to_version(std::int64_t version) const;

    /// Returns the events that the subscription has parked after too many refusals, by position. Returns none if the
    /// subscription does not exist.
    boost::asio::awaitable<std::vector<parked_event>> parked() const;

    /// Replays parked events: those at these positions, or all if none is given. The owner, or the next one, delivers
    /// them again, after the queued events; they remain parked until they are acknowledged. Returns their number.
    /// Cancellation: after sending, they may be delivered.
    boost::asio::awaitable<std::int64_t> replay(
        std::vector<std::int64_t> positions = std::vector<std::int64_t>()) const;

    /// Deletes parked events: those at these positions, or all if none is given. Returns their number. Cancellation:
    /// after sending, they may be deleted.
    boost::asio::awaitable<std::int64_t> discard(
        std::vector<std::int64_t> positions = std::vector<std::int64_t>()) const;

    /// Removes the subscription, its checkpoint and its parked events. Its owner gets `subscription_deleted`.
    /// Cancellation: after sending, it may be removed.
    boost::asio::awaitable<void> remove() const;

private:
    std::shared_ptr<detail::store_impl> store_;
    std::chrono::milliseconds limit_;
    std::string stream_;
    std::string name_;
};

} // namespace eventstore
