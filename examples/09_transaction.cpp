// Money is moved between two accounts: rows of a table of our own, changed together with the events that tell of it.
//
//     09_transaction                                  with a PostgreSQL of its own, gone at the end
//     09_transaction postgresql://localhost/shop      with yours
#include <eventstore/eventstore.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include <cstdint>
#include <exception>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>

namespace asio = boost::asio;
namespace es = eventstore;

// Moves the money, or nothing at all. Whatever throws in here passes by the transaction, which rolls back.
asio::awaitable<void> transfer(es::store store, std::string from, std::string to, std::int64_t cents) {
    es::transaction tx = co_await store.begin();
    const es::query_result taken = co_await tx.execute(
        "update accounts set balance = balance - $1 where id = $2 and balance >= $1 returning balance", cents, from);
    if (taken.empty()) throw std::runtime_error(from + " has not that much");
    co_await tx.execute("update accounts set balance = balance + $1 where id = $2", cents, to);

    // Collected here, and stored by the commit, so that other writers do not wait for what we do meanwhile.
    const std::string amount = "{\"cents\":" + std::to_string(cents) + "}";
    tx.append("account-" + from, es::any_version, es::event_data("MoneyWithdrawn", amount));
    tx.append("account-" + to, es::any_version, es::event_data("MoneyDeposited", amount));
    co_await tx.commit();
    std::cout << "moved " << cents << " cents from " << from << " to " << to << '\n';
}

asio::awaitable<void> show(es::store store) {
    es::transaction tx = co_await store.begin(); // for reading only: it is rolled back
    for (const es::sql_row& account : co_await tx.execute("select id, balance from accounts order by id"))
        std::cout << "  " << account.get<std::string>("id") << " has " << account.get<std::int64_t>("balance") << '\n';
    const es::event_page events = co_await store.read_all();
    std::cout << "  events in the store: " << events.size() << "\n\n";
}

asio::awaitable<void> run(std::string url) {
    const es::store store = co_await es::open(es::store_options(url).create());
    {
        es::transaction setup = co_await store.begin();
        co_await setup.execute("create table if not exists accounts (id text primary key, balance bigint not null)");
        co_await setup.execute("insert into accounts values ('ada', 10000), ('bob', 500) on conflict (id) do update"
                               " set balance = excluded.balance");
        co_await setup.commit();
    }
    co_await show(store);

    co_await transfer(store, "ada", "bob", 2500);
    co_await show(store);

    try {
        co_await transfer(store, "bob", "ada", 1'000'000);
    } catch (const std::exception& why) {
        std::cout << "nothing moved: " << why.what() << '\n';
    }

    // The SQL would be fine here, but the stream is not where this writer believes it is: neither is done.
    try {
        es::transaction late = co_await store.begin();
        co_await late.execute("update accounts set balance = 0 where id = $1", "ada");
        late.append("account-ada", es::no_stream, es::event_data("AccountClosed", "{}"));
        co_await late.commit();
    } catch (const es::error& conflict) {
        std::cout << "nothing closed: " << conflict.what() << '\n';
    }
    co_await show(store);
}

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
    std::cerr << "09_transaction: " << e.what() << '\n';
    return 1;
}
