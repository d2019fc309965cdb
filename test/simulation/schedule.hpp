// What happens in one run: a list that can be made from a seed, cut down, printed, and pasted into a test.
#pragma once

#include "simulation/virtual_time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::test::simulation {

enum class act {
    append,              ///< a: stream, b: expectation, count events
    append_to_two,       ///< the same to stream a and the next one, all or nothing
    append_refused,      ///< one event, which the handlers refuse b times
    append_elsewhere,    ///< by another program, which no store knows of
    cut,                 ///< a: link, b: 0 questions are lost, 1 they are still carried out, 2 later (up to length)
    stall,               ///< a: link; nothing gets through for that long
    fall_mute,           ///< a store's connection that listens is lost, and the next one stays open and never answers
    unreachable,         ///< a store loses all connections, and gets none for that long
    restart_server,      ///< all stores lose all connections
    crash,               ///< a process dies, and comes back after that long
    pause,               ///< a process is stopped for that long
    suspend,             ///< the same with its machine, whose steady clock stands still
    set_clock_back,      ///< that of the server
    leave,               ///< the consumers of subscription a leave in order, and come back after that long
    exchange_consumer,   ///< one consumer of several of subscription a leaves, and another one comes
    handle_slowly,       ///< the next batch of subscription a takes that long
    release_parked,      ///< what subscription a has parked is delivered again
    renew,               ///< a: subscription; its owner is told that something has happened to its row
    reset,               ///< a: subscription, b: its new checkpoint, if that lies before
    delete_subscription, ///< a: subscription; whoever has it makes it anew
};

/// What an append expects of its stream.
enum class expectation { any, exact, no_stream, exists, stale };

struct step {
    milliseconds at{};
    act what = act::append;
    int store = 0;
    int a = 0;
    int b = 0;
    int count = 1;
    milliseconds length{};
};

struct subscription_plan {
    int stream = -1; ///< -1 = the log
    int consumers = 1;
    bool by_stream = true; ///< batches of one stream; with several consumers the order of each stream
    std::size_t max_batch = 100;
    std::size_t max_in_flight = 1;
    std::size_t max_queued = 2'000;
    int max_retries = 5;
    bool parks = true; ///< what is out of tries; else it is skipped
    milliseconds retry_after{100};
    milliseconds lease{1'000};
    milliseconds checkpoint_after{100};
    std::optional<std::size_t> checkpoint_every;
};

struct schedule {
    std::uint64_t seed = 0; ///< of all that is not said here: delays, and the order of what is due at once
    int stores = 1;
    int streams = 1;
    bool jitters = true;                    ///< else each message takes the same time
    std::chrono::microseconds latency{200}; ///< of a message, about
    std::vector<subscription_plan> subscriptions;
    std::vector<step> steps;
};

/// \param seed of the whole
schedule make_schedule(std::uint64_t seed);

/// As C++.
std::string to_text(const schedule& plan);

inline std::string stream_name(int number) { return "s" + std::to_string(number); }

} // namespace eventstore::test::simulation
