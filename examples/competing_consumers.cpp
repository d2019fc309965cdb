// Four packers work on the same orders. They share a subscription: each event goes to one of them, and the events of one
// order to one at a time, so that they are handled in order however fast the packers are. One of them goes home early.
//
//     competing_consumers                                      with a PostgreSQL of its own, gone at the end
//     competing_consumers postgresql://localhost/shop          with yours
#include <eventstore/eventstore.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace es = eventstore;
using std::chrono::milliseconds;

namespace {

constexpr int order_count = 12;
constexpr int items_of_an_order = 25;
constexpr int items_at_a_time = 5;

struct packer {
    std::string name;
    milliseconds time_for_an_item;
    std::optional<std::size_t> goes_home_after; // so many items
    std::size_t packed = 0;
};

/// What the packers share. They all run on one strand.
struct workshop {
    std::vector<packer> packers{{"Ada", milliseconds(1), std::nullopt}, {"Ben", milliseconds(2), 23},
        {"Cleo", milliseconds(4), std::nullopt}, {"Dan", milliseconds(8), std::nullopt}};
    std::map<std::string, std::vector<std::int64_t>> orders; // the versions of each order's events, as they were packed
};

asio::awaitable<void> work(packer& me, es::subscription items, workshop& ours) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (const auto batch = co_await items.next()) {
        for (const es::recorded_event& item : *batch) {
            timer.expires_after(me.time_for_an_item);
            co_await timer.async_wait(asio::use_awaitable);
            ours.orders[std::string(item.stream())].push_back(item.version());
            // The batch in hand is not acknowledged. All of it goes to the others: what was packed is packed again.
            if (++me.packed == me.goes_home_after) co_return;
        }
        batch->ack();
    }
}

void rethrow(std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);
}

asio::awaitable<void> run(std::string url, workshop& ours) {
    const es::store store = co_await es::open(es::store_options(url).create());
    const std::string prefix = "order-" + es::to_string(es::make_uuid()) + '-'; // other orders in each run

    // The orders of the night. In the log the items of one order lie between those of others.
    std::int64_t last_position = 0;
    for (int i = 0; i < items_of_an_order; i += items_at_a_time) {
        for (int order = 1; order <= order_count; ++order) {
            std::vector<es::event_data> items; // not copies of one, which would be the same event
            for (int item = 1; item <= items_at_a_time; ++item) items.emplace_back("ItemOrdered", "{}");
            const es::append_result placed =
                co_await store.append(prefix + std::to_string(order), es::any_version, items);
            last_position = placed.last_position;
        }
    }

    es::subscription_options options;
    options.concurrency_limit(ours.packers.size()).partition_by(es::partition::stream).stream_prefix(prefix);
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    for (packer& each : ours.packers) {
        es::subscription items = co_await store.subscribe_to_all("packers", options);
        asio::co_spawn(executor, work(each, std::move(items), ours), rethrow);
    }

    co_await store.subscription_to_all("packers").wait_for(last_position);
    co_await store.close(); // next() returns nothing, and the packers go home
}

/// Each item, in order. Some may come again, but none too early.
bool is_complete(const std::vector<std::int64_t>& versions) {
    std::int64_t due = 1;
    for (const std::int64_t version : versions) {
        if (version > due) return false;
        if (version == due) ++due;
    }
    return due == items_of_an_order + 1;
}

bool tell(const workshop& ours) {
    std::size_t packed = 0;
    for (const packer& each : ours.packers) {
        std::cout << each.name << " (" << each.time_for_an_item.count() << " ms an item) packed " << each.packed;
        if (each.packed == each.goes_home_after) std::cout << " and went home";
        std::cout << '\n';
        packed += each.packed;
    }
    int complete = 0;
    for (const auto& [order, versions] : ours.orders) complete += is_complete(versions) ? 1 : 0;
    std::cout << "\nitems:      " << order_count * items_of_an_order << "\npacked:     " << packed << "\n\n"
              << complete << " of " << order_count << " orders are complete, each packed in order\n";
    return complete == order_count;
}

} // namespace

int main(int count, char* arguments[]) try {
    std::optional<es::embedded_postgres> server;
    if (count < 2) server.emplace(es::embedded_postgres::start_now());

    workshop ours;
    asio::io_context context;
    asio::co_spawn(asio::make_strand(context), run(server ? server->url() : arguments[1], ours), rethrow);
    context.run();
    return tell(ours) ? 0 : 1;
} catch (const std::exception& e) {
    std::cerr << "competing_consumers: " << e.what() << '\n';
    return 1;
}
