// Drives subscription_state, received_history and event_filter as delivery::shared_subscription does, with its consumers.
#pragma once

#include "async/retry.hpp"
#include "simulation/checker.hpp"
#include "simulation/feed_driver.hpp"
#include "simulation/lease_driver.hpp"
#include "subscription/event_filter.hpp"
#include "subscription/parked_replays.hpp"
#include "subscription/received_history.hpp"
#include "subscription/subscription_state.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace eventstore::test::simulation {

/// How often handlers refuse an event, and how often they have.
struct refusals {
    std::map<std::int64_t, int> left; ///< by position

    static int of_type(std::string_view type) { return type.starts_with("refused") ? type.back() - '0' : 0; }
    bool refuses(const recorded_event& event) {
        const auto entry = left.try_emplace(event.position(), of_type(event.type())).first;
        return entry->second > 0 && entry->second-- > 0;
    }
};

/// What a subscription works with.
struct subscription_parts {
    process& where;
    pool_driver& pool;
    database_model& database;
    feed_driver& feed;
    lease_driver& leases;
    checker& observer;
    refusals& refused;
    const subscription_plan& plan;
    int number = 0;
    bug planted = bug::none;
    std::function<void()> on_retired;
    std::function<void()> on_trusted; ///< it may be that two trust now
};

class subscription_driver final : public feed::follower {
public:
    explicit subscription_driver(subscription_parts parts);

    /// \param sent when the claim was sent
    void begin(const claim_reply& acquired, eventstore::detail::lease_time sent);
    /// All consumers leave.
    void leave();
    /// One of several leaves, and another comes.
    void exchange_consumer();
    void retire();
    void replay_parked();
    void renew_now() { parts_.leases.renew_now(id_); }
    void handle_slowly(duration time) { slow_ = time; }

    bool has_begun() const noexcept { return state_.has_value(); }
    bool has_ended() const noexcept { return ended_; }
    bool is_retired() const noexcept { return is_retired_; }
    /// It may hand out.
    bool is_trusted() const { return !ended_ && state_ && parts_.leases.is_trusted(id_, epoch_); }
    std::int64_t id() const noexcept { return id_; }
    /// When the claim was sent.
    moment claimed_at() const noexcept { return claimed_at_; }
    const std::string& stream() const noexcept { return stream_; }

    void on_live(const live_batch& batch) override;
    void on_feed_failed(const failure& why) override;

private:
    using place = delivery::place;
    using consumer_id = delivery::consumer_id;
    using write_by = delivery::write_by;
    using hand_out = delivery::subscription_state::hand_out;
    using page_wish = delivery::subscription_state::page_wish;
    struct consequences {
        std::optional<page_wish> wish;
        std::vector<consumer_id> awake;
        std::vector<std::int64_t> unpark;
        bool replays = false;
    };

    // In subscription_driver.cpp, as in shared_subscription.cpp.
    void on_written(const delivery::lease_write& row, delivery::write_result outcome, bool is_trusted_again);
    consequences changed();
    void carry_out(const consequences& todo);
    void report(write_by when);
    delivery::progress progress_now();
    void end();
    bool is_log() const noexcept { return parts_.plan.stream < 0; }

    // In consumer_driver.cpp, as in consumers.cpp and park.cpp.
    void take(consumer_id consumer);
    void wait(consumer_id consumer, eventstore::detail::steady_time deadline);
    void wake(consumer_id consumer);
    void handle(consumer_id consumer, const hand_out& batch);
    void handled(consumer_id consumer, const hand_out& batch);
    void acknowledge(consumer_id consumer, const hand_out& batch, std::uint32_t first, std::uint32_t count);
    void give_back(consumer_id consumer, const hand_out& batch, std::uint32_t first, std::uint32_t count);
    void refuse(consumer_id consumer, const hand_out& batch, std::uint32_t first, std::uint32_t count);
    void commit(consumer_id consumer, const hand_out& batch);
    void committed(consumer_id consumer, const hand_out& batch, const delivery::lease_write& row, bool is_replay);
    void park(const delivery::subscription_state::refusal& refusal, const std::vector<std::int64_t>& positions,
        const std::vector<int>& counts, eventstore::detail::backoff again);
    void exhausted(const delivery::subscription_state::refusal& refusal);
    void unpark(const std::vector<std::int64_t>& positions);
    void replay(std::vector<std::pair<std::int64_t, int>> next);
    void read_parked(std::vector<std::pair<std::int64_t, int>> next);

    // In catch_up_driver.cpp, as in catch_up.cpp.
    place first_of(const live_batch& batch) const;
    place covered_by(const live_batch& batch) const;
    void read(const page_wish& wish);
    void page_answered(const page_wish& wish, std::int64_t asked_from, const storage::log_mark& seen,
        const std::optional<place>& compared, const std::optional<page_reply>& reply);
    std::optional<page_wish> take_page(const read::reader::snapshot& answer);

    subscription_parts parts_;
    const subscription_options options_;
    const delivery::event_filter filter_;
    const std::string stream_; // "$all" = the log
    std::optional<delivery::subscription_state> state_;
    delivery::received_history history_;
    std::int64_t id_ = 0;
    std::int64_t epoch_ = 0;
    std::int64_t lease_ = 0; // as the checker calls it
    moment claimed_at_{};
    std::set<consumer_id> consumers_;
    std::set<consumer_id> waiting_;
    std::set<consumer_id> committing_; // a transaction with what they hold
    delivery::parked_replays replays_;
    eventstore::detail::backoff reads_{eventstore::detail::asking_again};
    eventstore::detail::backoff replay_reads_{eventstore::detail::asking_again};
    duration slow_{};
    std::uint64_t serial_ = 0;
    bool ended_ = false;
    bool is_retired_ = false;
};

} // namespace eventstore::test::simulation
