// Snapshots: an account with many events is rebuilt from its state at an earlier version and the events after that.
//
//     08_snapshots                                      with a PostgreSQL of its own, gone at the end
//     08_snapshots postgresql://localhost/shop          with yours
#include <eventstore/eventstore.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include <cstdint>
#include <exception>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace es = eventstore;

struct account {
    std::int64_t version = 0; // of the last event in it
    std::int64_t cents = 0;
    int events_read = 0; // to see what a snapshot saves

    void apply(const es::recorded_event& event) {
        const std::int64_t amount = std::stoll(std::string(event.data()));
        cents += event.type() == "MoneyDeposited" ? amount : -amount;
        version = event.version();
        ++events_read;
    }
};

// Which data a snapshot holds is in its type: one of another type is of an older program, and good for nothing.
const std::string current_type = "Account.v1";

// The newest state: the snapshot, if there is one of use, and the events that came after it.
asio::awaitable<account> rebuild(es::store store, std::string id) {
    account state;
    try {
        const es::snapshot found = co_await store.read_snapshot(id);
        if (found.type() == current_type) {
            state.version = found.version();
            state.cents = std::stoll(found.data());
        }
    } catch (const es::error& why) {
        if (why.code() != es::errc::snapshot_not_found) throw;
    }
    es::event_scan events = store.scan(id, es::read_options().from(state.version + 1));
    while (const std::optional<es::recorded_event> event = co_await events.next()) state.apply(*event);
    co_return state;
}

asio::awaitable<void> run(std::string url) {
    const es::store store = co_await es::open(es::store_options(url).create());
    const std::string id = "account-" + es::to_string(es::make_uuid()); // a new one in each run
    std::vector<es::event_data> history;
    for (int i = 1; i <= 5'000; ++i)
        history.emplace_back(i % 3 == 0 ? "MoneyWithdrawn" : "MoneyDeposited", std::to_string(i));
    co_await store.append(id, es::no_stream, std::move(history));

    const account before = co_await rebuild(store, id);
    std::cout << "without a snapshot: version " << before.version << ", " << before.cents << " cents, from "
              << before.events_read << " events\n";

    // Whoever has just rebuilt it keeps the state. A slower one that has an older state cannot replace it.
    const es::snapshot state(id, before.version, current_type, std::to_string(before.cents));
    co_await store.record_snapshot(state);
    const es::snapshot late(id, 4'000, current_type, "12345");
    co_await store.record_snapshot(late);

    for (int i = 1; i <= 3; ++i)
        co_await store.append(id, es::stream_exists, es::event_data("MoneyDeposited", std::to_string(100 * i)));
    const account after = co_await rebuild(store, id);
    std::cout << "with a snapshot:    version " << after.version << ", " << after.cents << " cents, from "
              << after.events_read << " events\n";

    // A snapshot can always be made again from the events. Delete it when its content turns out to be wrong.
    co_await store.delete_snapshot(id);
    const account again = co_await rebuild(store, id);
    std::cout << "without it again:   version " << again.version << ", " << again.cents << " cents\n";
    if (after.events_read != 3 || again.cents != after.cents) throw std::runtime_error("the snapshot was wrong");
}

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
    std::cerr << "08_snapshots: " << e.what() << '\n';
    return 1;
}
