/// A subscription that this process has: its events, its consumers, its lease.
#pragma once

#include "async/asio_calls.hpp"
#include "async/completion.hpp"
#include "async/retry.hpp"
#include "base/live_objects.hpp"
#include "subscription/event_filter.hpp"
#include "subscription/lease_state.hpp"
#include "subscription/machinery.hpp"
#include "subscription/subscription_state.hpp"

#include <eventstore/error.hpp>
#include <eventstore/event_batch.hpp>
#include <eventstore/subscription_options.hpp>

#include <boost/asio/strand.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace eventstore::delivery {

/// Drives subscription_state: live batches come from the feed, pages from the reader, and the keeper writes checkpoints
/// and renews the lease. Thread safe; the user's functions run on a strand of its own.
///
/// Its life: made, begun (once it is taken), ended (no consumer any more, or a failure), retired (let go of, or lost).
class shared_subscription final : public feed::follower,
                                  public std::enable_shared_from_this<shared_subscription>,
                                  private detail::live_object {
public:
    shared_subscription(
        std::shared_ptr<const machinery> with, std::string stream, std::string name, subscription_options options);
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
        lease_state::time sent{};
    };
    /// The subscription is taken, and the feed tells of what comes.
    void begin(const claim& what);
    /// It could not be taken.
    void refuse_all(const failure& why);
    /// Waits for one of the two; the failure of the second.
    static asio::awaitable<result<void>> wait_begun(std::shared_ptr<shared_subscription> self, steady_time deadline);

    // --- Consumers

    /// Nothing if it is full, or has ended.
    std::optional<consumer_id> join();
    void leave(consumer_id who);
    bool is_full() const;
    bool has_ended() const;

    static asio::awaitable<result<std::optional<event_batch>>> next(
        std::shared_ptr<shared_subscription> self, consumer_id who, std::optional<milliseconds> wait);
    result<void> acknowledge(consumer_id who, sequence_number first, std::uint32_t count);
    result<void> acknowledge_through(consumer_id who, std::int64_t where, bool is_position);
    result<void> refuse(consumer_id who, sequence_number first, std::uint32_t count, std::string_view reason);
    void give_back(consumer_id who, sequence_number first, std::uint32_t count);
    static asio::awaitable<result<void>> wait_durable(std::shared_ptr<shared_subscription> self, steady_time deadline);
    static asio::awaitable<result<void>> wait_retired(std::shared_ptr<shared_subscription> self, steady_time deadline);
    /// The position up to which everything is acknowledged, durable or not; nothing before it has begun.
    std::optional<std::int64_t> done_through() const;

    /// Ends it: in order, or with a failure. What was acknowledged is written, and the subscription let go of.
    EVENTSTORE_NOT_INTO_COROUTINES void end(std::optional<failure> why);
    /// Ends it in order, with its store.
    EVENTSTORE_NOT_INTO_COROUTINES void close();

    // --- The keeper

    struct settlement {
        std::shared_ptr<shared_subscription> whose;
        std::int64_t id = 0;
        std::int64_t epoch = 0;
        subscription_state::checkpoint checkpoint;
        bool is_moved = false; ///< since the subscription was taken; if not, only the lease is renewed
        std::int64_t from = 0; ///< the row's position, as far as its owner knows
        uuid owner{};          ///< set by the keeper
        std::int32_t timeline = 0;
        std::int64_t seen = 0; ///< the position of what was received last, in that history
        std::optional<uuid> seen_event;
        subscription_state::announcement handed_out;
        bool releases = false;
        std::int64_t beat = 0;    ///< counts them
        bool is_urgent = false;   ///< more than a renewal that others can share
        std::uint64_t serial = 0; ///< of the acknowledgements that it holds
    };
    /// What is to be written now. Renews the lease with it if that is due, or soon would be.
    std::optional<settlement> collect(steady_time now, bool is_closing);
    /// When collect() will have something.
    steady_time due() const;
    enum class settled { done, lost, deleted, truncated, replays };
    /// True if it is retired by that.
    bool settle(const settlement& what, settled how, lease_state::time sent);
    void settle_failed();
    /// Something has happened to its row.
    void check_soon();
    /// The stream is visible again, after it was deleted.
    void look_again();
    /// Of its stream; 0 if it is not known, or the log.
    std::int64_t stream_id() const;
    /// Has the parked events that are marked for it delivered again.
    EVENTSTORE_NOT_INTO_COROUTINES void replay_parked();
    /// 0 until it has begun.
    std::int64_t id() const;
    std::int64_t epoch() const;
    void retire(const failure& why);
    /// Its execution context is going.
    void abandon() noexcept;

    // --- The feed

    void on_live(const news& what) override;
    void on_feed_failed(const failure& why) override;

private:
    using completion = std::shared_ptr<detail::completion<void>>;
    struct next_wait {
        consumer_id who = 0;
        completion woken;
    };
    struct stage_wait {
        bool (*is_reached)(const shared_subscription&, std::uint64_t serial);
        std::uint64_t serial = 0;
        completion reached;
    };
    /// What a change leads to, done once the mutex is free.
    struct consequences {
        std::optional<subscription_state::page_wish> wish;
        std::vector<completion> awake;
        std::optional<steady_time> due; // earlier than the keeper knows
        std::vector<std::int64_t> unpark;
        bool replays = false; // there is room for parked events
    };
    consequences changed(); // with the mutex held
    EVENTSTORE_NOT_INTO_COROUTINES void carry_out(consequences what);
    void note_progress(steady_time now, consequences& todo);
    void wake_all(consequences& todo);
    void wake_for_stage(consequences& todo); // with the mutex held
    /// Waits for a stage of its life: at most until the deadline, and not at all if it is there.
    static asio::awaitable<result<void>> wait_for(std::shared_ptr<shared_subscription> self,
        std::shared_ptr<const machinery> with, stage_wait stage, steady_time deadline);

    /// Waits, if it does not end meanwhile, before something that has failed is tried again.
    static asio::awaitable<void> pause(std::shared_ptr<shared_subscription> self, std::shared_ptr<const machinery> with,
        std::chrono::milliseconds time);
    detail::retry new_retry(std::string_view what) const;
    steady_time now() const { return timers_->now(); }

    bool is_log() const noexcept { return stream == "$all"; }
    failure ended_failure() const;
    void take_missed();
    place first_of(const news& what) const;
    place covered_by(const news& what) const;
    void take_live(const news& what);
    void read(subscription_state::page_wish wish);
    static asio::awaitable<void> read_pages(std::shared_ptr<shared_subscription> self,
        std::shared_ptr<const machinery> with, subscription_state::page_wish wish);
    std::optional<subscription_state::page_wish> take_page(const log::reader::snapshot& answer);
    void note_seen(const place& where, const std::optional<uuid>& event); // with the mutex held
    /// Where the next page goes on; of one stream its position is a version.
    log::log_mark seen() const;
    std::optional<place> place_to_compare() const;
    std::optional<subscription_state::page_wish> compare(const place& known, const log::reader::snapshot& there);
    /// Whether a page is of a log that holds everything that this subscription has seen.
    static asio::awaitable<result<bool>> goes_on(std::shared_ptr<shared_subscription> self,
        std::shared_ptr<const machinery> with, const log::log_mark& seen, const log::reader::snapshot& page);
    failure truncated(std::int64_t position) const;
    static asio::awaitable<void> park(std::shared_ptr<shared_subscription> self, std::shared_ptr<const machinery> with,
        subscription_state::refusal what, std::vector<std::int64_t> positions, std::vector<std::int32_t> deliveries,
        std::string reason);
    static asio::awaitable<void> replay(
        std::shared_ptr<shared_subscription> self, std::shared_ptr<const machinery> with);
    bool replays_on(); // with the mutex held
    static asio::awaitable<void> unpark(std::shared_ptr<shared_subscription> self,
        std::shared_ptr<const machinery> with, std::vector<std::int64_t> positions);
    std::shared_ptr<const machinery> with() const;

    const event_filter filter_;
    const std::shared_ptr<detail::timer_queue> timers_;
    const std::shared_ptr<detail::logger> log_;

    mutable std::mutex mutex_;
    std::shared_ptr<const machinery> with_; // null once abandoned
    std::optional<asio::strand<asio::any_io_executor>> strand_;
    std::optional<subscription_state> state_; // once it has begun
    std::optional<lease_state> lease_;
    steady_time renewal_due() const; // with the mutex held
    std::int64_t id_ = 0;
    std::int64_t epoch_ = 0;
    std::int64_t beat_ = 0;      // of the last settlement
    std::int64_t stream_id_ = 0; // which of the streams that had this name; 0 = not known
    std::int32_t timeline_ = 0;  // the history that everything received is part of
    place seen_at_;              // the last place of which the event may be known
    std::optional<uuid> seen_event_;
    std::vector<next_wait> waiting_;
    std::vector<stage_wait> waiting_for_stage_;
    std::size_t posted_ = 0;           // live batches on their way to the handlers
    std::optional<place> live_missed_; // those behind it, which were too many
    std::size_t posted_bytes_ = 0;     // of the pages that they keep
    std::set<std::int64_t> replaying_; // positions of parked events that are queued or out
    bool replay_wanted_ = false;       // there may be more
    bool replay_runs_ = false;
    bool ended_ = false;
    bool retired_ = false;
    std::optional<failure> why_ended_; // nothing = in order
    bool with_store_ = false;          // it ended because that did

    // Checkpoints
    std::uint64_t serial_ = 0;         // grows with each acknowledgement
    std::uint64_t durable_serial_ = 0; // of what was written
    place taken_at_;
    place written_;
    std::int64_t row_position_ = 0; // the checkpoint in the database, unless another has written there
    std::uint64_t written_events_ = 0;
    steady_time write_at_ = steady_time::max();
    bool writing_ = false;
};

} // namespace eventstore::delivery

namespace eventstore::detail {

/// The inside of an event_batch.
class batch_state : private live_object {
public:
    batch_state() = default; // an empty one
    batch_state(std::shared_ptr<delivery::shared_subscription> owner, delivery::consumer_id who,
        delivery::subscription_state::hand_out what)
        : owner_(std::move(owner)), who_(who), what_(std::move(what)) {}
    ~batch_state() {
        if (owner_ && !seen_ && !settled_) owner_->give_back(who_, what_.first, what_.count);
    }
    batch_state(const batch_state&) = delete;
    batch_state& operator=(const batch_state&) = delete;

    const recorded_event* begin() noexcept { return seen_ = true, what_.events; }
    const recorded_event* end() noexcept { return seen_ = true, what_.events + what_.count; }
    int delivery() const noexcept { return what_.delivery; }
    void acknowledge();
    void refuse(std::string_view reason);

private:
    const std::shared_ptr<delivery::shared_subscription> owner_;
    const delivery::consumer_id who_ = 0;
    const delivery::subscription_state::hand_out what_;
    bool seen_ = false;
    bool settled_ = false;
};

} // namespace eventstore::detail
