// ST: a page of the list of streams, far from its beginning.
#include "cell.hpp"

#include "statistics.hpp"
#include "tables.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace eventstore::benchmarks {

namespace asio = boost::asio;

namespace {

const std::string listed_schema = "listed";
constexpr int listed_page = 100;

int listed_streams(const bench& b) { return b.wanted.quick ? 20'000 : 1'000'000; }

/// By SQL, in an order that is not that of the names.
void load_listed(bench& b) {
    if (b.loaded.contains(listed_schema)) return;
    make_fresh_tables(b, listed_schema);
    const std::string count = std::to_string(listed_streams(b));
    b.on.admin().run("insert into " + listed_schema + ".streams (name, version, created_at) select 'account-' || " +
        "to_char(n * 7919 % " + count + ", 'FM0000000'), 1, now() from generate_series(1::bigint, " + count + ") as n");
    b.on.admin().run("vacuum analyze " + listed_schema + ".streams");
    b.loaded.insert(listed_schema);
}

/// What the last page goes on after. Goes there page by page, and looks whether all streams come, each once.
asio::awaitable<stream_query> walk_to_the_last_page(store from, stream_order order, int streams) {
    stream_query query;
    query.order(order).count(listed_page);
    stream_info last;
    for (int seen = 0; seen < streams - listed_page; seen += listed_page) {
        const std::vector<stream_info> page = co_await from.streams(query);
        if (page.size() != listed_page) throw std::runtime_error("WRONG RESULT: a page of streams is not full");
        for (const stream_info& each : page) {
            const bool is_next = order == stream_order::by_name ? each.name > last.name : each.id > last.id;
            if (!is_next) throw std::runtime_error("WRONG RESULT: streams are not in order");
            last = each;
        }
        query.after(last);
    }
    co_return query;
}

asio::awaitable<void> time_a_page(
    store from, stream_order order, int streams, bool is_last, std::vector<float>& times_ms) {
    stream_query query;
    query.order(order).count(listed_page);
    if (is_last) query = co_await walk_to_the_last_page(from, order, streams);
    constexpr int warm_up = 100;
    constexpr int measured = 1'000;
    for (int i = 0; i < warm_up + measured; ++i) {
        const clock::time_point started = clock::now();
        const std::vector<stream_info> page = co_await from.streams(query);
        const auto took = std::chrono::duration<float, std::milli>(clock::now() - started).count();
        if (page.size() != listed_page) throw std::runtime_error("WRONG RESULT: a page of streams is not full");
        if (i >= warm_up) times_ms.push_back(took);
    }
}

client_run measure(bench& b, stream_order order, bool is_last) {
    client_run run;
    run_once(in_schema(b, listed_schema), 1, [&](store from, worker&) {
        return time_a_page(std::move(from), order, listed_streams(b), is_last, run.latencies_ms);
    });
    run.rate = static_cast<double>(percentile(run.latencies_ms, 0.50));
    return run;
}

} // namespace

std::vector<cell> streams_cells() {
    std::vector<cell> cells;
    for (const stream_order order : {stream_order::by_name, stream_order::by_age}) {
        cell& row = cells.emplace_back();
        row.name = order == stream_order::by_name ? "ST" : "STA";
        row.unit = "ms";
        row.about = std::string("page 10,000 of a million streams ") +
            (order == stream_order::by_name ? "by name" : "by age") + ", beside page 1; less is better";
        row.prepare = load_listed;
        row.library = [=](bench& b) { return measure(b, order, true); };
        row.limit = [=](bench& b) { return measure(b, order, false).rate; };
    }
    return cells;
}

} // namespace eventstore::benchmarks
