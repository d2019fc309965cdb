#include "client.hpp"

#include "process.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deque>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

namespace eventstore::benchmarks {

namespace {

/// The first failure of any coroutine.
class failures {
public:
    explicit failures(window& when) : window_(when) {}

    void operator()(std::exception_ptr failed) {
        if (!failed) return;
        const std::scoped_lock lock(mutex_);
        if (!first_) first_ = failed;
        window_.is_broken = true;
    }
    void rethrow() const {
        if (first_) std::rethrow_exception(first_);
    }

private:
    window& window_;
    std::mutex mutex_;
    std::exception_ptr first_;
};

std::chrono::nanoseconds in_seconds(double seconds) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
}

/// Processor time within the window, in seconds.
struct cpu_times {
    double client = 0;
    double sessions = 0;
};

struct crew {
    const client_settings& settings;
    const job& work;
    window& when;
    std::deque<worker>& workers; // worker is neither copied nor moved
    failures& failed;
    cpu_times& used;
};

/// Reads the clocks at both ends of the window. Holds the store, so that its sessions are still there at the end.
asio::awaitable<void> measure_cpu(store, crew& all) {
    asio::steady_timer timer(co_await asio::this_coro::executor, all.when.from);
    co_await timer.async_wait(asio::use_awaitable);
    const double client_before = cpu_seconds();
    const std::map<int, double> sessions_before = all.settings.session_cpu_seconds();

    timer.expires_at(all.when.to);
    co_await timer.async_wait(asio::use_awaitable);
    all.used.client = cpu_seconds() - client_before;
    for (const auto& [process, seconds] : all.settings.session_cpu_seconds()) {
        const auto before = sessions_before.find(process);
        all.used.sessions += before == sessions_before.end() ? seconds : seconds - before->second;
    }
}

/// Ends as soon as the workers are on their way: they hold the store then, and it ends with the last of them.
asio::awaitable<void> send_out(store_options where, crew& all) {
    store opened = co_await open(std::move(where));
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    all.when.from = clock::now() + in_seconds(all.settings.warm_up);
    all.when.to = all.when.from + in_seconds(all.settings.seconds);
    const auto on_end = [&failed = all.failed](std::exception_ptr error) { failed(error); };
    if (all.settings.session_cpu_seconds) asio::co_spawn(executor, measure_cpu(opened, all), on_end);
    for (worker& each : all.workers) {
        if (all.settings.threads == 1)
            asio::co_spawn(executor, all.work(opened, each), on_end);
        else
            asio::co_spawn(asio::make_strand(executor), all.work(opened, each), on_end);
    }
}

/// \returns the processor time, if it is to be measured
cpu_times run(const store_options& where, const client_settings& settings, const job& work, window& when,
    std::deque<worker>& workers) {
    failures failed(when);
    cpu_times used;
    crew all{settings, work, when, workers, failed, used};
    for (int i = 0; i < settings.workers; ++i) workers.emplace_back(i, when);

    asio::io_context io(settings.threads);
    asio::co_spawn(io, send_out(where, all), [&](std::exception_ptr error) { failed(error); });
    std::vector<std::jthread> others;
    for (int i = 1; i < settings.threads; ++i) others.emplace_back([&] { io.run(); });
    io.run();
    others.clear();
    failed.rethrow();
    return used;
}

} // namespace

client_run run_client(const store_options& where, const client_settings& settings, const job& work) {
    reset_peak_rss();
    window when;
    std::deque<worker> workers;
    const cpu_times used = run(where, settings, work, when, workers);

    client_run result;
    std::uint64_t counted = 0;
    for (const worker& each : workers) {
        counted += each.counted();
        result.total += each.total();
        result.latencies_ms.insert(result.latencies_ms.end(), each.latencies_ms().begin(), each.latencies_ms().end());
    }
    if (counted == 0) throw std::runtime_error("nothing was completed within the time of the measurement");
    result.rate = static_cast<double>(counted) / settings.seconds;
    result.peak_rss_mb = peak_rss_mb();
    result.client_us = used.client * 1e6 / static_cast<double>(counted);
    result.backend_us = used.sessions * 1e6 / static_cast<double>(counted);
    return result;
}

void run_once(const store_options& where, int workers, const job& work) {
    client_settings settings;
    settings.workers = workers;
    window when;
    std::deque<worker> all;
    run(where, settings, work, when, all);
}

} // namespace eventstore::benchmarks
