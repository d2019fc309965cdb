// The look at many logs: the same as at each by itself, and all at the same time.
#include "support/concurrently.hpp"
#include "support/group_fixture.hpp"
#include "support/stop.hpp"

#include "feed/poller.hpp"
#include "read/reader.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;
using es::feed::poller;
using es::read::reader;
using es::storage::log_mark;

BOOST_AUTO_TEST_SUITE(poller_test)

namespace {

using outcome = es::result<log_mark>;

class poller_fixture : public group_fixture {
public:
    template <class Body>
    void with_poller(const Body& body) {
        run(work(body));
    }

    static asio::awaitable<outcome> newest(std::shared_ptr<poller> by, std::string schema) {
        return poller::newest(std::move(by), std::move(schema), std::chrono::steady_clock::now() + default_deadline);
    }

private:
    template <class Body>
    asio::awaitable<void> work(const Body& body) {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        const auto where = es::detail::environment::make(executor, nullptr);
        const auto pool = std::make_shared<es::postgres::pool>(options(), where);
        co_await body(pool, std::make_shared<poller>(where, pool, 20s));
        auto stopping = stop(pool);
        co_await std::move(stopping);
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(it_sees_what_each_store_sees_of_its_own_log, poller_fixture) {
    with_poller([&](std::shared_ptr<es::postgres::pool> pool, std::shared_ptr<poller> all) -> asio::awaitable<void> {
        const es::store_group group = co_await es::open_group(options());
        const std::vector<es::store> stores = co_await open_tenants(group, 3);
        for (std::size_t i = 0; i < stores.size(); ++i)
            co_await stores[i].append("a", es::no_stream, counted(3 * i + 1));

        for (int i = 0; i < 3; ++i) {
            const auto statements = std::make_shared<const es::storage::statements>(
                tenant(i), static_cast<std::size_t>(i) * es::storage::statements::most);
            const auto own = std::make_shared<reader>(es::detail::clock::of_machine(), pool, statements);
            const auto until = std::chrono::steady_clock::now() + default_deadline;
            const auto expected = co_await reader::look(own, log_mark(), until);
            const outcome found = co_await newest(all, tenant(i));
            BOOST_REQUIRE((expected.has_value() && found.has_value()));
            BOOST_TEST(found->position == 3 * i + 1);
            BOOST_TEST(found->position == expected->head.position);
            BOOST_TEST((found->event.has_value() && found->event == expected->head.event));
        }
        co_await group.close();
    });
}

BOOST_FIXTURE_TEST_CASE(a_tenant_that_is_gone_is_told_so_and_the_others_go_on, poller_fixture) {
    with_poller([&](std::shared_ptr<es::postgres::pool>, std::shared_ptr<poller> all) -> asio::awaitable<void> {
        const es::store_group group = co_await es::open_group(options());
        const std::vector<es::store> stores = co_await open_tenants(group, 2);
        co_await stores[1].append("a", es::no_stream, counted(2));
        std::vector<asio::awaitable<outcome>> looks;
        looks.push_back(newest(all, tenant(0)));
        looks.push_back(newest(all, schema() + "_never"));
        looks.push_back(newest(all, tenant(1)));
        const auto found = co_await concurrently(std::move(looks));
        BOOST_TEST(found[0].value().position == 0);
        BOOST_TEST(found[1].error().code() == es::errc::schema_missing);
        BOOST_TEST(found[2].value().position == 2);
        co_await group.close();
    });
}

BOOST_FIXTURE_TEST_CASE(all_look_at_the_same_times, poller_fixture) {
    with_poller([&](std::shared_ptr<es::postgres::pool>, std::shared_ptr<poller> all) -> asio::awaitable<void> {
        using clock = std::chrono::steady_clock;
        struct moment { // is between these
            clock::time_point from, to;
        };
        for (const auto period : {1000ms, 10'000ms}) {
            const auto next = [&] {
                const auto before = clock::now();
                const auto wait = all->until_next(period);
                BOOST_TEST((wait > 0ms && wait <= period));
                return moment{before + wait - 1ms, clock::now() + wait}; // it is rounded up
            };
            const moment first = next();
            const auto later = clock::now() + 50ms;
            co_await eventually([&] { return clock::now() >= later; }, default_deadline);
            const moment second = next();
            bool is_same = false;
            for (int periods = 0; periods <= 30; ++periods) // the first one may have passed
                is_same = is_same ||
                    (first.from + periods * period <= second.to && second.from <= first.to + periods * period);
            BOOST_TEST(is_same);
        }
    });
}

BOOST_AUTO_TEST_SUITE_END()
