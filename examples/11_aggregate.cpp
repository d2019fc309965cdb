// Aggregates: an account whose state is computed from its events, and commands that decide by it. Conflicts, snapshots
// and a cache are the library's business.
//
//     11_aggregate [URL]          without a URL: with a PostgreSQL of its own, gone at the end
#include <eventstore/aggregate_test.hpp>
#include <eventstore/eventstore.hpp>
#include <eventstore/json.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include <iostream>

namespace asio = boost::asio;
namespace es = eventstore;

struct deposited {
    std::int64_t cents = 0;
};
BOOST_DESCRIBE_STRUCT(deposited, (), (cents))

struct withdrawn {
    std::int64_t cents = 0;
};
BOOST_DESCRIBE_STRUCT(withdrawn, (), (cents))

// The state: what its events make of it.
struct account {
    using event = std::variant<deposited, withdrawn>;

    std::int64_t cents = 0;

    void apply(const deposited& e) { cents += e.cents; }
    void apply(const withdrawn& e) { cents -= e.cents; }
};
BOOST_DESCRIBE_STRUCT(account, (), (cents))

template <>
struct es::codec<deposited> : es::json_codec<deposited, "MoneyDeposited"> {};
template <>
struct es::codec<withdrawn> : es::json_codec<withdrawn, "MoneyWithdrawn"> {};
template <>
struct es::codec<account> : es::json_codec<account, "Account"> {}; // for snapshots

// The commands: plain functions from the state to what has happened, or to why it must not.
auto deposit(std::int64_t cents) {
    return [cents](const account&) { return deposited{cents}; };
}
auto withdraw(std::int64_t cents) {
    return [cents](const account& a) -> es::result<withdrawn> {
        if (a.cents < cents) return es::failure(es::errc::command_refused, "the account has not got that much");
        return withdrawn{cents};
    };
}

// They are tested without a database.
void test() {
    es::given<account>(deposited{500}).when(withdraw(200)).then(withdrawn{200});
    es::given<account>(deposited{500}, withdrawn{400}).when(withdraw(200)).then_refused("has not got that much");
}

asio::awaitable<void> run(std::string url) {
    using namespace asio::experimental::awaitable_operators;
    const es::store store = co_await es::open(es::store_options(url).create());
    const es::aggregate_store<account> accounts(
        store, es::aggregate_options().cache_bytes(10 << 20).snapshot_every(100));
    const std::string id = "account-" + es::to_string(es::make_uuid());

    const auto opened = co_await accounts.execute(id, deposit(10'000));
    std::cout << opened.state().cents << " cents at version " << opened.version() << '\n';

    // Ten at once: whoever loses a race decides again, by the newer state.
    const auto spend = [&]() -> asio::awaitable<void> {
        for (int i = 0; i < 20; ++i) co_await accounts.execute(id, withdraw(100));
    };
    co_await (spend() && spend() && spend() && spend());
    const auto spent = co_await accounts.load(id);
    std::cout << spent.state().cents << " cents at version " << spent.version() << ", after "
              << accounts.stats().conflicts << " conflicts\n";

    const auto refused = co_await accounts.try_execute(id, withdraw(1'000'000));
    std::cout << "refused: " << refused.error().message() << '\n';
    if (spent.state().cents != 2'000 || refused) throw std::runtime_error("the account is wrong");
}

int main(int count, char* arguments[]) try {
    test();
    std::optional<es::embedded_postgres> server;
    if (count < 2) server.emplace(es::embedded_postgres::start_now());
    asio::io_context context;
    asio::co_spawn(
        asio::make_strand(context), run(server ? server->url() : arguments[1]), [](std::exception_ptr failed) {
            if (failed) std::rethrow_exception(failed);
        });
    context.run();
} catch (const std::exception& e) {
    std::cerr << "11_aggregate: " << e.what() << '\n';
    return 1;
}
