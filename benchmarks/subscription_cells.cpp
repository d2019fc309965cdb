// S1, S50, S1000: catching up, and many subscriptions at once.
#include "cell.hpp"

#include "events.hpp"
#include "process.hpp"
#include "reads.hpp"
#include "statistics.hpp"
#include "tables.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace eventstore::benchmarks {

namespace asio = boost::asio;

namespace {

using namespace std::chrono_literals;

const std::string subscription_schema = "subscriptions";

// ---- S1

/// Catches up from the origin, again and again.
asio::awaitable<void> catch_up(store from, worker& self, subscription_options how, std::uint64_t events) {
    for (int pass = 0; self.goes_on(); ++pass) {
        const std::string name = "pass-" + std::to_string(pass);
        clock::time_point started = clock::now();
        subscription all = co_await from.subscribe_to_all(name, how);
        std::uint64_t seen = 0;
        std::int64_t last = 0;
        while (seen < events) {
            std::optional<event_batch> batch = co_await all.next();
            for (const recorded_event& event : *batch) {
                if (event.position() != ++last || event.data().empty())
                    throw std::runtime_error("WRONG RESULT: an event is missing");
            }
            seen += batch->size();
            batch->ack();
            self.completed(started, static_cast<int>(batch->size()));
            started = clock::now();
        }
        co_await all.unsubscribe();
        co_await from.subscription_to_all(name).remove();
    }
}

cell catch_up_cell(std::string name, std::string about, const subscription_options& how) {
    cell s1;
    s1.name = std::move(name);
    s1.unit = "events/s";
    s1.about = std::move(about);
    s1.prepare = load_reads;
    s1.library = [how](bench& b) {
        client_settings settings;
        settings.warm_up = b.wanted.warm_up;
        settings.seconds = b.wanted.seconds;
        const std::uint64_t events = events_to_read(b);
        return run_client(in_schema(b, reads_schema), settings,
            [=](store from, worker& self) { return catch_up(std::move(from), self, how, events); });
    };
    s1.limit = limit_of_reading;
    return s1;
}

// ---- S50, S1000

// Checkpoints are written 100 ms after an acknowledgement; the next append comes when that is over.
constexpr auto until_written = 250ms;

/// Many subscriptions that are live, and appends that reach all of them.
struct fan {
    int subscriptions = 0;
    int events = 0; // of an append
    int appends = 0;
    std::string stream;       // subscribed to
    std::vector<float> times; // of the appends, in ms
    std::uint64_t reads = 0;  // that the appends have led to
    std::uint64_t others = 0; // statements besides, with those that write the checkpoints

    std::uint64_t expected = 0; // by each subscription so far
    int behind = 0;             // subscriptions that have not acknowledged all of that
    std::shared_ptr<asio::steady_timer> all_there;
};

asio::awaitable<void> follow(subscription from, fan& all) {
    std::uint64_t seen = 0;
    for (;;) {
        std::optional<event_batch> batch = co_await from.next();
        if (!batch) co_return;
        seen += batch->size();
        batch->ack();
        if (seen == all.expected && --all.behind == 0) all.all_there->cancel();
    }
}

asio::awaitable<void> subscribe_one(const store& from, fan& all, int number, int& left) {
    subscription mine = co_await from.subscribe(all.stream, "s-" + std::to_string(number));
    const auto executor = co_await asio::this_coro::executor;
    asio::co_spawn(executor, follow(std::move(mine), all), [](std::exception_ptr failed) {
        if (failed) std::rethrow_exception(failed);
    });
    if (--left == 0) all.all_there->cancel();
}

asio::awaitable<void> fan_out(store_options where, fan& all) {
    const store opened = co_await open(std::move(where));
    const auto executor = co_await asio::this_coro::executor;
    std::mt19937_64 random{std::random_device()()};
    all.all_there = std::make_shared<asio::steady_timer>(executor);
    const auto wait = [&]() -> asio::awaitable<void> {
        boost::system::error_code woken;
        co_await all.all_there->async_wait(asio::redirect_error(asio::use_awaitable, woken));
        if (!woken) throw std::runtime_error("WRONG RESULT: not every subscription has got every event");
    };

    int left = all.subscriptions;
    all.all_there->expires_after(60s);
    for (int i = 0; i < all.subscriptions; ++i)
        asio::co_spawn(executor, subscribe_one(opened, all, i, left), [](std::exception_ptr failed) {
            if (failed) std::rethrow_exception(failed);
        });
    co_await wait();

    for (int i = 0; i <= all.appends; ++i) {
        all.behind = all.subscriptions;
        all.expected += static_cast<std::uint64_t>(all.events);
        all.all_there->expires_after(30s);
        const store_stats before = opened.stats();
        const clock::time_point started = clock::now();
        std::vector<event_data> events = make_events(random, all.events);
        co_await opened.append(stream_name(0), any_version, std::move(events));
        if (all.behind > 0) co_await wait();
        if (i == 0) continue; // the first one makes sure that all of them are live
        all.times.push_back(std::chrono::duration<float, std::milli>(clock::now() - started).count());
        asio::steady_timer pause(executor, until_written);
        co_await pause.async_wait(asio::use_awaitable);
        const store_stats after = opened.stats();
        all.reads += after.reads - before.reads;
        all.others += after.other_statements - before.other_statements;
    }
    co_await opened.close();
}

enum class figure { time, statements };

cell fan_cell(std::string name, std::string about, fan shape, figure what) {
    cell fans;
    fans.name = std::move(name);
    fans.concurrency = shape.subscriptions;
    fans.unit = what == figure::time ? "ms" : "queries";
    fans.about = std::move(about);
    fans.prepare = [](bench& b) { make_fresh_tables(b, subscription_schema); };
    fans.library = [shape, what](bench& b) {
        fan all = shape;
        if (b.wanted.quick) all.appends = 3;
        reset_peak_rss();
        asio::io_context context(1);
        asio::co_spawn(context, fan_out(in_schema(b, subscription_schema), all), [](std::exception_ptr failed) {
            if (failed) std::rethrow_exception(failed);
        });
        context.run();
        if (all.reads > static_cast<std::uint64_t>(all.appends))
            throw std::runtime_error("WRONG RESULT: " + std::to_string(all.appends) +
                " appends to live subscriptions led to " + std::to_string(all.reads) + " reads");
        client_run run;
        run.latencies_ms = all.times;
        run.rate = what == figure::time ? static_cast<double>(percentile(all.times, 0.5))
                                        : static_cast<double>(all.reads + all.others) / all.appends;
        run.peak_rss_mb = peak_rss_mb();
        return run;
    };
    return fans;
}

} // namespace

std::vector<cell> subscription_cells() {
    std::vector<cell> cells;
    cells.push_back(catch_up_cell("S1",
        "a subscription to all catches up from the origin, every batch acknowledged; default options",
        subscription_options()));
    cells.push_back(catch_up_cell("S1B", "the same with the best options",
        subscription_options().group_by(grouping::none).max_batch(1'000).max_queued(5'000)));
    fan fifty;
    fifty.subscriptions = 50;
    fifty.events = 100;
    fifty.appends = 20;
    fifty.stream = stream_name(0);
    cells.push_back(fan_cell("S50",
        "50 subscriptions to one stream, an append of 100 events, until all have acknowledged all; less is better",
        fifty, figure::time));
    fan thousand;
    thousand.subscriptions = 1'000;
    thousand.events = 1;
    thousand.appends = 20;
    thousand.stream = "$all";
    cells.push_back(fan_cell("S1000",
        "1,000 subscriptions to all, an append of 1 event, until all have acknowledged it; less is better", thousand,
        figure::time));
    cells.push_back(fan_cell("S1000Q",
        "statements that such an append leads to, with those that write all checkpoints; less is better", thousand,
        figure::statements));
    return cells;
}

} // namespace eventstore::benchmarks
