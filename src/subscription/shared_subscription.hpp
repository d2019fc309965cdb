/// A subscription that this process has: its events, its consumers, its lease.
#pragma once

#include "async/asio_calls.hpp"
#include "async/completion.hpp"
#include "async/latch.hpp"
#include "async/retry.hpp"
#include "base/live_objects.hpp"
#include "feed/lag_watch.hpp"
#include "subscription/checkpoint_writer.hpp"
#include "subscription/event_filter.hpp"
#include "subscription/parked_replays.hpp"
#include "subscription/received_history.hpp"
#include "subscription/store_parts.hpp"
#include "subscription/subscription_state.hpp"
#include "subscription/waiting_consumers.hpp"

#include <eventstore/error.hpp>
#include <eventstore/event_batch.hpp>
#include <eventstore/store_stats.hpp>
#include <eventstore/subscription_options.hpp>

#include <boost/asio/strand.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::delivery {

struct batch_of;

/// Drives subscription_state: live batches come from the feed, pages from the reader, and how far it is goes to the
/// checkpoint_writer. Thread safe; the user's functions run on a strand of its own.
///
/// Its life: made, begun (once it has its lease), ended (no consumer any more, or a failure), retired (the lease is released,
/// or lost).
class shared_subscription final : public feed::follower,
                                  public lease_holder,
                                  public std::enable_shared_from_this<shared_subscription>,
                                  private detail::live_object {
public:
    /// \param on_retired called once, when it is retired; not if it is abandoned
    shared_subscription(std::shared_ptr<const store_parts> store, std::string stream, std::string name,
        subscription_options options, std::function<void(const shared_subscription*)> on_retired);
    ~shared_subscription() override;

    const std::string stream; ///< "$all" = the log
    const std::string name;
    const subscription_options options;

    struct claim {
        std::int64_t id = 0;
        std::int64_t epoch = 0;
        std::int64_t beat = 0;
        place checkpoint;
        std::int32_t timeline = 0; ///< the history that it is of
        std::optional<uuid> event; ///< at the checkpoint, if it is known
        subscription_state::announcement handed_out;
        bool replays = false;       ///< there are parked events to deliver again
        std::int64_t stream_id = 0; ///< of the stream that has the name; 0 = none, or the log
        std::int64_t parked = 0;
        std::chrono::milliseconds oldest_parked{};
        detail::lease_time sent{};
    };
    /// The lease is acquired, and the feed tells of what comes.
    void begin(const claim& acquired);
    /// Waits until it has begun, or else for the failure that it has ended with.
    static asio::awaitable<result<void>> wait_begun(std::shared_ptr<shared_subscription> self, steady_time deadline);

    // --- Consumers

    /// Nothing if it is full, or has ended.
    std::optional<consumer_id> join();
    void leave(consumer_id consumer);
    bool is_full() const;
    bool has_ended() const;
    /// Of one that has ended before it had a consumer: what for, `store_closed` if nothing is known.
    failure why_over() const;

    static asio::awaitable<result<std::optional<event_batch>>> next(
        std::shared_ptr<shared_subscription> self, consumer_id consumer, std::optional<milliseconds> wait);
    result<void> acknowledge(consumer_id consumer, sequence_number first, std::uint32_t count);
    result<void> acknowledge_through(consumer_id consumer, std::int64_t where, bool is_position);
    result<void> refuse(consumer_id consumer, sequence_number first, std::uint32_t count, std::string_view reason);
    void give_back(consumer_id consumer, sequence_number first, std::uint32_t count);
    /// What acknowledges a batch in a transaction of the caller's, right before its commit.
    struct transaction_write {
        lease_write row;
        std::vector<std::int64_t> replayed; ///< not empty: these are not parked any more, and the checkpoint stays
    };
    result<transaction_write> write_for(const batch_of& batch);
    /// That transaction is committed.
    void committed(const batch_of& batch, const transaction_write& write);
    static asio::awaitable<result<void>> wait_durable(std::shared_ptr<shared_subscription> self, steady_time deadline);
    static asio::awaitable<result<void>> wait_retired(std::shared_ptr<shared_subscription> self, steady_time deadline);
    /// The position up to which everything is acknowledged, durable or not; nothing before it has begun.
    std::optional<std::int64_t> done_through() const;
    /// The same, and after its end: that of the end; 0 before it has begun.
    std::int64_t position() const;

    /// How it is; nothing before it has begun, and after its end.
    /// \param head of the log, as far as the store has seen it
    std::optional<subscription_stats> stats(std::int64_t head, std::chrono::milliseconds stalled_after) const;
    /// Counts what is parked, which somebody has changed.
    EVENTSTORE_NOT_INTO_COROUTINES void count_parked();

    /// Ends it: in order, or with a failure. What was acknowledged is written, and the subscription let go of.
    EVENTSTORE_NOT_INTO_COROUTINES void end(std::optional<failure> why);
    /// Ends it in order, with its store.
    EVENTSTORE_NOT_INTO_COROUTINES void close();

    // --- The lease

    /// What it works with; null once it is retired.
    std::shared_ptr<const store_parts> parts() const;
    bool is_retired() const { return retired_->is_open(); }
    /// Something has happened to its row.
    void renew_now();
    /// Has the parked events that are marked for it delivered again.
    EVENTSTORE_NOT_INTO_COROUTINES void replay_parked();
    /// 0 until it has begun.
    std::int64_t id() const;
    std::int64_t epoch() const;
    /// Ends it, and lets go of it without a word to the database.
    EVENTSTORE_NOT_INTO_COROUTINES void retire(const failure& why);
    /// Its execution context is going.
    void abandon() noexcept;

    void on_written(const lease_write& row, write_result outcome, bool is_trusted_again) override;
    void on_lease_gone(const failure& why) override { retire(why); }

    // --- The feed

    void on_live(const live_batch& batch) override;
    void on_restored() override;
    void on_feed_failed(const failure& why) override;

private:
    using completion = waiting_consumers::completion;
    struct durable_wait {
        std::uint64_t serial = 0;
        completion written;
    };
    /// What a change leads to, done once the mutex is free.
    struct consequences {
        std::optional<subscription_state::page_wish> wish;
        std::vector<completion> awake;
        std::vector<std::int64_t> unpark;
        bool replays = false; // there is room for parked events
    };
    consequences changed(); // with the mutex held
    EVENTSTORE_NOT_INTO_COROUTINES void carry_out(consequences todo);
    void report(write_by when); // with the mutex held
    progress progress_now();    // the same
    void wake_all(consequences& todo);
    bool end_now(std::optional<failure> why); // with the mutex held; false if it has ended

    /// Waits, if it does not end meanwhile, before something that has failed is tried again.
    static asio::awaitable<void> pause(std::shared_ptr<shared_subscription> self, std::chrono::milliseconds time);
    detail::retry new_retry(std::string_view operation) const;
    steady_time now() const { return timers_->now(); }

    bool is_log() const noexcept { return stream == "$all"; }
    failure ended_failure() const;
    void take_missed();
    place first_of(const live_batch& batch) const;
    place covered_by(const live_batch& batch) const;
    void take_live(const live_batch& batch);
    void read(subscription_state::page_wish wish);
    static asio::awaitable<void> read_pages(std::shared_ptr<shared_subscription> self,
        std::shared_ptr<const store_parts> store, subscription_state::page_wish wish);
    std::optional<subscription_state::page_wish> take_page(const read::reader::snapshot& answer);
    struct next_page {
        read_options options;
        storage::log_mark seen;
        std::optional<place> compared; // only this place is read
    };
    next_page plan_page(const subscription_state::page_wish& wish) const;
    std::optional<subscription_state::page_wish> compare(const place& known, const read::reader::snapshot& there);
    /// Whether a page is of a log that holds everything that this subscription has seen.
    static asio::awaitable<result<bool>> goes_on(std::shared_ptr<shared_subscription> self,
        std::shared_ptr<const store_parts> store, const storage::log_mark& seen, const read::reader::snapshot& page);
    failure truncated(std::int64_t position) const;
    static asio::awaitable<void> park(std::shared_ptr<shared_subscription> self,
        std::shared_ptr<const store_parts> store, subscription_state::refusal refusal,
        std::vector<std::int64_t> positions, std::vector<std::int32_t> deliveries, std::string reason);
    static asio::awaitable<void> replay(
        std::shared_ptr<shared_subscription> self, std::shared_ptr<const store_parts> store);
    static asio::awaitable<void> unpark(std::shared_ptr<shared_subscription> self,
        std::shared_ptr<const store_parts> store, std::vector<std::int64_t> positions);
    static asio::awaitable<void> read_parked(
        std::shared_ptr<shared_subscription> self, std::shared_ptr<const store_parts> store);
    std::unique_ptr<trace_span> begin_span(const subscription_state::hand_out& batch) const;
    void note_parked(std::int64_t count, std::chrono::milliseconds oldest); // with the mutex held
    void note_lag();                                                        // the same
    const event_filter filter_;
    const std::shared_ptr<detail::timer_queue> timers_;
    const std::shared_ptr<detail::logger> logger_;
    const std::shared_ptr<detail::handler_watch> handlers_;
    const std::shared_ptr<const detail::trace_source> tracing_; // null: nothing is traced
    const std::string functions_;                               // of the options, as the log calls them

    mutable std::mutex mutex_;
    std::shared_ptr<const store_parts> store_; // null once abandoned
    std::optional<asio::strand<asio::any_io_executor>> strand_;
    std::optional<subscription_state> state_; // once it has begun
    std::int64_t id_ = 0;
    std::int64_t epoch_ = 0;
    received_history history_;
    waiting_consumers waiting_;
    std::vector<durable_wait> waiting_durable_;
    parked_replays replays_;
    std::size_t posted_ = 0;           // live batches on their way to the handlers
    std::size_t posted_bytes_ = 0;     // of the pages that they keep
    std::optional<place> live_missed_; // those behind it, which were too many
    bool ended_ = false;
    std::optional<failure> why_ended_; // nothing = in order
    bool with_store_ = false;          // it ended because that did
    std::uint64_t serial_ = 0;         // grows with each acknowledgement
    std::uint64_t durable_serial_ = 0; // of what was written

    // For its statistics.
    feed::lag_watch lag_;
    std::int64_t last_version_ = 0; // of its stream, as far as it is known
    std::uint64_t delivered_ = 0;
    std::uint64_t redelivered_ = 0;
    std::uint64_t parked_ = 0;
    steady_time oldest_parked_at_{};
    bool counts_parked_ = false;  // a count is under way
    bool parked_changed_ = false; // since it began

    // The stages of its life; opened without the mutex.
    const std::shared_ptr<detail::latch> begun_ = std::make_shared<detail::latch>(); // or ended before
    const std::shared_ptr<detail::latch> end_ = std::make_shared<detail::latch>();
    const std::shared_ptr<detail::latch> retired_ = std::make_shared<detail::latch>();
    std::function<void(const shared_subscription*)> on_retired_;
};

/// Events that a consumer holds.
struct batch_of {
    std::shared_ptr<shared_subscription> subscription;
    consumer_id consumer = 0;
    sequence_number first = 0;
    std::uint32_t count = 0;
};

} // namespace eventstore::delivery
