/// \file
/// Reads more events than fit in memory, page by page.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/event_page.hpp>
#include <eventstore/export.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>

namespace eventstore {

namespace detail {
class scan_impl;
}

/// Reads a stream, or the whole log, to its end. Holds two pages at most: the current one and the next one, which is
/// prefetched.
///
/// The scan ends where the log ends when the last page is read; it includes events appended before that. A move-only
/// handle; moved from, it is at its end. It keeps its store open while it lives.
///
/// Thread safety: distinct objects are independent; one object is for one coroutine at a time.
class [[nodiscard]] EVENTSTORE_EXPORT event_scan {
public:
    explicit event_scan(std::shared_ptr<detail::scan_impl> impl) noexcept;
    event_scan(event_scan&&) noexcept;
    event_scan& operator=(event_scan&&) noexcept;
    ~event_scan();

    /// Returns the next event, or nothing at the end.
    ///
    /// The time limit counts from the request for the page, which may be before this call, since pages are prefetched.
    /// Errors: those of a read (`store::read`); after an error the scan keeps its place, and next() tries again. It
    /// does not continue in a stream that was deleted and created again (`errc::stream_deleted`, or `stream_not_found`
    /// if there is none), nor in a log that has lost what was read (`errc::log_truncated`: a restored backup, a
    /// fail-over). `errc::next_pending` if another next() or next_page() is waiting.
    /// Cancellation: no event is taken; the page being fetched is kept.
    boost::asio::awaitable<std::optional<recorded_event>> next();

    /// Returns the rest of the current page, or the next one; nothing at the end. Never an empty page. Faster than
    /// next().
    /// Errors and cancellation are those of next().
    boost::asio::awaitable<std::optional<event_page>> next_page();

    /// The executor of the store; of no use once its execution context has ended. \throws error `store_closed` once it was moved from
    boost::asio::any_io_executor get_executor() const;

private:
    std::shared_ptr<detail::scan_impl> impl_;
};

} // namespace eventstore
