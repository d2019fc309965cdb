/// The inside of an event_listener.
#pragma once

#include "async/completion.hpp"
#include "base/live_objects.hpp"
#include "subscription/store_parts.hpp"

#include <eventstore/error.hpp>
#include <eventstore/event_page.hpp>
#include <eventstore/subscription_options.hpp>

#include <boost/asio/strand.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

namespace eventstore::delivery {

/// Keeps what comes until it is asked for, and drops the oldest when it is too much. Thread safe.
class listener_queue final : public feed::follower,
                             public std::enable_shared_from_this<listener_queue>,
                             private detail::live_object {
public:
    listener_queue(std::shared_ptr<const store_parts> store, listen_options options);
    ~listener_queue() override;

    static asio::awaitable<result<std::optional<event_page>>> next(
        std::shared_ptr<listener_queue> self, std::optional<milliseconds> wait);
    std::uint64_t missed() const;

    /// Ends it: in order, or with a failure.
    void end(std::optional<failure> why);
    void abandon() noexcept;

    void on_live(const live_batch& batch) override;
    void on_feed_failed(const failure& why) override { end(why); }

private:
    static event_page chosen_of(const event_page& page, std::span<const std::uint32_t> indexes);
    void take(const event_page& page, std::span<const std::uint32_t> indexes);
    void drop_oldest(); // with the mutex held

    const listen_options options_;
    const std::shared_ptr<detail::timer_queue> timers_;
    const std::shared_ptr<detail::handler_watch> handlers_;

    mutable std::mutex mutex_;
    std::shared_ptr<const store_parts> store_; // null once it has ended
    std::optional<asio::strand<asio::any_io_executor>> strand_;
    struct queued_page {
        event_page events;
        std::size_t bytes = 0; // that it keeps in memory
    };
    std::deque<queued_page> queue_;
    std::size_t queued_ = 0; // events
    std::size_t queued_bytes_ = 0;
    std::size_t posted_ = 0; // batches on their way to the selector
    std::size_t posted_bytes_ = 0;
    std::uint64_t missed_ = 0;      // since the last page was handed out
    std::uint64_t missed_told_ = 0; // before that page
    bool ended_ = false;
    std::optional<failure> why_;
    std::shared_ptr<detail::completion<void>> waiting_; // a next()
};

} // namespace eventstore::delivery
