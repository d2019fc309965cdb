#include "latency_cells.hpp"

#include "cell.hpp"
#include "events.hpp"
#include "process.hpp"
#include "statistics.hpp"
#include "tables.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace eventstore::benchmarks {

namespace asio = boost::asio;

namespace {

using namespace std::chrono_literals;

const std::string latency_schema = "latency";
constexpr auto between_appends = 5ms;

int events_of(const bench& b) { return b.wanted.quick ? 100 : 2'000; }

float in_ms(clock::duration time) { return std::chrono::duration<float, std::milli>(time).count(); }

/// Both latencies of a run.
struct latencies {
    std::vector<float> append;
    std::vector<float> receipt;
    float append_p50 = 0;
    float append_p99 = 0;
};

// The clock counts alike in all processes of a machine; the time travels as the event's data.
asio::awaitable<void> write_times(store into, int events, std::vector<float>& append) {
    asio::steady_timer timer(co_await asio::this_coro::executor, clock::now());
    std::mt19937_64 random{std::random_device()()};
    for (int i = 0; i < events; ++i) {
        timer.expires_at(timer.expiry() + between_appends);
        co_await timer.async_wait(asio::use_awaitable);
        const clock::time_point started = clock::now();
        std::string data = std::to_string(started.time_since_epoch().count());
        data.resize(100, ' '); // as long as the events of the other cells
        event_data event(event_type, std::move(data));
        event.metadata(metadata_json);
        co_await into.append(stream_name(0), any_version, std::move(event));
        append.push_back(in_ms(clock::now() - started));
    }
}

asio::awaitable<void> receive_times(subscription from, int events, std::vector<float>& receipt) {
    while (receipt.size() < static_cast<std::size_t>(events)) {
        std::optional<event_batch> batch = co_await from.next(10s);
        const clock::time_point now = clock::now();
        if (!batch || batch->empty()) throw std::runtime_error("WRONG RESULT: an event did not arrive");
        for (const recorded_event& event : *batch) {
            const clock::time_point started{clock::duration(std::stoll(std::string(event.data())))};
            receipt.push_back(in_ms(now - started));
        }
        batch->ack();
    }
    co_await from.unsubscribe();
}

asio::awaitable<void> run_both(store_options where, int events, latencies& found) {
    const store opened = co_await open(std::move(where));
    subscription all = co_await opened.subscribe_to_all("latency");
    const auto executor = co_await asio::this_coro::executor;
    asio::co_spawn(executor, write_times(opened, events, found.append), [](std::exception_ptr failed) {
        if (failed) std::rethrow_exception(failed);
    });
    co_await receive_times(std::move(all), events, found.receipt);
}

asio::awaitable<void> run_subscriber(store_options where, int events, latencies& found, std::function<void()> ready) {
    const store opened = co_await open(std::move(where));
    subscription all = co_await opened.subscribe_to_all("latency");
    ready();
    co_await receive_times(std::move(all), events, found.receipt);
}

void run(asio::awaitable<void> work) {
    asio::io_context context(1);
    asio::co_spawn(context, std::move(work), [](std::exception_ptr failed) {
        if (failed) std::rethrow_exception(failed);
    });
    context.run();
}

latencies measure_here(bench& b) {
    latencies found;
    run(run_both(in_schema(b, latency_schema), events_of(b), found));
    found.append_p50 = percentile(found.append, 0.50);
    found.append_p99 = percentile(found.append, 0.99);
    return found;
}

latencies measure_there(bench& b) {
    latencies found;
    std::string told;
    std::exception_ptr failed;
    std::jthread writer;
    run(run_subscriber(in_schema(b, latency_schema), events_of(b), found, [&] {
        writer = std::jthread([&] {
            try {
                told = run_program(
                    {"/proc/self/exe", append_argument, b.on.url(), latency_schema, std::to_string(events_of(b))});
            } catch (...) {
                failed = std::current_exception();
            }
        });
    }));
    writer.join();
    if (failed) std::rethrow_exception(failed);
    std::istringstream in(told);
    if (!(in >> found.append_p50 >> found.append_p99)) throw std::runtime_error("the writing process wrote: " + told);
    return found;
}

/// Two rows of one run: medians, and the 99th percentiles.
void add_rows(
    std::vector<cell>& cells, const std::string& name, const std::string& about, latencies (*measure)(bench&)) {
    const auto last = std::make_shared<latencies>();
    for (const bool is_p99 : {false, true}) {
        cell& row = cells.emplace_back();
        row.name = name + (is_p99 ? "99" : "");
        row.unit = is_p99 ? "ms (p99)" : "ms (p50)";
        row.about =
            about + (is_p99 ? ", 99th percentile" : ", median") + "; the limit is the append's own; less is better";
        row.prepare = [=](bench& b) {
            make_fresh_tables(b, latency_schema);
            *last = latencies(); // each round has one run, which gives the limit too, whoever's turn comes first
        };
        row.library = [=](bench& b) {
            if (last->receipt.empty()) *last = measure(b);
            client_run run;
            run.latencies_ms = last->receipt;
            run.rate = percentile(last->receipt, is_p99 ? 0.99 : 0.50);
            return run;
        };
        row.limit = [=](bench& b) {
            if (last->receipt.empty()) *last = measure(b);
            return static_cast<double>(is_p99 ? last->append_p99 : last->append_p50);
        };
    }
}

} // namespace

int append_and_tell_latencies(const std::string& url, const std::string& in_schema, int events) {
    store_options where(url);
    where.schema(in_schema);
    std::vector<float> append;
    run_once(where, 1, [&](store into, worker&) { return write_times(std::move(into), events, append); });
    const float p50 = percentile(append, 0.50);
    std::cout << p50 << ' ' << percentile(append, 0.99) << '\n';
    return 0;
}

std::vector<cell> latency_cells() {
    std::vector<cell> cells;
    add_rows(cells, "SL", "from an append to its subscriber in the same process", measure_here);
    add_rows(cells, "SLP", "from an append to its subscriber in another process", measure_there);
    return cells;
}

} // namespace eventstore::benchmarks
