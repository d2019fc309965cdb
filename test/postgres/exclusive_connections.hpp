// A pool of connections for transactions on a real server, and what a test does with its sessions.
#pragma once

#include "support/concurrently.hpp"
#include "support/stop.hpp"
#include "support/store_fixture.hpp"

#include "postgres/begin_transaction.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <source_location>
#include <string>
#include <utility>

namespace eventstore::test {

using postgres::exclusive_pool;
using postgres::lease;
using postgres::pool_user;
using pool_ptr = std::shared_ptr<exclusive_pool>;
using user_ptr = std::shared_ptr<pool_user>;
using begun = result<lease>;

/// A statement on a session, and the one value that it returns.
class question final : public postgres::request {
public:
    explicit question(std::string sql) {
        what_.text = std::move(sql);
        what_.doing = "asking";
        what_.is_prepared = false;
        what_.answers_in_text = true;
    }
    const postgres::statement& sql() const noexcept override { return what_; }
    const postgres::parameters& arguments() const noexcept override { return arguments_; }
    void on_answer(postgres::answer answer) override {
        if (answer.rows() > 0) value = answer.bytes(0, 0);
        if (answer.is_error()) value = answer.message();
    }
    void on_synced(const failure*) override { done = true; }
    void on_skipped() override { done = true; }
    void on_lost(const failure& why, bool) override {
        value = why.message();
        lost = done = true;
    }

    std::string value;
    bool done = false;
    bool lost = false;

private:
    postgres::statement what_;
    postgres::parameters arguments_;
};

inline std::shared_ptr<question> send(const lease& on, std::string sql) {
    const auto asked = std::make_shared<question>(std::move(sql));
    on.get()->post([where = on.get(), asked] { where->send(asked); });
    return asked;
}

inline asio::awaitable<std::string> ask_on(const lease& on, std::string sql) {
    const auto asked = send(on, std::move(sql));
    co_await eventually([&] { return asked->done; }, default_deadline);
    co_return asked->value;
}

inline asio::awaitable<int> pid_of(const lease& on) {
    const std::string text = co_await ask_on(on, "select pg_backend_pid()");
    co_return std::stoi(text);
}

inline asio::awaitable<begun> begin(user_ptr user, std::chrono::milliseconds limit = std::chrono::seconds(30)) {
    const auto timers = std::make_shared<eventstore::detail::timer_queue>(co_await asio::this_coro::executor);
    auto beginning = postgres::begin_transaction(user, timers, limit, std::chrono::steady_clock::now() + limit);
    co_return co_await std::move(beginning);
}

inline errc code_of(started<begun>& what) { return what.value() ? errc() : what.value().error().code(); }

class pool_fixture : public store_fixture {
public:
    /// Runs `body(pool)`, and closes the pool.
    template <class Body>
    void with_pool(std::size_t size, const Body& body, std::source_location where = std::source_location::current()) {
        run(work(size, body), default_deadline, where);
    }

    pool_ptr make(const asio::any_io_executor& executor, std::size_t size) const {
        postgres::exclusive_pool_settings how;
        how.most = size;
        how.doing = "beginning a transaction";
        how.longest_idle = std::chrono::minutes(1);
        how.cleans = true;
        return std::make_shared<exclusive_pool>(
            options(), how, eventstore::detail::environment::make(executor, nullptr));
    }

    std::string state_of(int pid) {
        return value(
            "select coalesce((select state from pg_stat_activity where pid = " + std::to_string(pid) + "), 'gone')");
    }

private:
    template <class Body>
    asio::awaitable<void> work(std::size_t size, const Body& body) {
        const pool_ptr pool = make(co_await asio::this_coro::executor, size);
        co_await body(pool);
        auto stopping = stop(pool);
        co_await std::move(stopping);
        BOOST_TEST(pool->count().connections == 0u);
    }
};

} // namespace eventstore::test
