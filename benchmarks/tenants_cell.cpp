#include "tenants_cell.hpp"

#include "cell.hpp"
#include "process.hpp"

#include <eventstore/store_group.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

namespace eventstore::benchmarks {

namespace asio = boost::asio;

namespace {

using clock_type = std::chrono::steady_clock;

struct cost {
    double open_seconds = 0;
    double idle_statements = 0;       // a second, while nobody does anything
    double subscribe_seconds = 0;     // one subscription to each
    double subscribed_statements = 0; // a second, while all of them wait
    double rss_mb = 0;
};

double seconds_since(clock_type::time_point begun) {
    return std::chrono::duration<double>(clock_type::now() - begun).count();
}

std::string tenant(int number) { return "tenant_" + std::to_string(number); }

asio::awaitable<void> wait(double seconds) {
    asio::steady_timer timer(
        co_await asio::this_coro::executor, std::chrono::milliseconds(static_cast<int>(seconds * 1000)));
    co_await timer.async_wait(asio::use_awaitable);
}

/// Runs `each(i)` for all tenants at once.
template <class Each>
asio::awaitable<void> for_all(int count, const Each& each) {
    const auto executor = co_await asio::this_coro::executor;
    int left = count;
    std::exception_ptr first;
    asio::steady_timer done(executor, clock_type::time_point::max());
    for (int i = 0; i < count; ++i) {
        asio::co_spawn(executor, each(i), [&](std::exception_ptr thrown) {
            if (thrown && !first) first = thrown;
            if (--left == 0) done.cancel();
        });
    }
    boost::system::error_code ignored;
    if (left > 0) co_await done.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (first) std::rethrow_exception(first);
}

asio::awaitable<double> statements_while_idle(store_group group, double seconds) {
    const auto sent = [&] {
        const store_stats now = group.stats();
        return static_cast<double>(now.reads + now.other_statements);
    };
    const double before = sent();
    co_await wait(seconds);
    co_return (sent() - before) / seconds;
}

asio::awaitable<void> live(std::string url, int count, double seconds, cost& found) {
    store_options options(url);
    options.operation_timeout(std::chrono::seconds(60));
    const auto begun = clock_type::now();
    store_group group = co_await open_group(options);
    std::vector<store> stores(static_cast<std::size_t>(count));
    const auto open_one = [&](int i) -> asio::awaitable<void> {
        stores[static_cast<std::size_t>(i)] = co_await group.open(tenant(i));
    };
    co_await for_all(count, open_one);
    found.open_seconds = seconds_since(begun);
    found.idle_statements = co_await statements_while_idle(group, seconds);

    std::vector<subscription> all;
    const auto subscribing = clock_type::now();
    const auto subscribe_one = [&](int i) -> asio::awaitable<void> {
        subscription mailer = co_await stores[static_cast<std::size_t>(i)].subscribe_to_all("mailer");
        all.push_back(std::move(mailer));
    };
    co_await for_all(count, subscribe_one);
    found.subscribe_seconds = seconds_since(subscribing);
    co_await wait(5); // until their polls and leases have fallen into step
    found.subscribed_statements = co_await statements_while_idle(group, seconds);
    found.rss_mb = peak_rss_mb();
}

asio::awaitable<void> make_tenants(std::string url, int count) {
    store_group group = co_await open_group(store_options(std::move(url)).create());
    for (int i = 0; i < count; ++i) co_await group.open(tenant(i));
}

template <class Work>
void run_alone(Work work) {
    asio::io_context context(1);
    std::exception_ptr thrown;
    asio::co_spawn(context, std::move(work), [&](std::exception_ptr e) { thrown = e; });
    context.run();
    if (thrown) std::rethrow_exception(thrown);
}

int count_for(const bench& b) { return b.wanted.quick ? 50 : 1'000; }

} // namespace

int open_tenants_and_tell(const std::string& url, int count, double seconds) {
    cost found;
    run_alone(live(url, count, seconds, found));
    std::cout << found.open_seconds << ' ' << found.idle_statements << ' ' << found.subscribe_seconds << ' '
              << found.subscribed_statements << ' ' << found.rss_mb << '\n';
    return 0;
}

std::vector<cell> tenant_cells() {
    struct row {
        const char* name;
        const char* unit;
        const char* about;
        double cost::*figure;
    };
    const row rows[] = {
        {"T", "s", "to open 1,000 stores of one group; less is better", &cost::open_seconds},
        {"TQ", "queries/s", "statements a second of 1,000 open stores that nobody uses", &cost::idle_statements},
        {"TS", "s", "to subscribe to each of them; less is better", &cost::subscribe_seconds},
        {"TSQ", "queries/s", "statements a second while 1,000 stores have a subscription each and nothing happens",
            &cost::subscribed_statements},
        {"TM", "MB", "peak resident memory of the process with all that", &cost::rss_mb},
    };
    std::vector<cell> cells;
    for (const row& each : rows) {
        cell& next = cells.emplace_back();
        next.name = each.name;
        next.unit = each.unit;
        next.about = each.about;
        next.prepare = [](bench& b) {
            if (b.loaded.insert("tenants").second) run_alone(make_tenants(b.on.url(), count_for(b)));
        };
        // A process of its own for each figure: the peak of its memory begins anew.
        next.library = [figure = each.figure](bench& b) {
            std::istringstream told(run_program({"/proc/self/exe", tenants_argument, b.on.url(),
                std::to_string(count_for(b)), b.wanted.quick ? "2" : "20"}));
            cost found;
            if (!(told >> found.open_seconds >> found.idle_statements >> found.subscribe_seconds >>
                    found.subscribed_statements >> found.rss_mb))
                throw std::runtime_error("the process with the tenants wrote: " + told.str());
            client_run run;
            run.rate = found.*figure;
            run.peak_rss_mb = found.rss_mb;
            return run;
        };
    }
    return cells;
}

} // namespace eventstore::benchmarks
