// Competing consumers: several workers share one subscription. Each event goes to one of them, and the events of one
// order to one at a time, in order.
//
//     06_competing_consumers                                      with a PostgreSQL of its own, gone at the end
//     06_competing_consumers postgresql://localhost/shop          with yours
#include <eventstore/eventstore.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace asio = boost::asio;
namespace es = eventstore;
using std::chrono::milliseconds;

namespace {

constexpr int order_count = 10;
constexpr int items_of_an_order = 20;

using packed_orders = std::map<std::string, std::int64_t>; // how far each one is; the packers run on one strand

void rethrow(std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);
}

asio::awaitable<void> pack(std::string name, milliseconds time, es::subscription items, packed_orders& packed) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    int count = 0;
    while (const std::optional<es::event_batch> batch = co_await items.next()) {
        for (const es::recorded_event& item : *batch) {
            timer.expires_after(time);
            co_await timer.async_wait(asio::use_awaitable);
            const std::int64_t due = ++packed[std::string(item.stream())];
            if (item.version() != due) throw std::runtime_error("an item was packed out of order");
            ++count;
        }
        batch->ack();
    }
    std::cout << "  " << name << " (" << time.count() << " ms an item) packed " << count << '\n';
}

asio::awaitable<void> run(std::string url, packed_orders& packed) {
    const es::store store = co_await es::open(es::store_options(url).create());
    const std::string id = es::to_string(es::make_uuid()); // other orders in each run
    // In the log the items of one order lie between those of others.
    std::int64_t last_position = 0;
    for (int i = 0; i < items_of_an_order * order_count; ++i) {
        const std::string stream = "order-" + id + '-' + std::to_string(i % order_count);
        const es::append_result placed =
            co_await store.append(stream, es::any_version, es::event_data("Ordered", "{}"));
        last_position = placed.last_position;
    }

    std::cout << "three packers share the subscription; each order is in one pair of hands at a time\n";
    const std::string packers = "packers-" + id;
    es::subscription_options options;
    options.concurrency_limit(3).partition_by(es::partition::stream).stream_prefix("order-" + id).max_batch(5);
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    for (const auto& [name, time] : {std::pair("Ada", 1), std::pair("Ben", 2), std::pair("Cleo", 8)}) {
        es::subscription items = co_await store.subscribe_to_all(packers, options);
        asio::co_spawn(executor, pack(name, milliseconds(time), std::move(items), packed), rethrow);
    }
    co_await store.subscription_to_all(packers).wait_for(last_position);
    co_await store.close(); // next() returns nothing, and the packers go home
}

} // namespace

int main(int count, char* arguments[]) try {
    std::optional<es::embedded_postgres> server;
    if (count < 2) server.emplace(es::embedded_postgres::start_now());

    packed_orders packed;
    asio::io_context context;
    asio::co_spawn(asio::make_strand(context), run(server ? server->url() : arguments[1], packed), rethrow);
    context.run();
    const auto complete = [](const auto& order) { return order.second == items_of_an_order; };
    const bool good = packed.size() == order_count && std::all_of(packed.begin(), packed.end(), complete);
    std::cout << (good ? "  all orders are complete, each packed in order\n" : "  something is MISSING\n");
    return good ? 0 : 1;
} catch (const std::exception& e) {
    std::cerr << "06_competing_consumers: " << e.what() << '\n';
    return 1;
}
