// subscriber URL SCHEMA FILE: handles the events of the log, and writes the position of each to the file before it is
// acknowledged, until it is killed.
#include <eventstore/store.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <exception>
#include <iostream>
#include <string>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

asio::awaitable<void> subscribe(std::string url, std::string schema, int file) {
    const es::store store = co_await es::open(es::store_options(url).schema(schema));
    for (;;) {
        try {
            es::subscription all = co_await store.subscribe_to_all("killed",
                es::subscription_options()
                    .when_taken(es::if_taken::wait)
                    .lease(300ms)
                    .checkpoint_after(1ms)
                    .max_batch(7)
                    .max_in_flight(2)
                    .group_by(es::grouping::none));
            while (auto batch = co_await all.next()) {
                std::string lines;
                for (const es::recorded_event& each : *batch) lines += std::to_string(each.position()) + "\n";
                if (::write(file, lines.data(), lines.size()) < 0) ::_exit(2);
                batch->ack();
            }
            co_return;
        } catch (const es::error& lost) {
            if (lost.why().code() != es::errc::subscription_lost) throw;
        }
    }
}

} // namespace

int main(int count, char* arguments[]) try {
    if (count != 4) return 1;
    const int file = ::open(arguments[3], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    asio::io_context context(1);
    asio::co_spawn(context, subscribe(arguments[1], arguments[2], file), [](std::exception_ptr thrown) {
        if (thrown) std::rethrow_exception(thrown);
    });
    context.run();
} catch (const std::exception& problem) {
    std::cerr << "subscriber: " << problem.what() << std::endl;
    return 1;
}
