/// The inside of an event_scan.
#pragma once

#include "async/asio_calls.hpp"
#include "base/live_objects.hpp"
#include "runtime/store_core.hpp"

#include <eventstore/event_scan.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace eventstore::detail {

class page_fetch;

/// A page being handed out, and the next one being fetched.
class scan_impl : public std::enable_shared_from_this<scan_impl>, private live_object {
public:
    scan_impl(
        std::shared_ptr<store_impl> store, std::string stream, read_options options, std::chrono::milliseconds limit);
    ~scan_impl();

    asio::any_io_executor get_executor() const;

    static asio::awaitable<std::optional<recorded_event>> next(std::shared_ptr<scan_impl> self);
    static asio::awaitable<std::optional<event_page>> next_page(std::shared_ptr<scan_impl> self);

private:
    /// Makes current_ a page with events left. False at the end.
    static asio::awaitable<result<bool>> advance(std::shared_ptr<scan_impl> self);
    static asio::awaitable<result<bool>> traced_advance(std::shared_ptr<scan_impl> self);
    EVENTSTORE_NOT_INTO_COROUTINES void fetch();
    bool is_log() const noexcept { return stream_ == "$all"; }
    /// Whether a page goes on where the one before ended: of the same stream, and of a log that holds what was read.
    static asio::awaitable<std::optional<failure>> check_page(
        std::shared_ptr<scan_impl> self, const read::reader::snapshot& next);
    void note_page(const read::reader::snapshot& next);
    failure another_stream() const;
    failure cut_back() const;
    failure standby_is_behind(std::int64_t head) const;

    class busy_mark;

    const std::shared_ptr<store_impl> store_;
    const std::string stream_;
    read_options options_; // `from` moves on
    const std::chrono::milliseconds limit_;

    // Of what was read; `position` is a version if it is of one stream.
    storage::log_mark seen_;
    std::int64_t stream_id_ = 0;

    event_page current_;
    std::size_t index_ = 0; // of the next event of current_
    bool last_page_ = false;
    bool busy_ = false;
    std::shared_ptr<page_fetch> fetch_; // of the page after current_
};

} // namespace eventstore::detail
