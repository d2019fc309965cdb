// A persistent subscription: every event, in order, until it is acknowledged, through restarts and failures.
//
//     05_persistent_with_ack                                      with a PostgreSQL of its own, gone at the end
//     05_persistent_with_ack postgresql://localhost/shop          with yours
#include <eventstore/eventstore.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace asio = boost::asio;
namespace es = eventstore;
using namespace std::chrono_literals;

namespace {

void check(bool holds, const std::string& claim) {
    if (!holds) throw std::runtime_error("this is not so: " + claim);
    std::cout << "  " << claim << '\n';
}

asio::awaitable<void> run(std::string url) {
    const es::store store = co_await es::open(es::store_options(url).create());
    const std::string orders = "orders-" + es::to_string(es::make_uuid());
    std::vector<es::event_data> placed;
    for (int i = 1; i <= 6; ++i) placed.emplace_back("OrderPlaced", std::to_string(i));
    const es::append_result written = co_await store.append(orders, es::no_stream, placed);

    std::cout << "two at a time, with an acknowledgement for each batch\n";
    es::subscription_options options;
    options.max_batch(2).retry_after(10ms).max_retries(2);
    {
        es::subscription mailer = co_await store.subscribe(orders, "mailer", options);
        const std::optional<es::event_batch> first = co_await mailer.next();
        check(first->front().version() == 1 && first->size() == 2, "orders 1 and 2 come first, and are acknowledged");
        first->ack();
        const std::optional<es::event_batch> second = co_await mailer.next();
        check(second->front().version() == 3, "orders 3 and 4 come next, and nobody acknowledges them");
    } // as if the process had ended

    std::cout << "\nthe next one who subscribes by this name goes on where the first one stood\n";
    es::subscription mailer = co_await store.subscribe(orders, "mailer", options);
    const std::optional<es::event_batch> again = co_await mailer.next();
    check(again->front().version() == 3, "orders 3 and 4 come again: at least once, so mind the repeats");
    again->ack();
    co_await mailer.checkpoint(); // from here on not even a power cut brings them back

    std::cout << "\norders 5 and 6 cannot be handled: the batch is refused\n";
    for (int attempt = 1; attempt <= 3; ++attempt) {
        const std::optional<es::event_batch> refused = co_await mailer.next();
        check(refused->front().version() == 5 && refused->delivery() == attempt,
            "delivery " + std::to_string(attempt) + " of orders 5 and 6");
        refused->nack("the printer is out of paper");
    }
    const std::optional<es::event_batch> nothing = co_await mailer.next(500ms);
    check(nothing->empty(), "after two retries they are put aside, and the subscription goes on without them");
    const std::vector<es::parked_event> parked = co_await store.subscription(orders, "mailer").parked();
    check(parked.size() == 2 && parked[0].reason == "the printer is out of paper", "they are kept, with the reason");

    std::cout << "\nthere is paper again: replay them\n";
    co_await store.subscription(orders, "mailer").replay();
    for (int left = 2; left > 0;) {
        const std::optional<es::event_batch> replayed = co_await mailer.next(5s);
        if (replayed->empty()) throw std::runtime_error("what is replayed does not come");
        for (const es::recorded_event& order : *replayed) std::cout << "  order " << order.data() << " came again\n";
        left -= int(replayed->size());
        replayed->ack();
    }

    co_await store.subscription(orders, "mailer").wait_for(written.last_position);
    std::cout << "  wait_for() says that everything up to position " << written.last_position << " is acknowledged\n";
    co_await mailer.unsubscribe();
    co_await store.subscription(orders, "mailer").remove(); // or it would be there for ever
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
    std::cerr << "05_persistent_with_ack: " << e.what() << '\n';
    return 1;
}
