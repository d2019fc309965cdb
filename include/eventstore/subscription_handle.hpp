/// \file
/// A subscription as all processes see it, whoever has it: to wait for it, to move its checkpoint, to remove it.
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

/// A cheap handle to a subscription, known by its stream (or `$all`) and its name. It receives nothing: `store::subscribe`
/// does. The handle can be made before the subscription exists.
///
/// **Errors.** What is awaited throws `eventstore::error`: that of every operation of a store, and `subscription_not_found`
/// where the subscription does not exist. **Timeouts, lifetime, thread safety**: as `store`.
class EVENTSTORE_EXPORT subscription_handle {
public:
    /// Made by store::subscription and store::subscription_to_all.
    subscription_handle(std::shared_ptr<detail::store_impl> store, std::chrono::milliseconds limit, std::string stream,
        std::string name) noexcept;
    subscription_handle(const subscription_handle&);
    subscription_handle(subscription_handle&&) noexcept;
    subscription_handle& operator=(const subscription_handle&);
    subscription_handle& operator=(subscription_handle&&) noexcept;
    ~subscription_handle();

    const std::string& stream() const noexcept { return stream_; }
    const std::string& name() const noexcept { return name_; }

    /// Returns when the subscription has acknowledged everything up to this position of the log: to read one's own writes
    /// from what a subscription keeps.
    ///
    ///     const auto written = co_await store.append("account-1", es::any_version, deposited);
    ///     const es::subscription_handle balances = store.subscription_to_all("balances");
    ///     co_await balances.wait_for(written.last_position);
    ///
    /// The subscription must exist: subscribe before you append what is to be waited for. Errors: `timeout`.
    /// Cancellation: only the waiting ends.
    boost::asio::awaitable<void> wait_for(std::int64_t position) const;

    /// Sets the checkpoint of a subscription to `$all`: events after this position are delivered again, 0 is all. A process
    /// that has the subscription gets `subscription_lost`.
    ///
    /// Errors: `invalid_argument` for a subscription to one stream. Cancellation: it may have been set.
    boost::asio::awaitable<void> reset_to_position(std::int64_t position) const;
    /// The same for a subscription to one stream, by the version of the stream.
    boost::asio::awaitable<void> reset_to_version(std::int64_t version) const;

    /// The events that the subscription has put aside after too many refusals, by position. A subscription that does not
    /// exist has none.
    boost::asio::awaitable<std::vector<parked_event>> parked() const;

    /// Has parked events delivered again, by the process that has the subscription, or that takes it next: those at these
    /// positions, or all. They come after what is queued, and are parked no longer once they are acknowledged. Returns how
    /// many. Cancellation: they may be on their way.
    boost::asio::awaitable<std::int64_t> replay(
        std::vector<std::int64_t> positions = std::vector<std::int64_t>()) const;

    /// Forgets parked events: those at these positions, or all. Returns how many. Cancellation: they may be forgotten.
    boost::asio::awaitable<std::int64_t> discard(
        std::vector<std::int64_t> positions = std::vector<std::int64_t>()) const;

    /// Removes the subscription, its checkpoint and its parked events. A process that has it gets `subscription_deleted`.
    /// Cancellation: it may have been removed.
    boost::asio::awaitable<void> remove() const;

private:
    std::shared_ptr<detail::store_impl> store_;
    std::chrono::milliseconds limit_;
    std::string stream_;
    std::string name_;
};

} // namespace eventstore
