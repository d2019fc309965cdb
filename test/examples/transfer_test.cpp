#include "transfer/bank.hpp"

#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace transfer;

namespace {

order order_of(const std::string& id, const std::string& from, const std::string& to, std::int64_t cents) {
    return order{id, from, to, cents};
}

} // namespace

BOOST_AUTO_TEST_SUITE(transfer_test)

BOOST_FIXTURE_TEST_CASE(both_accounts_change_or_none, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const bank ours(store);
        co_await ours.deposit("ada", 500);
        const order paid = order_of("1", "ada", "bob", 200);
        const order too_much = order_of("2", "ada", "bob", 400);
        BOOST_TEST(co_await ours.move(paid));
        BOOST_TEST(!co_await ours.move(too_much));
        BOOST_TEST(co_await ours.balance("ada") == 300);
        BOOST_TEST(co_await ours.balance("bob") == 200);
        BOOST_TEST(events_stored() == 3);
        BOOST_TEST(co_await ours.move(paid)); // the same order
        BOOST_TEST(events_stored() == 3);
        for (const order& bad : {order_of("3", "ada", "ada", 1), order_of("4", "ada", "bob", 0)}) {
            bool is_refused = false;
            try {
                co_await ours.move(bad);
            } catch (const std::invalid_argument&) {
                is_refused = true;
            }
            BOOST_TEST(is_refused);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(transfers_at_once_keep_the_sum, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const bank ours(store);
        co_await ours.deposit("ada", 1'000);
        co_await ours.deposit("bob", 1'000);
        const auto pay = [&](std::string name, std::string from, std::string to) -> asio::awaitable<void> {
            for (int i = 0; i < 10; ++i) {
                const order wanted = order_of(name + std::to_string(i), from, to, 70 + i);
                co_await ours.move(wanted);
            }
        };
        std::vector<asio::awaitable<void>> work;
        work.push_back(pay("a", "ada", "bob"));
        work.push_back(pay("b", "bob", "ada"));
        work.push_back(pay("c", "ada", "eve"));
        work.push_back(pay("d", "bob", "eve"));
        co_await concurrently(std::move(work));
        std::int64_t sum = 0;
        for (const char* name : {"ada", "bob", "eve"}) {
            const std::int64_t cents = co_await ours.balance(name);
            BOOST_TEST(cents >= 0);
            sum += cents;
        }
        BOOST_TEST(sum == 2'000);
        BOOST_TEST(ours.conflicts() > 0);
    });
}

BOOST_AUTO_TEST_SUITE_END()
