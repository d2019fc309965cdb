// Live: hear what is appended from now on; and begin with what is there, without a gap and without a repeat.
//
//     04_live                                      with a PostgreSQL of its own, gone at the end
//     04_live postgresql://localhost/shop          with yours
#include <eventstore/eventstore.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>

namespace asio = boost::asio;
namespace es = eventstore;
using namespace std::chrono_literals;

namespace {

void check(bool holds, const std::string& claim) {
    if (!holds) throw std::runtime_error("this is not so: " + claim);
    std::cout << "  " << claim << '\n';
}

void rethrow(std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);
}

asio::awaitable<void> say(es::store store, std::string room, int first, int last) {
    for (int i = first; i <= last; ++i)
        co_await store.append(room, es::any_version, es::event_data("Said", std::to_string(i)));
}

asio::awaitable<void> run(std::string url) {
    const es::store store = co_await es::open(es::store_options(url).create());
    const std::string room = "room-" + es::to_string(es::make_uuid());
    co_await say(store, room, 1, 300);

    std::cout << "a listener hears what comes, and nothing of before\n";
    es::event_listener live = co_await store.listen(room);
    co_await say(store, room, 301, 301);
    const std::optional<es::event_page> heard = co_await live.next();
    check(heard && heard->size() == 1 && heard->front().version() == 301, "only the last of 301 words is heard");
    const std::optional<es::event_page> silence = co_await live.next(50ms);
    check(silence && silence->empty(), "next(50ms) gives an empty page when nothing comes");

    std::cout << "\neverything from the first word on, while somebody goes on talking: listen first, then read\n";
    es::event_listener both = co_await store.listen(room);
    asio::co_spawn(co_await asio::this_coro::executor, say(store, room, 302, 600), rethrow);
    std::int64_t next = 1; // the version that is due
    bool in_order = true;
    es::event_scan past = store.scan(room, es::read_options().count(2)); // small pages, to give the others time
    while (const std::optional<es::recorded_event> event = co_await past.next())
        in_order = in_order && event->version() == next++;
    const std::int64_t from_storage = next - 1;

    std::int64_t both_ways = 0;
    while (next <= 600) {
        const std::optional<es::event_page> page = co_await both.next();
        if (!page) break; // the store was closed
        if (both.missed() > 0) throw std::runtime_error("too slow: read again from version " + std::to_string(next));
        for (const es::recorded_event& event : *page) {
            if (event.version() < next)
                ++both_ways; // it was in storage already: drop it
            else
                in_order = in_order && event.version() == next++;
        }
    }
    std::cout << "  " << from_storage << " were read, " << 600 - from_storage << " more came live, " << both_ways
              << " came both ways\n";
    check(in_order && next == 601, "600 words, each once, in order");
}

} // namespace

int main(int count, char* arguments[]) try {
    std::optional<es::embedded_postgres> server;
    if (count < 2) server.emplace(es::embedded_postgres::start_now());

    asio::io_context context;
    asio::co_spawn(asio::make_strand(context), run(server ? server->url() : arguments[1]), rethrow);
    context.run();
} catch (const std::exception& e) {
    std::cerr << "04_live: " << e.what() << '\n';
    return 1;
}
