// The look at many logs: the same as at each by itself, and all at the same time.
#include "support/concurrently.hpp"
#include "support/group_fixture.hpp"

#include "feed/poller.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;
using es::feed::poller;
using es::log::reader;

BOOST_AUTO_TEST_SUITE(poller_test)

namespace {

using progress = es::result<reader::progress>;

class poller_fixture : public group_fixture {
public:
    template <class Body>
    void with_poller(const Body& body) {
        run(work(body));
    }

    static asio::awaitable<progress> look(
        std::shared_ptr<poller> by, std::string schema, std::int32_t timeline, std::int64_t position) {
        return poller::look(
            std::move(by), std::move(schema), timeline, position, std::chrono::steady_clock::now() + default_deadline);
    }

private:
    template <class Body>
    asio::awaitable<void> work(const Body& body) {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        const auto timers = std::make_shared<es::detail::deadlines>(executor);
        const auto pool = std::make_shared<es::postgres::pool>(options(), executor, timers);
        co_await body(pool, std::make_shared<poller>(executor, timers, pool, 20s));
        bool is_closed = false;
        pool->close([&] { is_closed = true; });
        co_await eventually([&] { return is_closed; }, default_deadline);
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(it_sees_what_each_store_sees_of_its_own_log, poller_fixture) {
    with_poller([&](std::shared_ptr<es::postgres::pool> pool, std::shared_ptr<poller> all) -> asio::awaitable<void> {
        const es::store_group group = co_await es::open_group(options());
        const std::vector<es::store> stores = co_await open_tenants(group, 3);
        for (std::size_t i = 0; i < stores.size(); ++i)
            co_await stores[i].append("a", es::no_stream, counted(3 * i + 1));

        const progress first = co_await look(all, tenant(0), 0, 0);
        BOOST_REQUIRE(first.has_value());
        const std::int32_t timeline = first->timeline;
        BOOST_TEST(first->head == 1);
        BOOST_TEST(first->is_held);

        const std::vector<std::pair<std::int32_t, std::int64_t>> seen = {
            {0, 0}, {timeline, 1}, {timeline, 4}, {timeline, 1000}, {timeline + 1, 1}};
        for (int i = 0; i < 3; ++i) {
            const auto statements = std::make_shared<const es::log::statements>(
                tenant(i), static_cast<std::size_t>(i) * es::log::statements::most);
            const auto own = std::make_shared<reader>(pool, statements);
            for (const auto& [at_timeline, at_position] : seen) {
                const auto until = std::chrono::steady_clock::now() + default_deadline;
                const progress expected = co_await reader::look(own, at_timeline, at_position, until);
                const progress found = co_await look(all, tenant(i), at_timeline, at_position);
                BOOST_REQUIRE((expected.has_value() && found.has_value()));
                BOOST_TEST(found->head == 3 * i + 1);
                BOOST_TEST(found->head == expected->head);
                BOOST_TEST(found->timeline == expected->timeline);
                BOOST_TEST(found->is_held == expected->is_held);
            }
        }
        co_await group.close();
    });
}

BOOST_FIXTURE_TEST_CASE(a_tenant_that_is_gone_is_told_so_and_the_others_go_on, poller_fixture) {
    with_poller([&](std::shared_ptr<es::postgres::pool>, std::shared_ptr<poller> all) -> asio::awaitable<void> {
        const es::store_group group = co_await es::open_group(options());
        const std::vector<es::store> stores = co_await open_tenants(group, 2);
        co_await stores[1].append("a", es::no_stream, counted(2));
        std::vector<asio::awaitable<progress>> looks;
        looks.push_back(look(all, tenant(0), 0, 0));
        looks.push_back(look(all, schema() + "_never", 0, 0));
        looks.push_back(look(all, tenant(1), 0, 0));
        const auto found = co_await concurrently(std::move(looks));
        BOOST_TEST(found[0].value().head == 0);
        BOOST_TEST(found[1].error().code() == es::errc::schema_missing);
        BOOST_TEST(found[2].value().head == 2);
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
