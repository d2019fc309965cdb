/// \file
/// Transient subscriptions: live events, for programs that can tolerate missed events.
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

/// Live events, in order; see `store::listen`. Without checkpoint or ack. Nothing waits for a listener: one that does
/// not keep up loses the oldest events, and gets their number.
///
/// Move-only; moved from, it has ended. It keeps its store open while it lives.
/// Thread safety: one object is for one coroutine at a time.
class [[nodiscard]] EVENTSTORE_EXPORT event_listener {
public:
    explicit event_listener(std::shared_ptr<detail::listener_impl> inside) noexcept;
    event_listener(event_listener&&) noexcept;
    event_listener& operator=(event_listener&&) noexcept;
    ~event_listener();

    /// Returns the events since the last call, of one or several transactions; waits until there are some. Returns
    /// nothing when the store was closed.
    /// Errors: `handler_failed`, `log_truncated`, `next_pending`. Cancellation: no event is taken.
    boost::asio::awaitable<std::optional<event_page>> next();

    /// Like next(), but returns an empty page after this time.
    boost::asio::awaitable<std::optional<event_page>> next(milliseconds wait);

    /// The number of events dropped immediately before those that the last next() returned.
    std::uint64_t missed() const noexcept;

    /// The executor of the store; of no use once its execution context has ended. \throws error `subscription_ended` once it was moved from
    boost::asio::any_io_executor get_executor() const;

private:
    std::shared_ptr<detail::listener_impl> inside_;
};

} // namespace eventstore
