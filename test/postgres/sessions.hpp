// A pool of connections for transactions on a real server, and what a test does with its sessions.
#pragma once

#include "support/concurrently.hpp"
#include "support/stop.hpp"
#include "support/store_fixture.hpp"

#include "postgres/session_pool.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <source_location>
#include <string>
#include <utility>

namespace eventstore::test {

using postgres::session_client;
using postgres::session_lease;
using postgres::session_pool;
using pool_ptr = std::shared_ptr<session_pool>;
using client_ptr = std::shared_ptr<session_client>;
using begun = result<session_lease>;

/// A statement on a session, and the one value that it returns.
class question final : public postgres::request {
public:
    explicit question(std::string sql) {
        what_.text = std::move(sql);
        what_.doing = "asking";
        what_.is_prepared = false;
        what_.answers_in_text = true;
    }
    const postgres::statement& what() const noexcept override { return what_; }
    const postgres::parameters& arguments() const noexcept override { return arguments_; }
    void on_answer(postgres::result_handle answer) override {
        if (PQntuples(answer.get()) > 0) value = PQgetvalue(answer.get(), 0, 0);
        if (PQresultStatus(answer.get()) == PGRES_FATAL_ERROR) value = PQresultErrorMessage(answer.get());
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

inline std::shared_ptr<question> send(const session_lease& on, std::string sql) {
    const auto asked = std::make_shared<question>(std::move(sql));
    on.get()->post([where = on.get(), asked] { where->send(asked); });
    return asked;
}

inline asio::awaitable<std::string> ask_on(const session_lease& lease, std::string sql) {
    const auto asked = send(lease, std::move(sql));
    co_await eventually([&] { return asked->done; }, default_deadline);
    co_return asked->value;
}

inline asio::awaitable<int> pid_of(const session_lease& lease) {
    const std::string text = co_await ask_on(lease, "select pg_backend_pid()");
    co_return std::stoi(text);
}

inline asio::awaitable<begun> begin(
    const client_ptr& client, std::chrono::milliseconds limit = std::chrono::seconds(30)) {
    return session_client::begin(client, limit, std::chrono::steady_clock::now() + limit);
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
        return std::make_shared<session_pool>(
            options().pool_size(size), eventstore::detail::environment::make(executor, nullptr));
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
