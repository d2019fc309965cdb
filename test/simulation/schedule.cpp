#include "simulation/schedule.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

namespace eventstore::test::simulation {

namespace {

constexpr std::array names{"append", "append_to_two", "append_refused", "append_elsewhere", "cut", "stall", "fall_mute",
    "unreachable", "restart_server", "crash", "pause", "suspend", "set_clock_back", "leave", "exchange_consumer",
    "handle_slowly", "release_parked", "renew", "reset", "delete_subscription"};

milliseconds drawn(random_source& random, milliseconds most) {
    return milliseconds(static_cast<milliseconds::rep>(random.below(static_cast<std::uint64_t>(most.count()) + 1)));
}

subscription_plan make_subscription(random_source& random, int streams) {
    subscription_plan plan;
    if (random.chance(3)) plan.stream = random.number(0, streams - 1);
    if (random.chance(3)) plan.consumers = random.number(2, 3);
    plan.by_stream = random.chance(2);
    if (random.chance(2)) plan.max_batch = static_cast<std::size_t>(random.number(1, 5));
    if (random.chance(3)) plan.max_in_flight = 2;
    if (random.chance(2)) plan.max_queued = static_cast<std::size_t>(random.number(1, 12));
    plan.max_retries = random.number(0, 3);
    plan.parks = !random.chance(4);
    plan.retry_after = milliseconds(random.number(1, 200));
    plan.lease = milliseconds(random.number(3, 30) * 100);
    plan.checkpoint_after = milliseconds(random.number(1, 200));
    if (random.chance(3)) plan.checkpoint_every = static_cast<std::size_t>(random.number(1, 5));
    return plan;
}

step make_append(random_source& random, const schedule& plan) {
    step next;
    next.store = random.number(0, plan.stores - 1);
    next.a = random.number(0, plan.streams - 1);
    next.count = random.chance(3) ? random.number(2, 6) : 1;
    const int drawn_kind = random.number(0, 9);
    if (drawn_kind == 0) next.what = act::append_to_two;
    if (drawn_kind == 1) next.what = act::append_elsewhere;
    if (drawn_kind == 2) next.what = act::append_refused;
    next.b = random.chance(2) ? 0 : random.number(1, 4);
    return next;
}

step make_fault(random_source& random, const schedule& plan) {
    step next;
    next.what = static_cast<act>(random.number(static_cast<int>(act::cut), static_cast<int>(act::renew)));
    if (random.chance(16)) next.what = random.chance(2) ? act::reset : act::delete_subscription;
    next.store = random.number(0, plan.stores - 1);
    const auto lease = plan.subscriptions.front().lease;
    next.length = random.chance(2) ? drawn(random, 3 * lease) : drawn(random, milliseconds(50));
    switch (next.what) {
    case act::cut:
        next.a = random.number(0, 4);
        next.b = random.number(0, 2);
        break;
    case act::stall: next.a = random.number(0, 4); break;
    case act::leave:
    case act::exchange_consumer:
    case act::handle_slowly:
    case act::release_parked:
    case act::renew:
    case act::reset:
    case act::delete_subscription:
        next.a = random.number(0, static_cast<int>(plan.subscriptions.size()) - 1);
        if (next.what == act::reset) next.b = random.number(0, 6);
        break;
    default: break;
    }
    return next;
}

} // namespace

schedule make_schedule(std::uint64_t seed) {
    random_source random(seed * 0x2545f4914f6cdd1dU + 1);
    schedule plan;
    plan.seed = seed;
    plan.stores = random.number(1, 3);
    plan.streams = random.number(1, 3);
    plan.latency = std::chrono::microseconds(random.chance(2) ? random.number(100, 400) : random.number(500, 5'000));
    for (int left = random.chance(3) ? 2 : 1; left > 0; --left)
        plan.subscriptions.push_back(make_subscription(random, plan.streams));
    const milliseconds length(random.number(1, 8) * 500);
    for (int left = random.number(2, 30); left > 0; --left) {
        plan.steps.push_back(make_append(random, plan));
        plan.steps.back().at = drawn(random, length);
    }
    for (int left = random.number(0, 16); left > 0; --left) {
        plan.steps.push_back(make_fault(random, plan));
        // Half of them while something is under way.
        plan.steps.back().at =
            random.chance(2) ? plan.steps[random.below(plan.steps.size())].at + 1ms : drawn(random, length);
    }
    std::ranges::stable_sort(plan.steps, {}, &step::at);
    return plan;
}

std::string to_text(const schedule& plan) {
    std::ostringstream out;
    const auto flag = [](bool value) { return value ? "true" : "false"; };
    out << "schedule{.seed = " << plan.seed << "u, .stores = " << plan.stores << ", .streams = " << plan.streams
        << ", .jitters = " << flag(plan.jitters) << ", .latency = " << plan.latency.count()
        << "us,\n    .subscriptions = {";
    for (const subscription_plan& one : plan.subscriptions) {
        out << "\n        {.stream = " << one.stream << ", .consumers = " << one.consumers
            << ", .by_stream = " << flag(one.by_stream) << ", .max_batch = " << one.max_batch
            << ", .max_in_flight = " << one.max_in_flight << ", .max_queued = " << one.max_queued
            << ",\n            .max_retries = " << one.max_retries << ", .parks = " << flag(one.parks)
            << ", .retry_after = " << one.retry_after.count() << "ms, .lease = " << one.lease.count()
            << "ms, .checkpoint_after = " << one.checkpoint_after.count() << "ms";
        if (one.checkpoint_every) out << ", .checkpoint_every = " << *one.checkpoint_every << "u";
        out << "},";
    }
    out << "},\n    .steps = {";
    for (const step& one : plan.steps) {
        out << "\n        {" << one.at.count() << "ms, act::" << names[static_cast<std::size_t>(one.what)] << ", "
            << one.store << ", " << one.a << ", " << one.b << ", " << one.count << ", " << one.length.count() << "ms},";
    }
    out << "}}";
    return out.str();
}

} // namespace eventstore::test::simulation
