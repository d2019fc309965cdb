// Append and read: a stream is a list of events that only grows.
//
//     01_append_and_read                                      with a PostgreSQL of its own, gone at the end
//     01_append_and_read postgresql://localhost/shop          with yours
#include <eventstore/eventstore.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include <exception>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>

namespace asio = boost::asio;
namespace es = eventstore;

namespace {

void check(bool holds, const std::string& claim) {
    if (!holds) throw std::runtime_error("this is not so: " + claim);
    std::cout << "  " << claim << '\n';
}

void print(const es::event_page& page) {
    for (const es::recorded_event& event : page)
        std::cout << "  version " << event.version() << ", position " << event.position() << ": " << event.type() << ' '
                  << event.data() << '\n';
}

asio::awaitable<void> run(std::string url) {
    const es::store store = co_await es::open(es::store_options(url).create());
    const std::string account = "account-" + es::to_string(es::make_uuid()); // a new one in each run

    std::cout << "append one event to a stream that does not exist yet, and two more, all or nothing\n";
    const es::event_data opened("AccountOpened", R"({"owner":"Ada"})");
    const es::append_result first = co_await store.append(account, es::no_stream, opened);
    check(first.last_version == 1, "an event has a version: its place in its stream, from 1");

    const es::event_data deposited("MoneyDeposited", R"({"cents":5000})");
    const es::event_data withdrawn("MoneyWithdrawn", R"({"cents":1200})");
    const es::append_result more = co_await store.append(account, es::any_version, es::events(deposited, withdrawn));
    check(more.first_version == 2 && more.last_version == 3, "the next ones have versions 2 and 3");
    check(more.first_position > first.last_position, "and a position: their place in the log of all streams");

    std::cout << "\nread the stream\n";
    const es::event_page all = co_await store.read(account);
    print(all);
    check(all.size() == 3 && all.is_complete(), "three events, and nothing is left to read");
    check(all[0].id() == opened.id() && all[0].data() == opened.data(), "each as it was appended, id and data");

    std::cout << "\nread the last event only, and the events of one type\n";
    const es::event_page last = co_await store.read(account, es::read_options().backward().count(1));
    print(last);
    check(last.size() == 1 && last[0].id() == withdrawn.id(), "backward, the newest comes first");
    const es::event_page deposits = co_await store.read(account, es::read_options().type("MoneyDeposited"));
    check(deposits.size() == 1 && deposits[0].version() == 2, "the server picks the types; versions stay as they are");

    std::cout << "\nread the log of all streams, from a position\n";
    const es::event_page log =
        co_await store.read_all(es::read_options().from(first.first_position).stream_prefix(account));
    check(log.size() == 3, "it holds the same events");

    std::cout << "\nappend the same event once more, as after an answer that was lost\n";
    const es::append_result again = co_await store.append(account, es::no_stream, opened);
    check(again.already_appended, "it was there already: its id is known");
    check(again.last_position == first.last_position, "the answer is that of the first time, and nothing is stored");

    std::cout << "\nread a stream that nobody has appended to\n";
    try {
        co_await store.read(account + "-of-nobody");
        check(false, "that is an error");
    } catch (const es::error& e) {
        check(e.code() == es::errc::stream_not_found, e.what());
    }
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
    std::cerr << "01_append_and_read: " << e.what() << '\n';
    return 1;
}
