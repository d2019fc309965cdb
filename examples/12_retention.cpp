// Retention: readings of a thermometer of which the newest are kept, and removing those that have expired.
//
//     12_retention                                      with a PostgreSQL of its own, gone at the end
//     12_retention postgresql://localhost/shop          with yours
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
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace es = eventstore;
using namespace std::chrono_literals;

void check(bool is_so, const char* what) {
    if (!is_so) throw std::runtime_error(what);
}

asio::awaitable<void> run(std::string url) {
    const es::store store = co_await es::open(es::store_options(url).create());
    const std::string house = "house-" + es::to_string(es::make_uuid()) + '-'; // a new one in each run
    const std::string kitchen = house + "kitchen";
    const std::string cellar = house + "cellar";

    // All thermometers of the house: a month, and 100 readings at most. The cellar has more of them, and the same month.
    co_await store.set_retention(es::stream_prefix(house), es::retention().max_age(24h * 30).max_count(100));
    co_await store.set_retention(cellar, es::retention().max_count(500));

    std::vector<es::event_data> readings;
    for (int i = 1; i <= 1'000; ++i) readings.emplace_back("TemperatureRead", std::to_string(20 + i % 3));
    co_await store.append(kitchen, es::no_stream, readings);
    for (es::event_data& reading : readings) reading = es::event_data("TemperatureRead", "11");
    co_await store.append(cellar, es::no_stream, std::move(readings));

    // A read shows what is kept, at once. The stream keeps its version.
    const es::event_page page = co_await store.read(kitchen);
    const es::stream_info info = co_await store.stream_info(kitchen);
    std::cout << "the kitchen is at version " << info.version << ", and shows " << page.size()
              << " readings, from version " << page.front().version() << '\n';
    check(page.size() == 100 && page.front().version() == 901, "the retention of the prefix does not count");
    const es::stream_retention of_cellar = co_await store.retention(cellar);
    std::cout << "the cellar shows its readings from version " << of_cellar.first_version << '\n';
    check(of_cellar.first_version == 501, "the retention of the stream does not count");

    // A report that works on the log has not seen anything yet: nothing is removed under its hands.
    es::subscription report = co_await store.subscribe_to_all("report of " + house);
    const es::scavenge_progress held = co_await store.scavenge();
    check(held.events == 0 && held.held_streams >= 2, "events were removed that a subscription has not seen");
    int reported = 0;
    while (reported < 2'000) {
        auto batch = co_await report.next();
        for (const es::recorded_event& event : *batch) reported += event.stream().starts_with(house) ? 1 : 0;
        batch->ack();
    }
    co_await report.unsubscribe(); // its checkpoint is written
    std::cout << "the report has seen " << reported << " readings\n";

    // Now they go, in small transactions: appends need not wait. Interrupt it when you like, and run it again.
    es::scavenge_options options;
    options.events_per_second(20'000).on_progress([](const es::scavenge_progress& now) {
        std::cout << "  " << now.events << " events removed, " << now.streams << " streams examined\n";
    });
    const es::scavenge_progress done = co_await store.scavenge(std::move(options));
    std::cout << "scavenged: " << done.events << " events of " << done.streams << " streams\n";
    check(done.events == 900 + 500, "more or less was removed than has expired");

    co_await store.append(kitchen, info.version, es::event_data("TemperatureRead", "19")); // goes on as ever
    co_await store.subscription_to_all("report of " + house).remove();
    co_await store.remove_retention(es::stream_prefix(house));
    co_await store.remove_retention(cellar);
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
    std::cerr << "12_retention: " << e.what() << '\n';
    return 1;
}
