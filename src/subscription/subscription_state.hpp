/// A subscription without its I/O: what was received, who holds what, what may be handed out, and how far all is done.
#pragma once

#include "async/clock.hpp"

#include <eventstore/event_page.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace eventstore::delivery {

using detail::lease_time;
using steady_time = std::chrono::steady_clock::time_point;
using consumer_id = std::uint32_t;     ///< from 1
using sequence_number = std::uint64_t; ///< of an event in the order of receipt

/// A place in the log, and the same place in the subscription's stream. Subscriptions to the log have no version.
struct place {
    std::int64_t position = 0;
    std::int64_t version = 0;

    friend bool operator==(const place&, const place&) = default;
};

/// An event of a page that passed the filters.
struct arrival {
    std::uint32_t index = 0;
    std::uint64_t key = 0; ///< of its partition
};

/// The order in which events are handed out.
enum class ordering {
    total,  ///< one after the other
    by_key, ///< those of one key one after the other, at one consumer at a time
    none,   ///< any event to anyone
};

/// The state machine of one subscription. Events come from two sources: pages that it asks for while it is behind, and
/// live batches when it is not. They are kept in one queue, from the first that is not done to the last received, so
/// that whatever goes back (a consumer leaves, a batch is refused) is in its right place again.
///
/// A live batch is taken only if the machine is live and has room. Otherwise it is noted, not kept: the machine falls
/// behind, reads pages when it has room, and is live again once a complete page was read after the last note, or has reached
/// it. So it never skips, and never needs to know whether the next event is the last one plus 1: deletes leave gaps.
///
/// A stream may be hidden for a while, or be deleted for good and made anew, with versions from 1. So a live batch of a
/// stream that does not go on where the last one ended makes the machine fall behind, and the page tells.
///
/// No locks, no clock, no I/O; its owner sees to all that.
class subscription_state {
public:
    struct settings {
        bool of_log = true;    ///< positions count; otherwise the versions of one stream
        bool by_stream = true; ///< batches of one stream and correlation
        ordering order = ordering::total;
        std::size_t max_batch = 100;
        std::size_t max_in_flight = 1;
        std::size_t max_queued = 2'000;
        std::size_t max_queued_bytes = std::size_t{8} << 20;
        int max_retries = 5;
        std::chrono::milliseconds retry_after{100};
    };

    /// \param start where delivery begins: everything up to here is done
    subscription_state(const settings& options, place start);

    // --- What comes in

    struct page_wish {
        std::int64_t from = 0; ///< version or position
        std::size_t count = 0;
        std::size_t bytes = 0;
    };
    /// The page to read now, if one is needed. It is then under way until page_arrived or page_failed.
    std::optional<page_wish> wish();
    /// \param events of the page, which passed the filters
    /// \param through the last place that the page covers, filtered or not
    /// \param complete nothing came after it when it was read
    void page_arrived(const event_page& page, std::span<const arrival> events, place through, bool complete);
    void page_failed() noexcept { is_reading_ = false; }

    /// How much of a live batch is wanted.
    struct opening {
        bool is_open = false;   ///< something is
        std::size_t skip = 0;   ///< so many of its events were received before
        std::size_t events = 0; ///< so many of the others may pass the filters
        std::size_t bytes = 0;  ///< with so many bytes of data and metadata
        bool is_empty = false;  ///< nothing is queued: one event fits, whatever its size
    };
    /// Asked before a live batch is filtered, so that no event is filtered twice: what is not wanted now is read later.
    /// The batch covers every place after that of the one before, through `through`.
    /// \param indexes of the page's events that are in it
    /// \param first its first event; only looked at for a stream
    opening open_for(const event_page& page, std::span<const std::uint32_t> indexes, place first, place through);
    /// What has passed the filters.
    /// \param through the last place that was filtered
    /// \param is_all false: the rest of the batch had no room
    void live(const event_page& page, std::span<const arrival> events, place through, bool is_all);

    /// The stream was deleted for good, and another one has its name: from its first event on.
    void restart() noexcept;
    /// More may be there than the live batches have told.
    void fall_behind() noexcept { is_live_ = false; }

    /// Live batches through here were dropped before they got this far.
    void live_missed(place through) noexcept {
        noted_ = through;
        is_live_ = false;
    }

    /// An event that was put aside is handed out again, after what is queued. It does not move the checkpoint.
    /// \param earlier how often it was handed out before
    void replay(const event_page& page, int earlier);
    /// Whether more may be read.
    bool has_room() const noexcept {
        return queued_ <= settings_.max_queued / 2 && queued_bytes_ <= settings_.max_queued_bytes / 2;
    }
    /// The positions of those that are done since the last call.
    std::vector<std::int64_t> take_replayed() { return std::exchange(replayed_, {}); }

    // --- Consumers

    consumer_id join();
    /// What it holds goes back to its place in the queue.
    void leave(consumer_id consumer);
    std::size_t consumers() const noexcept { return consumers_.size(); }
    bool has(consumer_id consumer) const { return consumers_.contains(consumer); }

    struct hand_out {
        sequence_number first = 0;
        std::uint32_t count = 0;
        event_page page;                        ///< keeps the events
        const recorded_event* events = nullptr; ///< `count` of them
        int delivery = 1;
    };
    /// The next batch for this consumer, if there is one for it.
    std::optional<hand_out> take(consumer_id consumer, steady_time now);
    /// When a refused event can be taken again; the far future if none waits.
    steady_time next_retry() const noexcept { return next_retry_; }
    /// True if this consumer holds as much as it may.
    bool is_busy(consumer_id consumer) const;

    /// Events of a batch that were not looked at: they go back as if they had never been handed out.
    void give_back(consumer_id consumer, sequence_number first, std::uint32_t count);
    /// True unless the consumer is not there any more.
    bool acknowledge(consumer_id consumer, sequence_number first, std::uint32_t count);

    enum class through_result { ok, never_handed_out, gone };
    /// Acknowledges what this consumer holds, through a position (or version).
    through_result acknowledge_through(consumer_id consumer, std::int64_t where, bool is_position);

    struct refusal {
        bool is_gone = false;
        sequence_number first = 0; ///< the events that have no try left; they wait for exhausted()
        std::uint32_t count = 0;   ///< of the range that they are in
    };
    refusal refuse(consumer_id consumer, sequence_number first, std::uint32_t count, steady_time now);
    /// What was out of tries is parked, or skipped: it is done.
    void exhausted(sequence_number first, std::uint32_t count);
    bool is_exhausted(sequence_number number) const { return at(number).now == status::exhausted; }
    /// The events of a refusal, for those who keep them.
    const recorded_event& event(sequence_number number) const { return at(number).event(); }
    int deliveries(sequence_number number) const { return at(number).reported(); }

    // --- What the database knows of hand-outs, so that they are counted when the owner dies. An event is handed out for
    // the first time only after the row says that it may have been. What is announced is reported again and again; one of
    // the reports is written, now and then. See subscription_announcement.cpp.

    /// Positions, all of them behind the checkpoint.
    struct announcement {
        std::int64_t delivered = 0; ///< events through here were handed out `deliveries` times
        int deliveries = 0;
        std::int64_t through = 0; ///< others through here may have been handed out

        friend bool operator==(const announcement&, const announcement&) = default;
    };
    /// What the row says when the subscription is taken.
    void remember(const announcement& row) noexcept;
    /// True if take() found an event that has to be announced first.
    bool wants_announcement() const noexcept { return wanted_.has_value(); }
    /// What is to be written, now or later. Until it is, nothing beyond it is handed out.
    announcement announce();
    /// One was written, not before the last that was; true if somebody has waited for it.
    bool announced(const announcement& written) noexcept;

    // --- How far it is

    struct checkpoint {
        place where;
        std::optional<uuid> event; ///< the event there, if one was received
        std::uint64_t events = 0;  ///< that have been done so far, filtered ones not counted
    };
    /// Everything up to here is done.
    checkpoint done() const;
    /// The same, were these events of a batch acknowledged: nothing if that would not be so, because something before them
    /// is not done.
    std::optional<checkpoint> done_with(consumer_id consumer, sequence_number first, std::uint32_t count) const;
    /// The positions of these events, if all of them were parked before and are held by this consumer; else nothing. They
    /// move no checkpoint, whatever lies before them.
    std::vector<std::int64_t> replayed_in(consumer_id consumer, sequence_number first, std::uint32_t count) const;
    /// Everything before it is done.
    sequence_number first_kept() const noexcept { return first_; }

    bool is_live() const noexcept { return is_live_; }
    /// Something is not done, or not received yet.
    bool is_behind() const { return !is_live_ || count_of(done().where) < count_of(received_); }
    /// The first event that is not done, of those that are here and were not parked before; null if there is none.
    const recorded_event* oldest() const noexcept;
    /// Events that consumers hold.
    std::size_t handed_out() const noexcept;
    std::size_t queued() const noexcept { return queued_; }
    std::size_t queued_bytes() const noexcept { return queued_bytes_; }
    std::size_t in_flight() const noexcept { return entries_.size() - queued_; }
    place received() const noexcept { return received_; }

private:
    enum class status : std::uint8_t { queued, in_flight, exhausted, done };
    struct queue_entry {
        event_page page;
        std::uint32_t index = 0;
        consumer_id holder = 0;
        std::uint32_t incarnation = 0;
        std::uint64_t key = 0;
        int deliveries = 0;
        int earlier = 0;        // hand-outs that are no tries: perhaps by an owner that died, or before it was parked
        std::size_t charge = 0; // of the memory that it keeps
        bool is_replay = false;
        bool was_parked = false;
        status now = status::queued;
        steady_time not_before{};

        const recorded_event& event() const noexcept { return page[index]; }
        int reported() const noexcept { return deliveries + earlier; }
    };
    struct batch {
        sequence_number first = 0;
        std::uint32_t count = 0;
        std::uint32_t left = 0; // not yet acknowledged or refused
    };
    struct consumer_state {
        std::vector<batch> batches;
        std::int64_t furthest_position = 0; // ever handed out to it
        std::int64_t furthest_version = 0;
    };
    struct key_holder {
        consumer_id consumer = 0;
        std::uint32_t events = 0;
    };

    queue_entry& at(sequence_number number) { return entries_[static_cast<std::size_t>(number - first_)]; }
    const queue_entry& at(sequence_number number) const { return entries_[static_cast<std::size_t>(number - first_)]; }
    sequence_number end() const noexcept { return first_ + entries_.size(); }
    std::int64_t count_of(const place& where) const noexcept {
        return settings_.of_log ? where.position : where.version;
    }
    std::int64_t count_of(const recorded_event& event) const noexcept {
        return settings_.of_log ? event.position() : event.link_version();
    }

    void push(const event_page& page, std::span<const arrival> events);
    queue_entry& append(queue_entry next);
    bool is_announced(const queue_entry& entry) const noexcept;
    std::int64_t next_look() const noexcept;
    void queue_again(queue_entry& entry);
    void release_key(const queue_entry& entry);
    void settle(consumer_state& state, sequence_number number, status next);
    void drop_done();
    std::size_t share() const;
    bool is_free_for(const queue_entry& entry, consumer_id consumer) const;
    std::optional<sequence_number> first_for(consumer_id consumer, steady_time now);
    hand_out make_batch(sequence_number first, std::uint32_t count);

    const settings settings_;
    std::deque<queue_entry> entries_;
    sequence_number first_ = 0; // of entries_.front()
    sequence_number next_ = 0;  // nothing before it is queued
    std::size_t queued_ = 0;
    std::size_t queued_bytes_ = 0;

    place received_;
    place noted_;
    place noted_when_asked_;
    std::uint32_t incarnation_ = 0; // of the stream: grows when it was deleted for good and made anew
    place done_;
    std::uint32_t done_incarnation_ = 0;
    std::optional<uuid> done_event_;
    std::uint64_t done_count_ = 0;
    std::vector<std::int64_t> replayed_;
    bool is_live_ = false;
    bool is_reading_ = false;

    std::unordered_map<consumer_id, consumer_state> consumers_;
    std::unordered_map<std::uint64_t, key_holder> held_keys_;
    std::vector<std::uint64_t> waiting_keys_; // of one take(): keys whose first event cannot be taken yet
    consumer_id last_consumer_ = 0;
    steady_time next_retry_ = steady_time::max();

    announcement earlier_;             // of the owners before
    std::int64_t announced_ = 0;       // what the row covers
    std::optional<batch> wanted_;      // the hand-out that waits for an announcement
    std::int64_t furthest_ = 0;        // position that was ever handed out
    std::optional<announcement> told_; // the one that was made last
    std::size_t reports_ = 0;          // since then
    bool has_handed_out_ = false;      // since the last announcement was written
    int waits_ = 0;                    // hand-outs that waited, since it was quiet
    std::int64_t looks_ahead_ = 0;     // positions
};

} // namespace eventstore::delivery
