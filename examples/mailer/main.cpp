// A shop takes orders, and a process beside it sends a mail for each. That process is killed again and again (SIGKILL,
// at random moments); the one that follows goes on where it was. In the end every order has its mail.
//
//     mailer                                      with a PostgreSQL of its own, gone at the end
//     mailer postgresql://localhost/shop          with yours
#include "child_process.hpp"
#include "outbox.hpp"
#include "worker.hpp"

#include <eventstore/eventstore.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace asio = boost::asio;
namespace es = eventstore;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using namespace mailer;

namespace {

constexpr int kills = 5;

struct shop {
    es::store store;
    std::string prefix;        // of its orders' streams
    std::vector<mail> ordered; // the mail that each order asks for
};

/// An order every few milliseconds.
asio::awaitable<void> take_orders(shop& ours, milliseconds how_long) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    const auto end = steady_clock::now() + how_long;
    while (steady_clock::now() < end) {
        const std::string number = std::to_string(ours.ordered.size() + 1);
        const std::string data = R"({"order":)" + number + R"(,"mail":"ada@home.example"})";
        const es::append_result placed =
            co_await ours.store.append(ours.prefix + number, es::no_stream, es::event_data("OrderPlaced", data));
        ours.ordered.push_back(mail{placed.last_position, data});
        timer.expires_after(3ms);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

/// Whether every order got its mail.
asio::awaitable<bool> run(std::string program, std::string url, fs::path outbox_file) {
    shop ours;
    ours.store = co_await es::open(es::store_options(url).create());
    ours.prefix = "order-" + es::to_string(es::make_uuid()) + '-'; // other orders in each run
    const std::vector<std::string> worker{program, "worker", url, ours.prefix, outbox_file.string()};

    std::mt19937 random{std::random_device()()};
    for (int i = 1; i <= kills; ++i) {
        child_process victim(worker);
        const milliseconds life(300 + random() % 700); // some of it goes by until the lease of the last one is over
        co_await take_orders(ours, life);
        victim.kill();
        std::cout << "worker " << i << " killed after " << life.count() << " ms: " << ours.ordered.size() << " orders, "
                  << sent_mails(outbox_file).size() << " mails sent" << std::endl;
    }

    child_process survivor(worker);
    co_await take_orders(ours, 300ms);
    co_await ours.store.subscription_to_all(subscription_name).wait_for(ours.ordered.back().key);
    const int exit_code = survivor.stop(); // blocks, which does no harm here: nothing else is going on

    const std::vector<mail> sent = sent_mails(outbox_file);
    const verdict result = compare(sent, ours.ordered);
    std::cout << "\norders:     " << ours.ordered.size() << "\nmails sent: " << sent.size()
              << "\nsent again: " << result.repeated << "\n\n";
    if (result.problem.empty())
        std::cout << "every order has its mail, in order\n";
    else
        std::cout << result.problem << '\n';
    if (exit_code != 0) std::cout << "the last worker did not end in order\n";
    co_return result.problem.empty() && exit_code == 0;
}

} // namespace

int main(int count, char* arguments[]) try {
    if (count == 5 && std::string_view(arguments[1]) == "worker") {
        run_worker(arguments[2], arguments[3], arguments[4]);
        return 0;
    }
    std::optional<es::embedded_postgres> server;
    if (count < 2) server.emplace(es::embedded_postgres::start_now());
    const fs::path outbox_file = fs::temp_directory_path() / ("outbox-" + es::to_string(es::make_uuid()));

    bool good = false;
    asio::io_context context(1);
    auto done = [&](std::exception_ptr failed, bool result) {
        fs::remove(outbox_file);
        if (failed) std::rethrow_exception(failed);
        good = result;
    };
    asio::co_spawn(context, run(arguments[0], server ? server->url() : arguments[1], outbox_file), done);
    context.run();
    return good ? 0 : 1;
} catch (const std::exception& e) {
    std::cerr << "mailer: " << e.what() << '\n';
    return 1;
}
