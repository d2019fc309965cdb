// A process that keeps a projection is killed again and again: each event has its effect once.
#include "effects.hpp"

#include "support/conditions.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <filesystem>
#include <random>
#include <vector>

extern char** environ;

BOOST_AUTO_TEST_SUITE(projection_kill_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;
namespace asio = boost::asio;

namespace {

constexpr int rounds = 20;

/// A process that keeps versions of the projection, killed in the end.
class projector {
public:
    projector(std::string url, std::string schema, std::vector<std::string> versions)
        : arguments_{program(), std::move(url), std::move(schema)} {
        arguments_.insert(arguments_.end(), versions.begin(), versions.end());
        start();
    }
    ~projector() { kill(); }
    projector(const projector&) = delete;
    projector& operator=(const projector&) = delete;

    void restart() {
        kill();
        start();
    }
    void add(std::string version) { arguments_.push_back(std::move(version)); }

private:
    static std::string program() {
        return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "projector").string();
    }
    void start() {
        std::vector<char*> list;
        for (std::string& argument : arguments_) list.push_back(argument.data());
        list.push_back(nullptr);
        const int failed = ::posix_spawn(&pid_, list[0], nullptr, nullptr, list.data(), environ);
        if (failed != 0) throw std::runtime_error("cannot start " + arguments_[0]);
    }
    void kill() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(std::exchange(pid_, 0), nullptr, 0);
    }

    std::vector<std::string> arguments_;
    pid_t pid_ = 0;
};

struct killed : effects {
    std::mt19937 random{11};

    asio::awaitable<std::int64_t> append_some(es::store store) {
        std::int64_t last = 0;
        for (int i = 0; i < 30; ++i) {
            const std::string stream = "s-" + std::to_string(random() % 5);
            const auto added = co_await store.append(stream, es::any_version, counted(1 + random() % 3));
            last = added.last_position;
        }
        co_return last;
    }
    asio::awaitable<void> let_work() {
        asio::steady_timer timer(co_await asio::this_coro::executor);
        timer.expires_after(std::chrono::milliseconds(random() % 250));
        co_await timer.async_wait(asio::use_awaitable);
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(killed_at_random_moments_each_event_has_its_effect_once, killed, *own_sessions()) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        projector first(url(), schema(), {"1"});
        projector second(url(), schema(), {"1"});
        std::int64_t last = 0;
        for (int round = 0; round < rounds; ++round) {
            last = co_await append_some(store);
            co_await let_work();
            (round % 2 == 0 ? first : second).restart();
            BOOST_TEST(repeated() == 0);
        }
        co_await eventually([&] { return rows_of() >= last; }, 60s);
        BOOST_TEST(rows_of() == last);
        BOOST_TEST(repeated() == 0);
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(killed_while_a_new_version_takes_over_each_event_is_live_once, killed, *own_sessions()) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        std::int64_t last = co_await append_some(store);
        projector both(url(), schema(), {"1"});
        co_await eventually([&] { return rows_of(1) == last; }, 30s);
        both.add("2");
        for (int round = 0; round < rounds; ++round) {
            both.restart();
            last = co_await append_some(store);
            co_await let_work();
            if (round == rounds / 2) both.add("3");
        }
        co_await eventually([&] { return rows_of(1) >= last && rows_of(2) >= last && rows_of(3) >= last; }, 60s);
        co_await eventually(
            [&] {
                return number(
                           "select count(*) from eventstore.projections where version = 3 and switched_at is null") ==
                    0;
            },
            60s); // the second one may have been overtaken
        for (int version = 1; version <= 3; ++version) BOOST_TEST(rows_of(version) == last);
        BOOST_TEST(repeated() == 0);
        BOOST_TEST(
            number("select count(*) from (select from eventstore.effects group by position having count(*) filter "
                   "(where is_live) <> 1) as wrong") == 0);
        co_await store.close();
    });
}

BOOST_AUTO_TEST_SUITE_END()
