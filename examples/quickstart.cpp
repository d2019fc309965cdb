// The first program: an account whose every change is an event.
//
//     quickstart                                      with a PostgreSQL of its own, gone at the end
//     quickstart postgresql://localhost/shop          with yours
#include <eventstore/eventstore.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include <cstddef>
#include <exception>
#include <iostream>
#include <optional>
#include <string>

namespace asio = boost::asio;
namespace es = eventstore;

asio::awaitable<void> run(std::string url) {
    const es::store store = co_await es::open(es::store_options(url).create());
    const std::string account = "account-" + es::to_string(es::make_uuid()); // a new one in each run

    // Append. The second argument says what is expected of the stream: here that there is none yet.
    co_await store.append(account, es::no_stream, es::event_data("AccountOpened", R"({"owner":"Ada"})"));

    // Several events, all or nothing, and only if the stream is still at version 1.
    const es::event_data deposited("MoneyDeposited", R"({"cents":5000})");
    const es::event_data withdrawn("MoneyWithdrawn", R"({"cents":1200})");
    const es::append_result result = co_await store.append(account, 1, es::events(deposited, withdrawn));
    std::cout << account << " is at version " << result.last_version << "\n\n";

    // Read.
    for (const es::recorded_event& event : co_await store.read(account))
        std::cout << event.version() << "  " << event.type() << "  " << event.data() << '\n';

    // Somebody who has seen version 1 only is late, and nothing is stored.
    try {
        co_await store.append(account, 1, es::event_data("MoneyWithdrawn", R"({"cents":4000})"));
    } catch (const es::error& late) {
        std::cout << "\nconflict: " << late.what() << '\n';
    }

    // To append the same events again is no mistake: their ids are known. A retry after a lost connection is safe.
    const es::append_result again = co_await store.append(account, 1, es::events(deposited, withdrawn));
    std::cout << "\nagain: " << (again.already_appended ? "they were there already" : "stored twice?") << '\n';

    // Scan the log of all streams, however long it is: in the order in which it was written, a page in memory.
    std::size_t count = 0;
    es::event_scan scan = store.scan_all();
    while (const std::optional<es::recorded_event> event = co_await scan.next()) ++count;
    std::cout << "\nevents in the store: " << count << '\n';

    // Subscribe: each event, in order, at least once, those of the future as well. What is acknowledged does not come
    // again: the store remembers it by the subscription's name, and the next run goes on from there.
    std::size_t booked = 0;
    es::subscription bookkeeper = co_await store.subscribe_to_all("bookkeeper");
    while (const std::optional<es::event_batch> batch = co_await bookkeeper.next()) {
        for (const es::recorded_event& event : *batch) booked += event.type().starts_with("Money") ? 1 : 0;
        batch->ack();
        if (batch->back().position() >= result.last_position) break; // a service would wait for more
    }
    co_await bookkeeper.unsubscribe();
    std::cout << "\nbooked by the subscriber: " << booked << '\n';
}

int main(int count, char* arguments[]) try {
    std::optional<es::embedded_postgres> server;
    if (count < 2) server.emplace(es::embedded_postgres::start_now());

    asio::io_context context;
    asio::co_spawn(
        asio::make_strand(context), run(server ? server->url() : arguments[1]), [](std::exception_ptr failed) {
            if (failed) std::rethrow_exception(failed);
        });
    context.run(); // returns when the store has ended, too
} catch (const std::exception& e) {
    std::cerr << "quickstart: " << e.what() << '\n';
    return 1;
}
