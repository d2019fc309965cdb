/// One follower of the log for all subscriptions of a store.
#pragma once

#include "async/asio_calls.hpp"
#include "async/completion.hpp"
#include "async/environment.hpp"
#include "async/pause.hpp"
#include "async/retry.hpp"
#include "async/service.hpp"
#include "async/signal.hpp"
#include "feed/feed_state.hpp"
#include "feed/lag_watch.hpp"
#include "feed/listener.hpp"
#include "feed/look_schedule.hpp"
#include "feed/poller.hpp"
#include "postgres/connection.hpp"
#include "postgres/connection_options.hpp"
#include "read/reader.hpp"
#include "storage/log_mark.hpp"
#include "storage/seen_log.hpp"
#include "storage/statements.hpp"
#include <eventstore/store_options.hpp>

#include <boost/asio/post.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace eventstore::feed {

namespace asio = boost::asio;

/// Who is told what happens. Called on the feed's strand, in order, and never under a lock of the feed's.
class follower {
public:
    virtual ~follower() = default;
    struct live_batch {
        const event_page& page;
        std::span<const std::uint32_t> indexes; ///< of its events are for this follower: all, or those of its stream
        std::int64_t through = 0;               ///< everything up to this position has been told
        std::int32_t timeline = 0;              ///< the history that all of it is part of
        std::optional<uuid> event;              ///< at that position, if it is known
    };
    virtual void on_live(const live_batch& published) = 0;
    /// Its stream, which was deleted, is visible again.
    virtual void on_restored() {}
    /// Nothing more will be told.
    virtual void on_feed_failed(const failure& why) = 0;
};

/// Drives feed_state. While nobody follows, it listens to nothing, reads nothing and keeps nothing. Thread safe.
///
/// What it has told is compared with the log by each look and each page, in the same snapshot: where another event stands,
/// or the log ends before, every follower is told that the log was cut back, and nothing else.
class feed final : public std::enable_shared_from_this<feed>,
                   public detail::service,
                   public notification_receiver,
                   private detail::live_object {
public:
    /// \param poller for all stores of a group; null: it looks by itself
    feed(postgres::connection_options options, std::string schema, detail::environment where,
        std::shared_ptr<read::reader> reader, std::shared_ptr<listener> listener, std::shared_ptr<poller> poller,
        std::shared_ptr<storage::seen_log> seen);
    ~feed() override;

    /// Has the follower told of everything after the position that is returned.
    /// \param stream empty for the log of all streams
    static asio::awaitable<result<std::int64_t>> attach(std::shared_ptr<feed> self, std::weak_ptr<follower> subscriber,
        std::string stream, detail::steady_time deadline);
    /// May be told a little more after this.
    void detach(const follower* subscriber);

    bool is_followed() const noexcept { return is_followed_.load(std::memory_order_acquire); }
    void own_commit(std::int64_t first, std::int64_t last, std::int32_t timeline, event_page page, std::size_t bytes);

    /// The log reaches at least this position.
    void hint(std::int64_t head);

    struct lag_counts {
        std::int64_t published = 0;
        std::int64_t known = 0; ///< to be in the log; the same if nothing is missing, or nobody follows
        lag_watch watch;
        std::optional<detail::steady_time> looks_fail_since; ///< nothing tells how far the log goes
    };
    lag_counts lag() const;

    /// This stream, which is followed, is deleted: its followers are told once it is visible again, at the latest with the
    /// next look.
    void watch(std::string stream);
    /// This process has restored a stream.
    void restored(std::string stream);

    void abandon() noexcept override;

private:
    /// Nobody is told anything more.
    void begin_stop() override;
    void drop() override { stopped(); }

    /// Runs `function` on the strand; never, if the execution context is going.
    template <class Function>
    void post(Function function) {
        const std::lock_guard lock(mutex_);
        if (strand_) asio::post(*strand_, std::move(function));
    }

    class attachment;
    struct registration {
        std::weak_ptr<follower> subscriber;
        const follower* address = nullptr;
    };

    // Of the listener, on its strand.
    void on_listening() override;
    void on_listening_lost() override;
    void on_notification(const notification& notification) override;

    void add(const std::shared_ptr<attachment>& next); // on the strand, as all that follows
    void remove(const follower* subscriber);
    void start();
    asio::awaitable<void> run();
    asio::awaitable<void> look_once();
    /// False: something has ended meanwhile, or it must be looked at again.
    asio::awaitable<result<bool>> look();
    asio::awaitable<result<bool>> look_at_end();
    bool is_news(const storage::log_mark& newest);
    asio::awaitable<void> find_restored();
    void stop_listening();
    std::chrono::milliseconds until_next_look() const;
    void look_now();
    void listening_changed(bool works);
    void refuse_arriving(const failure& why);
    void fail_truncated(std::int64_t seen, std::int64_t head);
    EVENTSTORE_NOT_INTO_COROUTINES void begin(const storage::log_mark& head);
    void tell_restored(const std::string& stream);
    EVENTSTORE_NOT_INTO_COROUTINES void progress();
    asio::awaitable<void> read(feed_state::page_wish wish);
    void publish(const feed_state::publication& publication);
    EVENTSTORE_NOT_INTO_COROUTINES void fail(const failure& why);
    bool has_followers();
    void note_lag();
    void note_look(bool has_answer);

    const postgres::connection_options options_;
    const std::string schema_;
    const detail::environment environment_;
    const std::shared_ptr<read::reader> reader_;
    const std::shared_ptr<listener> listener_;
    const std::shared_ptr<poller> poller_;
    const std::shared_ptr<storage::seen_log> seen_;
    std::mutex mutex_;                                   // held while the strand is posted to from outside, or goes
    std::optional<postgres::connection::strand> strand_; // none once abandoned
    std::atomic<bool> is_followed_{false};
    std::atomic<std::size_t> bytes_posted_{0}; // of own commits on their way to the strand
    std::atomic<std::int64_t> hinted_{0};
    std::atomic<bool> hint_posted_{false};
    mutable std::mutex lag_mutex_;
    lag_counts lag_; // under that

    // On the strand only.
    feed_state state_;
    std::vector<registration> of_log_;
    std::unordered_map<std::string, std::vector<registration>> of_stream_;
    std::vector<std::shared_ptr<attachment>> arriving_; // until it has begun
    std::vector<std::uint32_t> all_;                    // of the page that is being told: what is no link
    look_schedule schedule_;
    const std::shared_ptr<detail::signal> changed_ = std::make_shared<detail::signal>(); // for the loop that looks
    detail::pause until_read_{environment_.timers};
    detail::retry looks_;
    detail::retry reads_;
    std::set<std::string, std::less<>> watched_; // streams that are followed, and deleted
    std::optional<storage::log_mark> newest_;    // the end of the log when it was looked at last, together with others
    bool running_ = false;
    bool closed_ = false;
    bool has_joined_ = false;  // the listener
    bool looks_alone_ = false; // it was refused together with others
};

} // namespace eventstore::feed
