// fault_client --role ROLE --url URL --schema SCHEMA --process NAME --records FILE ...: a client of the fault tests. Works
// until SIGTERM, and goes with whoever has started it. Exit code 3: its schema was dropped.
#include "faults/client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <signal.h>
#include <sys/prctl.h>

#include <exception>
#include <iostream>

namespace {

using namespace eventstore::test::faults;
using eventstore::store;

constexpr int schema_is_gone = 3;

/// Ends the pending calls of a role that has nothing to hand back: those that wait for a subscription or a batch.
asio::awaitable<void> close_when_stopping(client& self, store opened) {
    while (!self.is_stopping()) co_await pause_for(std::chrono::milliseconds(20));
    co_await opened.close();
}

asio::awaitable<void> work(client& self) {
    const std::optional<store> opened = co_await self.open_store();
    if (!opened) co_return;
    const std::string& role = self.options().role;
    if (role == "writer") {
        co_await write(self, *opened);
        co_await opened->close();
    } else if (role == "finisher") {
        co_await append_the_last(self, *opened);
        co_await opened->close();
    } else if (role == "subscriber") {
        co_await subscribe(self, *opened);
        co_await opened->close();
    } else if (role == "projector") {
        asio::co_spawn(co_await asio::this_coro::executor, close_when_stopping(self, *opened), asio::detached);
        co_await project(self, *opened);
    } else {
        throw std::invalid_argument("there is no role " + role);
    }
}

} // namespace

int main(int count, char* arguments[]) try {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    client self(parse_client_options(count, arguments));
    asio::io_context context(1);
    asio::signal_set signals(context, SIGTERM);
    signals.async_wait([&](boost::system::error_code cancelled, int) {
        if (!cancelled) self.stop();
    });
    asio::co_spawn(context, work(self), [&](std::exception_ptr thrown) {
        signals.cancel();
        if (thrown) std::rethrow_exception(thrown);
    });
    context.run();
    return self.has_lost_its_schema() ? schema_is_gone : 0;
} catch (const std::exception& problem) {
    std::cerr << "fault_client: " << problem.what() << std::endl;
    return 1;
}
