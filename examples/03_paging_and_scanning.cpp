// Paging and scanning: more events than fit in memory, or on a screen.
//
//     03_paging_and_scanning                                      with a PostgreSQL of its own, gone at the end
//     03_paging_and_scanning postgresql://localhost/shop          with yours
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
#include <vector>

namespace asio = boost::asio;
namespace es = eventstore;

namespace {

void check(bool holds, const std::string& claim) {
    if (!holds) throw std::runtime_error("this is not so: " + claim);
    std::cout << "  " << claim << '\n';
}

asio::awaitable<void> run(std::string url) {
    const es::store store = co_await es::open(es::store_options(url).create());
    const std::string prefix = "sensor-" + es::to_string(es::make_uuid()) + '-';
    const std::string sensor = prefix + "1";
    for (int i = 1; i <= 3; ++i) {
        std::vector<es::event_data> readings; // at most 64 MB an append
        for (int k = 1; k <= 2500; ++k) readings.emplace_back("Measured", std::to_string(k));
        co_await store.append(prefix + std::to_string(i), es::no_stream, readings);
    }

    std::cout << "pages: where the next one begins is said by the one before\n";
    es::read_options options;
    options.count(1000); // the default; a page ends at 4 MB, too
    std::vector<es::event_page> pages;
    es::event_page page;
    do {
        page = co_await store.read(sensor, options);
        std::cout << "  " << page.size() << " events from version " << page.front().version() << '\n';
        pages.push_back(page);
        options.from(page.next_from());
    } while (!page.is_complete());
    check(pages.size() == 3 && page.size() == 500, "complete() says that nothing was left");

    std::cout << "\nbackward: the newest first, as on a screen\n";
    es::read_options newest;
    newest.backward().count(10);
    const es::event_page top = co_await store.read(sensor, newest);
    newest.from(top.next_from());
    const es::event_page below = co_await store.read(sensor, newest);
    check(top.front().version() == 2500 && below.front().version() == 2490, "the page after the first ten is at 2490");

    std::cout << "\nscan: all pages as one loop, the next one fetched while you work on this one\n";
    std::int64_t sum = 0;
    std::int64_t count = 0;
    es::event_scan readings = store.scan(sensor);
    while (const std::optional<es::recorded_event> event = co_await readings.next()) {
        sum += std::stoll(std::string(event->data()));
        ++count;
    }
    check(count == 2500 && sum == 2500 * 2501 / 2, "2500 events, one after the other");

    std::cout << "\nscan the log of all streams, page by page, and let the server pick the streams\n";
    std::int64_t last_position = 0;
    bool in_order = true;
    count = 0;
    es::event_scan log = store.scan_all(es::read_options().stream_prefix(prefix).count(500));
    while (const std::optional<es::event_page> part = co_await log.next_page()) {
        in_order = in_order && part->front().position() > last_position;
        last_position = part->back().position();
        count += std::int64_t(part->size());
    }
    check(count == 7500 && in_order, "7500 events of three streams, in the order in which they were written");
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
    std::cerr << "03_paging_and_scanning: " << e.what() << '\n';
    return 1;
}
