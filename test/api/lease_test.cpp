// Who owns a subscription, when its owner goes silent.

#include "support/receive.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <thread>

BOOST_AUTO_TEST_SUITE(lease_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;
using clock_type = std::chrono::steady_clock;

namespace {

constexpr auto lease = 600ms;

es::subscription_options leased() { return es::subscription_options().lease(lease).checkpoint_after(1ms).max_batch(1); }
es::subscription_options waiting() { return leased().when_taken(es::if_taken::wait); }

/// A store whose io_context runs only when it is told to: between that, its process might as well be dead.
class frozen_owner {
public:
    explicit frozen_owner(const es::store_options& options, const es::subscription_options& how = leased())
        : store(run(context, es::open(options))), held(run(context, store.subscribe_to_all("owned", how))) {}

    asio::io_context context{1};
    es::store store;
    es::subscription held;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_silent_owner_loses_its_subscription_and_cannot_move_the_checkpoint, store_fixture) {
    with_store(
        [&](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::any_version, counted(3)); });
    frozen_owner owner(options());
    auto first = run(owner.context, owner.held.next(5s));
    BOOST_TEST(first->front().data() == "1");
    const auto frozen = clock_type::now();
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await expect_error(es::errc::subscription_already_exists, store.subscribe_to_all("owned", leased()));
        es::subscription heir = co_await store.subscribe_to_all("owned", waiting());
        const auto took = clock_type::now() - frozen;
        BOOST_TEST(
            (took > lease / 2), "taken over after " << took / 1ms << " ms"); // it may have been renewed just then
        BOOST_TEST((took < patient(lease * 2)), "taken over after " << took / 1ms << " ms");
        auto again = co_await heir.next(5s);
        BOOST_TEST(again->front().data() == "1");
        BOOST_TEST(again->delivery() == 2);
        again->ack();
        auto second = co_await heir.next(5s);
        second->ack();
        co_await heir.unsubscribe();
    });
    BOOST_TEST(number("select position from eventstore.subscriptions") == 2);
    first->ack(); // it cannot know yet
    run(owner.context, expect_error(es::errc::subscription_lost, owner.held.next()));
    expect_code(es::errc::subscription_lost, [&] { owner.held.ack_through_position(1); });
    run(owner.context, expect_error(es::errc::subscription_lost, owner.held.checkpoint()));
    BOOST_TEST(number("select position from eventstore.subscriptions") == 2);
    run(owner.context, owner.store.close());
    owner.context.run();
}

BOOST_FIXTURE_TEST_CASE(an_owner_that_comes_back_in_time_goes_on, store_fixture) {
    frozen_owner owner(options());
    with_store(
        [&](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::any_version, counted(2)); });
    std::this_thread::sleep_for(lease * 8 / 10); // longer than it is trusted, not as long as the lease
    auto batch = run(owner.context, owner.held.next(5s));
    BOOST_TEST(batch->front().data() == "1");
    batch->ack();
    run(owner.context, owner.held.checkpoint());
    BOOST_TEST(number("select position from eventstore.subscriptions") == 1);
    run(owner.context, owner.store.close());
    owner.context.run();
}

BOOST_FIXTURE_TEST_CASE(an_owner_that_lives_keeps_it_beyond_the_lease, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        es::subscription mine = co_await store.subscribe_to_all("owned", leased());
        const es::store other = co_await es::open(options());
        cancellable heir(context_of(co_await asio::this_coro::executor), other.subscribe_to_all("owned", waiting()));
        asio::steady_timer timer(co_await asio::this_coro::executor, lease * 3);
        co_await timer.async_wait(asio::use_awaitable);
        BOOST_TEST(!heir.done());
        co_await store.append("a", es::any_version, counted_one("1"));
        const texts all = co_await receive(mine, 1);
        TEST_SAME(all, texts({"1"}));
        const auto left = clock_type::now();
        co_await mine.unsubscribe();
        co_await eventually([&] { return heir.done(); });
        BOOST_TEST((clock_type::now() - left < 300ms)); // told, not waited for
    });
}

BOOST_FIXTURE_TEST_CASE(a_waiting_subscriber_that_is_cancelled_leaves_nothing_behind, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        es::subscription mine = co_await store.subscribe_to_all("owned", leased());
        {
            const es::store other = co_await es::open(options());
            cancellable heir(
                context_of(co_await asio::this_coro::executor), other.subscribe_to_all("owned", waiting()));
            co_await let_others_run(50);
            heir.cancel();
            co_await eventually([&] { return heir.done(); });
        }
        co_await mine.unsubscribe();
        es::subscription again = co_await store.subscribe_to_all("owned", leased());
    });
    BOOST_TEST(value("select owner is null from eventstore.subscriptions") == "t");
}

// As when a fail-over has lost the end of the log: another event stands where the checkpoint is.
BOOST_FIXTURE_TEST_CASE(a_log_that_was_cut_back_stops_the_subscription, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        es::subscription mine = co_await store.subscribe_to_all("owned", leased());
        const texts all = co_await receive(mine, 3);
        BOOST_TEST(all.size() == 3u);
        co_await mine.unsubscribe();
    });
    ask("update eventstore.subscriptions set event_id = gen_random_uuid()");
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await expect_error(es::errc::log_truncated, store.subscribe_to_all("owned", leased()));
        co_await store.subscription_to_all("owned").reset_to_position(2);
        es::subscription mine = co_await store.subscribe_to_all("owned", leased());
        const texts all = co_await receive(mine, 1);
        TEST_SAME(all, texts({"3"}));
    });
}

BOOST_AUTO_TEST_SUITE_END()
