// Takes a subscription for a store again and again, or waits for it, as delivery::lease_manager does with if_taken::wait.
#pragma once

#include "feed/look_schedule.hpp"
#include "simulation/subscription_driver.hpp"
#include "subscription/beat_watch.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace eventstore::test::simulation {

class claim_driver {
public:
    explicit claim_driver(subscription_parts parts) : parts_(std::move(parts)) {
        parts_.on_retired = [this] { retired(); };
    }

    void subscribe() {
        is_claiming_ = false;
        all_.push_back(std::make_unique<subscription_driver>(parts_));
        current_ = all_.back().get();
        follow();
    }
    /// The consumers leave, and come back after that long.
    void leave(duration away) {
        if (!current_ || !current_->has_begun()) return;
        away_ = away;
        current_->leave();
    }
    /// A lease was released somewhere.
    void freed() {
        if (std::exchange(is_waiting_, false)) claim();
    }

    subscription_driver* current() const noexcept { return current_; }

private:
    // As in acquire_lease.cpp.
    static constexpr milliseconds longest_watch = 1s;
    static constexpr milliseconds longest_attaching = 2 * feed::look_schedule::longest_to_listen + longest_watch;

    void follow() {
        subscription_driver* const made = current_;
        auto until = parts_.where.now() + longest_attaching;
        // Just before the feed looks for the first time, where nothing is heard.
        if (parts_.planted == bug::attaches_in_haste)
            until = parts_.where.now() + feed::look_schedule::longest_to_listen - std::chrono::nanoseconds(1);
        parts_.feed.attach(
            made, parts_.plan.stream < 0 ? "" : made->stream(), until, [this, made](std::optional<std::int64_t> from) {
                if (made != current_) return;
                if (from) return claim();
                look_and_follow();
            });
    }
    // The feed does not tell why it does not begin. What is refused for good would end it here; nothing is.
    void look_and_follow() {
        if (current_->has_ended()) return;
        parts_.pool.ask_for(
            pool_driver::kind::read, [this] { return parts_.database.look(storage::log_mark()); },
            [this, made = current_](const std::optional<look_reply>&) {
                if (made == current_ && !made->has_ended()) follow();
            },
            true, longest_watch);
    }
    void claim() {
        if (current_->has_begun() || current_->has_ended() || std::exchange(is_claiming_, true)) return;
        is_waiting_ = false;
        process& where = parts_.where;
        const auto sent = where.lease_now();
        claim_call call;
        call.stream = current_->stream();
        call.name = "n" + std::to_string(parts_.number);
        call.owner = parts_.leases.owner();
        call.lease = parts_.plan.lease;
        call.start = 0;
        call.stalled = watch_.stalled(sent);
        parts_.pool.ask_for(
            pool_driver::kind::write, [this, call] { return parts_.database.claim(call, parts_.leases.server_now()); },
            [this, sent, made = current_](const std::optional<claim_reply>& answer) {
                is_claiming_ = false;
                const auto answered = parts_.where.lease_now();
                if (made != current_ || made->has_ended()) return;
                if (answer && answer->is_taken) {
                    watch_ = delivery::beat_watch();
                    const bool is_late = parts_.planted == bug::trusts_from_the_answer;
                    return made->begin(*answer, is_late ? answered : sent);
                }
                const bool is_early = parts_.planted == bug::watches_from_the_question;
                if (answer) watch_.seen(answer->there, answer->owners_lease, is_early ? sent : answered);
                wait();
            });
    }
    void wait() {
        is_waiting_ = true;
        const auto longest = std::min<milliseconds>(parts_.plan.lease / 10, longest_watch);
        parts_.where.timer(parts_.where.now() + longest, [this, number = ++waits_] {
            if (number == waits_) freed();
        });
    }
    void retired() {
        current_ = nullptr;
        const auto pause = std::exchange(away_, duration()) + 1ms + parts_.where.random.up_to(10ms);
        parts_.where.timer(parts_.where.now() + pause, [this] { subscribe(); });
    }

    subscription_parts parts_;
    delivery::beat_watch watch_;
    subscription_driver* current_ = nullptr;
    duration away_{};
    bool is_claiming_ = false;
    bool is_waiting_ = false;
    int waits_ = 0;
    std::vector<std::unique_ptr<subscription_driver>> all_;
};

} // namespace eventstore::test::simulation
