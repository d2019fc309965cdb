// fault_client --parent PID --role ROLE --url URL --schema SCHEMA --process NAME --records FILE ...: a client of the fault
// tests. Works until SIGTERM, and goes with whoever has started it. Exit code 3: its schema was dropped.
#include "faults/client.hpp"
#include "faults/end_signals.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <signal.h>

#include <algorithm>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace {

using namespace eventstore::test::faults;
using eventstore::store;
using eventstore::store_group;

constexpr int schema_is_gone = 3;

/// Ends the pending calls of a role that has nothing to hand back: those that wait for a subscription or a batch.
asio::awaitable<void> close_when_stopping(client& self, store opened) {
    while (!self.is_stopping()) co_await pause_for(std::chrono::milliseconds(20));
    co_await opened.close();
}

asio::awaitable<void> work(client& self, std::optional<store_group> group) {
    const std::optional<store> opened = co_await self.open_store(std::move(group));
    if (!opened) co_return;
    const std::string& role = self.options().role;
    if (role == "writer") {
        co_await write(self, *opened);
    } else if (role == "finisher") {
        co_await append_the_last(self, *opened);
    } else if (role == "subscriber") {
        co_await subscribe(self, *opened);
    } else if (role == "projector") {
        asio::co_spawn(co_await asio::this_coro::executor, close_when_stopping(self, *opened), asio::detached);
        co_await project(self, *opened);
    } else {
        throw std::invalid_argument("there is no role " + role);
    }
    co_await opened->close();
}

using client_list = std::vector<std::unique_ptr<client>>;

/// One for each schema; they have the same records.
client_list clients_for(const client_options& options) {
    const auto records = std::make_shared<recorder>(options.process, append_to_file(options.records));
    client_list clients;
    std::string_view rest = options.schema;
    while (!rest.empty()) {
        client_options one = options;
        one.schema = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(rest.size(), one.schema.size() + 1));
        clients.push_back(std::make_unique<client>(std::move(one), records));
    }
    return clients;
}

/// One store by itself, or the stores of a group.
asio::awaitable<void> work_all(const client_list& clients) {
    std::optional<store_group> group;
    if (clients.size() > 1) {
        group = co_await clients.front()->open_group();
        if (!group) co_return;
    }
    std::size_t running = clients.size();
    std::exception_ptr problem;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    for (const auto& self : clients)
        asio::co_spawn(executor, work(*self, group), [&](std::exception_ptr thrown) {
            --running;
            if (thrown) problem = thrown;
        });
    while (running > 0 && !problem) co_await pause_for(std::chrono::milliseconds(10));
    if (problem) std::rethrow_exception(problem);
    if (group) co_await group->close();
}

} // namespace

int main(int count, char* arguments[]) try {
    const client_options options = parse_client_options(count, arguments);
    if (!end_with(options.parent, SIGKILL)) throw std::runtime_error("whoever has started it has ended");
    const client_list clients = clients_for(options);
    asio::io_context context(1);
    asio::signal_set signals(context, SIGTERM);
    signals.async_wait([&](boost::system::error_code cancelled, int) {
        if (cancelled) return;
        for (const auto& self : clients) self->stop();
    });
    sigset_t held_back; // by client_process
    sigemptyset(&held_back);
    sigaddset(&held_back, SIGTERM);
    ::pthread_sigmask(SIG_UNBLOCK, &held_back, nullptr);
    asio::co_spawn(context, work_all(clients), [&](std::exception_ptr thrown) {
        signals.cancel();
        if (thrown) std::rethrow_exception(thrown);
    });
    context.run();
    const auto has_lost_it = [](const auto& self) { return self->has_lost_its_schema(); };
    return std::any_of(clients.begin(), clients.end(), has_lost_it) ? schema_is_gone : 0;
} catch (const std::exception& problem) {
    std::cerr << "fault_client: " << problem.what() << std::endl;
    return 1;
}
