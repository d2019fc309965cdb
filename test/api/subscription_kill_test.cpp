// Two processes compete for one subscription, and are killed again and again.

#include "support/conditions.hpp"
#include "support/receive.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>

extern char** environ;

BOOST_AUTO_TEST_SUITE(subscription_kill_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {

constexpr int rounds = 50;

/// A process that handles events, killed in the end.
class subscriber {
public:
    subscriber(std::string url, std::string schema, std::string file) : arguments_{program(), url, schema, file} {
        start();
    }
    ~subscriber() { kill(); }
    subscriber(const subscriber&) = delete;
    subscriber& operator=(const subscriber&) = delete;

    void restart() {
        kill();
        start();
    }

private:
    static std::string program() {
        return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "subscriber").string();
    }
    void start() {
        std::array<char*, 5> list{};
        for (std::size_t i = 0; i < arguments_.size(); ++i) list[i] = arguments_[i].data();
        const int failed = ::posix_spawn(&pid_, list[0], nullptr, nullptr, list.data(), environ);
        if (failed != 0) throw std::runtime_error("cannot start " + arguments_[0]);
    }
    void kill() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(std::exchange(pid_, 0), nullptr, 0);
    }

    std::array<std::string, 4> arguments_;
    pid_t pid_ = 0;
};

std::vector<std::int64_t> handled(const std::filesystem::path& file) {
    std::vector<std::int64_t> all;
    std::ifstream in(file);
    for (std::int64_t position = 0; in >> position;) all.push_back(position);
    return all;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(killed_at_random_moments_they_handle_every_event_in_order, store_fixture, *own_sessions()) {
    const auto file = std::filesystem::temp_directory_path() / ("subscriber-" + es::to_string(es::make_uuid()));
    std::int64_t last = 0;
    std::mt19937 random(7);
    {
        const auto body = [&](es::store store) -> asio::awaitable<void> {
            bool done = false;
            bool is_written = false;
            const auto write = [&]() -> asio::awaitable<void> {
                asio::steady_timer timer(co_await asio::this_coro::executor);
                int i = 0;
                while (!done) {
                    const std::string stream = "s-" + std::to_string(i % 5);
                    ++i;
                    const auto written = co_await store.append(stream, es::any_version, counted(1 + random() % 3));
                    last = written.last_position;
                    timer.expires_after(1ms);
                    co_await timer.async_wait(asio::use_awaitable);
                }
                is_written = true;
            };
            const auto kill = [&]() -> asio::awaitable<void> {
                subscriber first(url(), schema(), file.string());
                subscriber second(url(), schema(), file.string());
                asio::steady_timer timer(co_await asio::this_coro::executor);
                for (int i = 0; i < rounds; ++i) {
                    timer.expires_after(std::chrono::milliseconds(random() % 400));
                    co_await timer.async_wait(asio::use_awaitable);
                    if (random() % 2 == 0)
                        first.restart();
                    else
                        second.restart();
                    // Whatever the checkpoint says is done was handled before.
                    const auto checkpoint = number("select coalesce(max(position), 0) from eventstore.subscriptions");
                    const auto so_far = handled(file);
                    const std::set<std::int64_t> seen(so_far.begin(), so_far.end());
                    for (std::int64_t each = 1; each <= checkpoint; ++each) {
                        if (!seen.contains(each)) BOOST_ERROR("the checkpoint passed position " << each);
                    }
                }
                done = true;
                co_await eventually([&] { return is_written; });
                co_await store.within(30s).subscription_to_all("killed").wait_for(last);
            };
            std::vector<asio::awaitable<void>> work;
            work.push_back(write());
            work.push_back(kill());
            co_await concurrently(std::move(work));
        };
        run(
            [&]() -> asio::awaitable<void> {
                es::store store = co_await es::open(options());
                co_await body(std::move(store));
            }(),
            120s);
    }
    std::int64_t next = 1;
    std::size_t repeats = 0;
    for (const std::int64_t each : handled(file)) {
        if (each == next)
            ++next;
        else if (each < next)
            ++repeats;
        else
            BOOST_ERROR("position " << each << " was handled before " << next);
    }
    BOOST_TEST(next == last + 1);
    BOOST_TEST_MESSAGE(last << " events, " << repeats << " of them repeated");
    std::filesystem::remove(file);
    terminate_backends(); // of the killed: the server may not have noticed yet
}

BOOST_AUTO_TEST_SUITE_END()
