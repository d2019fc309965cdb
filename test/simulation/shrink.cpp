// Cuts a failing schedule down to what it needs.
#include "simulation/simulation.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace eventstore::test::simulation {

namespace {

class shrinker {
public:
    shrinker(schedule plan, bug planted, rule broken) : best_(std::move(plan)), planted_(planted), broken_(broken) {}

    schedule run() {
        do {
            is_smaller_ = false;
            drop_steps();
            simplify_steps();
            simplify_settings();
        } while (is_smaller_ && tries_ < most_tries);
        return best_;
    }

private:
    static constexpr int most_tries = 4'000;
    static constexpr int seeds = 4;

    bool still_fails(const schedule& candidate) {
        if (++tries_ > most_tries) return false;
        const auto found = simulation::run(candidate, planted_).found;
        return found && found->broken == broken_;
    }
    // With fewer steps all delays are others: what needs luck may need another seed.
    bool take(schedule candidate) {
        for (int i = 0; i < seeds; ++i, ++candidate.seed) {
            if (!still_fails(candidate)) continue;
            best_ = std::move(candidate);
            return is_smaller_ = true;
        }
        return false;
    }

    // First halves, then quarters, and so on to single ones.
    void drop_steps() {
        for (std::size_t length = std::max<std::size_t>(best_.steps.size() / 2, 1);; length /= 2) {
            for (std::size_t first = 0; first < best_.steps.size();) {
                schedule candidate = best_;
                const auto from = candidate.steps.begin() + static_cast<std::ptrdiff_t>(first);
                const auto left = std::min(length, candidate.steps.size() - first);
                candidate.steps.erase(from, from + static_cast<std::ptrdiff_t>(left));
                if (!take(std::move(candidate))) first += length;
            }
            if (length <= 1) return;
        }
    }

    template <class Change>
    void try_step(std::size_t number, Change change) {
        schedule candidate = best_;
        if (change(candidate.steps[number])) take(std::move(candidate));
    }
    void simplify_steps() {
        for (std::size_t i = 0; i < best_.steps.size(); ++i) {
            try_step(i, [](step& one) { return one.length > 0ms && (one.length = 0ms, true); });
            try_step(i, [](step& one) { return one.length > 1ms && (one.length /= 2, true); });
            try_step(i, [](step& one) { return one.count > 1 && (one.count = 1, true); });
            try_step(i, [](step& one) { return one.store > 0 && (one.store = 0, true); });
            try_step(i, [](step& one) { return one.b > 0 && (one.b = 0, true); });
            try_step(i, [](step& one) { return one.a > 0 && (one.a = 0, true); });
            try_step(i, [](step& one) {
                const bool is_special = one.what == act::append_to_two || one.what == act::append_refused;
                return is_special && (one.what = act::append, one.b = 0, true);
            });
        }
    }

    template <class Change>
    void try_settings(Change change) {
        schedule candidate = best_;
        if (change(candidate)) take(std::move(candidate));
    }
    void simplify_settings() {
        try_settings([](schedule& plan) { return plan.jitters && (plan.jitters = false, true); });
        try_settings([](schedule& plan) { return plan.latency != 200us && (plan.latency = 200us, true); });
        try_settings([](schedule& plan) { return plan.stores > 1 && (--plan.stores, true); });
        try_settings([](schedule& plan) { return plan.streams > 1 && (--plan.streams, true); });
        for (std::size_t i = 0; i < best_.subscriptions.size(); ++i) {
            try_settings([&](schedule& plan) {
                if (plan.subscriptions.size() == 1) return false;
                plan.subscriptions.erase(plan.subscriptions.begin() + static_cast<std::ptrdiff_t>(i));
                return true;
            });
        }
        const subscription_plan plain;
        const auto reset = [&](auto member) {
            for (std::size_t i = 0; i < best_.subscriptions.size(); ++i) {
                try_settings([&](schedule& plan) {
                    auto& value = plan.subscriptions[i].*member;
                    return value != plain.*member && (value = plain.*member, true);
                });
            }
        };
        reset(&subscription_plan::stream);
        reset(&subscription_plan::consumers);
        reset(&subscription_plan::by_stream);
        reset(&subscription_plan::max_batch);
        reset(&subscription_plan::max_in_flight);
        reset(&subscription_plan::max_queued);
        reset(&subscription_plan::max_retries);
        reset(&subscription_plan::parks);
        reset(&subscription_plan::retry_after);
        reset(&subscription_plan::lease);
        reset(&subscription_plan::checkpoint_after);
        reset(&subscription_plan::checkpoint_every);
    }

    schedule best_;
    const bug planted_;
    const rule broken_;
    bool is_smaller_ = false;
    int tries_ = 0;
};

} // namespace

schedule shrunk(schedule plan, bug planted, rule broken) { return shrinker(std::move(plan), planted, broken).run(); }

} // namespace eventstore::test::simulation
