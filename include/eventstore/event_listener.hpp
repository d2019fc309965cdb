/// \file
/// Transient subscriptions: what happens from now on, for those who can afford to miss some of it.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/event_page.hpp>
#include <eventstore/export.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <memory>
#include <optional>

namespace eventstore {

namespace detail {
class listener_impl;
}

/// Live events, in order; see `store::listen`. Nothing is stored and nothing acknowledged. Nobody waits for a listener:
/// one that does not keep up loses the oldest events, and is told how many.
///
/// Move-only; moved from, it has ended. It keeps its store open while it lives. One object is for one coroutine at a time.
class [[nodiscard]] EVENTSTORE_EXPORT event_listener {
public:
    explicit event_listener(std::shared_ptr<detail::listener_impl> inside) noexcept;
    event_listener(event_listener&&) noexcept;
    event_listener& operator=(event_listener&&) noexcept;
    ~event_listener();

    /// The events that came since the last call, one transaction's or several; waits for some. Nothing when the store was
    /// closed. Errors: `handler_failed`, `log_truncated`, `next_pending`. Cancellation: nothing is taken.
    boost::asio::awaitable<std::optional<event_page>> next();

    /// As next(), but when this time is over it gives an empty page.
    boost::asio::awaitable<std::optional<event_page>> next(milliseconds wait);

    /// How many events were dropped just before those that next() returned last.
    std::uint64_t missed() const noexcept;

    /// Of the store. \throws error `subscription_ended` once it was moved from
    boost::asio::any_io_executor get_executor() const;

private:
    std::shared_ptr<detail::listener_impl> inside_;
};

} // namespace eventstore
