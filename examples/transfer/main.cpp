// A few accounts, and many transfers between them at once. No cent is made, and none is lost; no account is overdrawn; a
// transfer that is ordered twice is carried out once.
//
//     transfer                                      with a PostgreSQL of its own, gone at the end
//     transfer postgresql://localhost/shop          with yours
#include "bank.hpp"

#include <eventstore/eventstore.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include <exception>
#include <iostream>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace asio = boost::asio;
namespace es = eventstore;
using namespace transfer;

namespace {

constexpr std::int64_t each_has = 10'000;

void check(bool holds, const std::string& claim) {
    if (!holds) throw std::runtime_error("this is not so: " + claim);
    std::cout << "  " << claim << '\n';
}

struct counts {
    int moved = 0;
    int refused = 0;
    int forgotten = 0; // carried out, and refused when they were sent again
};

/// Orders of one customer; every fifth one is sent twice.
asio::awaitable<void> order_transfers(const bank& with, std::vector<std::string> ids, unsigned customer, counts& done) {
    std::minstd_rand random(customer + 1);
    for (int i = 0; i < 25; ++i) {
        order wanted;
        wanted.id = ids[customer % ids.size()] + "/order-" + std::to_string(customer) + '-' + std::to_string(i);
        wanted.from = ids[random() % ids.size()];
        do wanted.to = ids[random() % ids.size()];
        while (wanted.to == wanted.from);
        wanted.cents = static_cast<std::int64_t>(random() % 6'000) + 1;
        const bool is_moved = co_await with.move(wanted);
        is_moved ? ++done.moved : ++done.refused;
        if (!is_moved || i % 5 != 0) continue;
        const bool is_moved_still = co_await with.move(wanted); // whatever the sender has now
        if (!is_moved_still) ++done.forgotten;
    }
}

asio::awaitable<void> run(std::string url) {
    using namespace asio::experimental::awaitable_operators;
    const es::store store = co_await es::open(es::store_options(url).create());
    const bank ours(store);
    std::vector<std::string> ids;
    for (const char* owner : {"ada", "bob", "eve"}) {
        ids.push_back(std::string("account-") + owner + '-' + es::to_string(es::make_uuid())); // new ones in each run
        co_await ours.deposit(ids.back(), each_has);
    }

    counts done[4];
    co_await (order_transfers(ours, ids, 0, done[0]) && order_transfers(ours, ids, 1, done[1]) &&
        order_transfers(ours, ids, 2, done[2]) && order_transfers(ours, ids, 3, done[3]));

    counts all;
    for (const counts& each : done) {
        all.moved += each.moved;
        all.refused += each.refused;
        all.forgotten += each.forgotten;
    }
    std::cout << all.moved << " transfers, " << all.refused << " refused, " << ours.conflicts() << " conflicts\n";
    std::int64_t sum = 0;
    std::int64_t events = 0;
    bool is_overdrawn = false;
    for (const std::string& id : ids) {
        const std::int64_t cents = co_await ours.balance(id);
        const es::stream_info info = co_await store.stream_info(id);
        sum += cents;
        events += info.version;
        is_overdrawn = is_overdrawn || cents < 0;
    }
    check(all.moved > 0, "money was moved");
    check(sum == each_has * 3, "no cent is made, and none is lost");
    check(!is_overdrawn, "no account is overdrawn");
    check(events == 3 + 2 * all.moved, "each transfer was carried out once");
    check(all.forgotten == 0, "a transfer that is ordered again is told as carried out");
}

} // namespace

int main(int count, char* arguments[]) try {
    std::optional<es::embedded_postgres> server;
    if (count < 2) server.emplace(es::embedded_postgres::start_now());

    asio::io_context context;
    asio::co_spawn(
        asio::make_strand(context), run(server ? server->url() : arguments[1]), [](std::exception_ptr failed) {
            if (failed) std::rethrow_exception(failed);
        });
    context.run();
} catch (const std::exception& e) {
    std::cerr << "transfer: " << e.what() << '\n';
    return 1;
}
