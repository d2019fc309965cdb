// AG and AGC: what an aggregate costs, beside the read and the append that it is made of.
#include "cell.hpp"

#include "events.hpp"
#include "statistics.hpp"
#include "tables.hpp"

#include <eventstore/aggregate.hpp>
#include <eventstore/json.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace eventstore::benchmarks {

/// The event of the workload, typed.
struct ordered {
    std::string order_id;
    double amount = 0;
    std::string note;
};
BOOST_DESCRIBE_STRUCT(ordered, (), (order_id, amount, note))

struct customer {
    using event = ordered;
    std::int64_t orders = 0;
    double amount = 0;

    void apply(const ordered& e) {
        ++orders;
        amount += e.amount;
    }
};

} // namespace eventstore::benchmarks

template <>
struct eventstore::codec<eventstore::benchmarks::ordered>
    : eventstore::json_codec<eventstore::benchmarks::ordered, "ExampleEvent"> {};

namespace eventstore::benchmarks {

namespace asio = boost::asio;

namespace {

const std::string aggregate_schema = "aggregates";
constexpr int events_of_a_stream = 100;

int streams_of(const bench& b) { return b.wanted.quick ? 100 : 2'000; }
int commands_of(const bench& b) { return b.wanted.quick ? 50 : 1'000; }

void load(bench& b) { load_events(b, aggregate_schema, streams_of(b), events_of_a_stream, 1); }

float ms_since(clock::time_point started) {
    return std::chrono::duration<float, std::milli>(clock::now() - started).count();
}

/// Both sides of a run, which take turns with each command.
struct both_sides {
    std::vector<float> aggregate_ms;
    std::vector<float> plain_ms;
    int next_stream = 0; // goes on from run to run, so that all streams stay about as long as each other
};

using customers = aggregate_store<customer>;

/// The command: one more order.
auto order(worker& self) {
    return [&self](const customer& seen) {
        if (seen.orders < 0) throw std::runtime_error("WRONG RESULT: fewer orders than none");
        return make_event(self.random());
    };
}

asio::awaitable<void> load_and_append(store into, worker& self, int streams, int commands, both_sides& found) {
    const customers all(into);
    for (int i = 0; i < commands; ++i) {
        const std::string aggregated = stream_name(found.next_stream++ % streams);
        const clock::time_point started = clock::now();
        const auto done = co_await all.execute(aggregated, order(self));
        found.aggregate_ms.push_back(ms_since(started));
        if (done.state().orders != done.version() || done.version() <= events_of_a_stream)
            throw std::runtime_error("WRONG RESULT: the state is not that of the stream");

        const std::string plain = stream_name(found.next_stream++ % streams);
        const clock::time_point plain_started = clock::now();
        const event_page page = co_await into.read(plain);
        event_data event = make_event(self.random());
        co_await into.append(plain, page.back().version(), std::move(event));
        found.plain_ms.push_back(ms_since(plain_started));
        if (page.size() < events_of_a_stream || !page.is_complete())
            throw std::runtime_error("WRONG RESULT: a stream was not read whole");
    }
}

asio::awaitable<void> append_from_the_cache(store into, worker& self, int streams, int commands, both_sides& found) {
    const customers all(into, aggregate_options().cache_bytes(1 << 20));
    const std::string aggregated = stream_name(found.next_stream++ % streams);
    const std::string plain = stream_name(found.next_stream++ % streams);
    const auto first = co_await all.execute(aggregated, order(self)); // which loads it
    std::int64_t orders = first.version();
    const stream_info info = co_await into.stream_info(plain);
    std::int64_t version = info.version;
    const std::uint64_t reads = into.stats().reads;
    for (int i = 0; i < commands; ++i) {
        const clock::time_point started = clock::now();
        const auto done = co_await all.execute(aggregated, order(self));
        found.aggregate_ms.push_back(ms_since(started));
        if (done.version() != ++orders || done.state().orders != orders)
            throw std::runtime_error("WRONG RESULT: the state is not that of the stream");

        const clock::time_point plain_started = clock::now();
        event_data event = make_event(self.random());
        const append_result appended = co_await into.append(plain, version, std::move(event));
        found.plain_ms.push_back(ms_since(plain_started));
        version = appended.last_version;
    }
    // The listener's looks at the log count as reads, too.
    if (into.stats().reads - reads > static_cast<std::uint64_t>(commands) / 10)
        throw std::runtime_error("WRONG RESULT: commands on a state in memory have read");
}

using measurement = asio::awaitable<void> (*)(store, worker&, int, int, both_sides&);

void add_row(std::vector<cell>& cells, const std::string& name, const std::string& about, measurement measure) {
    const auto last = std::make_shared<both_sides>();
    const auto run = [=](bench& b) {
        if (!last->aggregate_ms.empty()) return;
        run_once(in_schema(b, aggregate_schema), 1, [&](store into, worker& self) {
            return measure(std::move(into), self, streams_of(b), commands_of(b), *last);
        });
    };
    cell& row = cells.emplace_back();
    row.name = name;
    row.unit = "ms (p50)";
    row.about = about;
    row.prepare = [=](bench& b) {
        load(b);
        last->aggregate_ms.clear(); // each round has one run, which gives both, whoever's turn comes first
        last->plain_ms.clear();
    };
    row.library = [=](bench& b) {
        run(b);
        client_run all;
        all.latencies_ms = last->aggregate_ms;
        all.rate = static_cast<double>(percentile(all.latencies_ms, 0.50));
        return all;
    };
    row.limit = [=](bench& b) {
        run(b);
        std::vector<float> plain = last->plain_ms;
        return static_cast<double>(percentile(plain, 0.50));
    };
}

} // namespace

std::vector<cell> aggregate_cells() {
    std::vector<cell> cells;
    add_row(cells, "AG",
        "a command that loads 100 events and appends one, beside the read and the append; less is better",
        load_and_append);
    add_row(cells, "AGC", "a command on a state in memory, beside the append; less is better", append_from_the_cache);
    return cells;
}

} // namespace eventstore::benchmarks
