// The library under measurement: coroutines on one io_context that do the same thing again and again.
#pragma once

#include <eventstore/store.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace eventstore::benchmarks {

namespace asio = boost::asio;

using clock = std::chrono::steady_clock;

/// How long to go on, and what of it counts.
struct window {
    clock::time_point from;             // what ends before that is warm-up
    clock::time_point to;               // nothing begins after that
    std::atomic<bool> is_broken{false}; // another worker has failed
};

/// One coroutine's part. On cache lines of its own, for clients with several threads.
class alignas(64) worker {
public:
    worker(int index, const window& when) : index_(index), window_(when), random_(std::random_device()()) {}

    int index() const { return index_; } // from 0
    std::mt19937_64& random() { return random_; }

    bool goes_on() const { return clock::now() < window_.to && !window_.is_broken.load(std::memory_order_relaxed); }

    /// An operation is over.
    void completed(clock::time_point started, int amount) {
        const clock::time_point now = clock::now();
        total_ += static_cast<std::uint64_t>(amount);
        if (now < window_.from || now >= window_.to) return;
        counted_ += static_cast<std::uint64_t>(amount);
        latencies_ms_.push_back(std::chrono::duration<float, std::milli>(now - started).count());
    }

    std::uint64_t total() const { return total_; }
    std::uint64_t counted() const { return counted_; }
    const std::vector<float>& latencies_ms() const { return latencies_ms_; }

private:
    const int index_;
    const window& window_;
    std::mt19937_64 random_;
    std::uint64_t total_ = 0;
    std::uint64_t counted_ = 0;
    std::vector<float> latencies_ms_;
};

/// What one worker does: loops while it goes_on(), and calls completed() for each operation.
using job = std::function<asio::awaitable<void>(store, worker&)>;

struct client_settings {
    int threads = 1;
    int workers = 1;
    double warm_up = 0; // seconds
    double seconds = 0;
    /// Processor time of the server's sessions so far, by process; if it is set, processor time is measured.
    std::function<std::map<int, double>()> session_cpu_seconds;
};

/// What the client saw.
struct client_run {
    double rate = 0; // a second, within the window
    std::uint64_t total = 0;
    std::vector<float> latencies_ms;
    double peak_rss_mb = 0;
    double client_us = 0;  // processor time of this process within the window, for each that was counted
    double backend_us = 0; // the same of the server's sessions; 0 where not measured
};

/// Opens the store, lets the workers run, and closes it. \throws what a worker throws
client_run run_client(const store_options& where, const client_settings& settings, const job& work);

/// The same without a window: each worker does its job once.
void run_once(const store_options& where, int workers, const job& work);

} // namespace eventstore::benchmarks
