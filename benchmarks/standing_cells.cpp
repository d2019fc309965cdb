#include "standing_cells.hpp"

#include "cell.hpp"
#include "events.hpp"
#include "process.hpp"
#include "tables.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

namespace eventstore::benchmarks {

namespace asio = boost::asio;

namespace {

using namespace std::chrono_literals;

const std::string standing_schema = "standing";

// ---- IDLE

struct idling {
    double cpu_percent = 0;
    double statements = 0; // a second
};

asio::awaitable<void> idle(store on, int subscriptions, double seconds, idling& found) {
    std::vector<subscription> all;
    for (int i = 0; i < subscriptions; ++i) {
        const std::string name = "idle-" + std::to_string(i);
        all.push_back(co_await on.subscribe_to_all(name));
    }
    asio::steady_timer timer(co_await asio::this_coro::executor, 500ms);
    co_await timer.async_wait(asio::use_awaitable); // until all are live
    const auto statements = [&] {
        const store_stats now = on.stats();
        return static_cast<double>(now.reads + now.other_statements);
    };
    const double cpu_before = cpu_seconds();
    const double statements_before = statements();
    timer.expires_after(std::chrono::milliseconds(static_cast<int>(seconds * 1000)));
    co_await timer.async_wait(asio::use_awaitable);
    found.cpu_percent = (cpu_seconds() - cpu_before) / seconds * 100;
    found.statements = (statements() - statements_before) / seconds;
}

std::vector<cell> idle_cells() {
    std::vector<cell> cells;
    const auto last = std::make_shared<idling>();
    for (const bool counts_statements : {false, true}) {
        cell& row = cells.emplace_back();
        row.name = counts_statements ? "IDLEQ" : "IDLE";
        row.concurrency = 100;
        row.unit = counts_statements ? "queries/s" : "% of CPU";
        row.about = std::string(counts_statements ? "statements a second" : "share of one CPU") +
            " while 100 subscriptions are live and nothing happens; less is better";
        row.prepare = [](bench& b) { make_fresh_tables(b, standing_schema); };
        row.library = [=](bench& b) {
            const double seconds = b.wanted.quick ? 1 : 10;
            run_once(in_schema(b, standing_schema), 1,
                [&](store on, worker&) { return idle(std::move(on), 100, seconds, *last); });
            client_run run;
            run.rate = counts_statements ? last->statements : last->cpu_percent;
            return run;
        };
    }
    return cells;
}

// ---- MS

asio::awaitable<void> stall(store on, int events, double& early_mb) {
    constexpr int each = 100;
    const auto how = subscription_options().group_by(grouping::none).max_batch(1'000);
    subscription slow = co_await on.subscribe_to_all("slow", how);
    subscription quick = co_await on.subscribe_to_all("quick", how);
    std::mt19937_64 random{std::random_device()()};
    std::optional<event_batch> held;
    std::int64_t seen = 0;
    for (int i = 1; i <= events / each; ++i) {
        std::vector<event_data> list = make_events(random, each);
        co_await on.append(stream_name(i % 50), any_version, std::move(list));
        if (!held) {
            held = co_await slow.next();
            if (held->empty()) throw std::runtime_error("WRONG RESULT: an empty batch"); // and it was looked into
        }
        while (seen < std::int64_t{i} * each) {
            std::optional<event_batch> batch = co_await quick.next();
            for (const recorded_event& event : *batch)
                if (event.position() != ++seen) throw std::runtime_error("WRONG RESULT: an event is missing");
            batch->ack();
        }
        if (i == events / each / 10) early_mb = peak_rss_mb();
    }
}

std::vector<cell> stall_cells() {
    struct memory {
        double peak_mb = 0;
        double early_mb = 0;
    };
    std::vector<cell> cells;
    for (const bool is_growth : {false, true}) {
        cell& row = cells.emplace_back();
        row.name = is_growth ? "MSG" : "MS";
        row.unit = "MB";
        row.about = is_growth
            ? "how much of that came after the first tenth of the events; less is better"
            : "peak memory while one of two subscribers stands still for 500,000 events; less is better";
        row.prepare = [](bench& b) { make_fresh_tables(b, standing_schema); };
        row.library = [=](bench& b) {
            const int events = b.wanted.quick ? 20'000 : 500'000;
            std::istringstream told(
                run_program({"/proc/self/exe", stall_argument, b.on.url(), standing_schema, std::to_string(events)}));
            memory found;
            if (!(told >> found.peak_mb >> found.early_mb))
                throw std::runtime_error("the process with the standing subscriber wrote: " + told.str());
            client_run run;
            run.peak_rss_mb = found.peak_mb;
            run.rate = is_growth ? found.peak_mb - found.early_mb : found.peak_mb;
            return run;
        };
    }
    return cells;
}

} // namespace

int stall_and_tell_memory(const std::string& url, const std::string& in_schema, int events) {
    store_options where(url);
    where.schema(in_schema);
    double early_mb = 0;
    run_once(where, 1, [&](store on, worker&) { return stall(std::move(on), events, early_mb); });
    std::cout << peak_rss_mb() << ' ' << early_mb << '\n';
    return 0;
}

std::vector<cell> standing_cells() {
    std::vector<cell> cells = idle_cells();
    for (cell& each : stall_cells()) cells.push_back(std::move(each));
    return cells;
}

} // namespace eventstore::benchmarks
