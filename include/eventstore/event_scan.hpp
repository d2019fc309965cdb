/// \file
/// Reading more events than fit in memory, page after page.
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

/// Reads a stream, or the whole log, to its end, holding two pages at most: the one being handed out and the next one,
/// which is fetched ahead.
///
/// The end is where the log ends when the last page is read; events appended before that are seen, too. A move-only
/// handle; moved from, it is at its end. It keeps its store open while it lives.
///
/// Thread safety: distinct objects are independent; one object is for one coroutine at a time.
class [[nodiscard]] EVENTSTORE_EXPORT event_scan {
public:
    explicit event_scan(std::shared_ptr<detail::scan_impl> impl) noexcept;
    event_scan(event_scan&&) noexcept;
    event_scan& operator=(event_scan&&) noexcept;
    ~event_scan();

    /// The next event, or nothing at the end.
    ///
    /// The time limit counts from when its page was asked for, which may be before this call: pages come ahead of use.
    /// Errors: those of a read (`store::read`); after an error the scan stands where it stood, and next() tries again. It
    /// never goes on over another life of its stream (`errc::stream_deleted`, or `stream_not_found` if there is none), nor
    /// over a log that has lost what was read (`errc::log_truncated`: a restored backup, a fail-over).
    /// `errc::next_pending` if another next() or next_page() is waiting.
    /// Cancellation: nothing is taken; the page being fetched is kept.
    boost::asio::awaitable<std::optional<recorded_event>> next();

    /// The rest of the current page, or the next one; nothing at the end. Never an empty page. The quickest way.
    /// Errors and cancellation are those of next().
    boost::asio::awaitable<std::optional<event_page>> next_page();

    /// Of the store. \throws error `store_closed` once it was moved from
    boost::asio::any_io_executor get_executor() const;

private:
    std::shared_ptr<detail::scan_impl> impl_;
};

} // namespace eventstore
