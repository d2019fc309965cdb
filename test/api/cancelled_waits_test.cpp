// Operations cancelled while they wait for the server or for each other: what becomes of them, and of their neighbours.
#include "support/stepping.hpp"
#include "support/store_fixture.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

// By itself a coroutine of Asio lets only terminal cancellation through.
template <class T>
asio::awaitable<T> open_to_all_kinds(asio::awaitable<T> work) {
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    T value = co_await std::move(work);
    co_return value;
}

} // namespace

BOOST_AUTO_TEST_SUITE(cancelled_waits_test)

BOOST_FIXTURE_TEST_CASE(an_append_cancelled_in_the_queue_is_never_stored, store_fixture) {
    with_store(options().max_queued_bytes(10'000), [&](es::store store) -> asio::awaitable<void> {
        auto& context =
            static_cast<asio::io_context&>(asio::query(co_await asio::this_coro::executor, asio::execution::context));
        const auto append = [&](std::string text, std::size_t bytes) {
            return store.append("a", es::any_version, es::event_data(text, std::string(bytes, 'x')));
        };
        blocker log = hold_log();
        cancellable first(context, append("first", 1));
        co_await eventually([&] { return log.blocks(); });
        cancellable queued(context, append("queued", 4000));
        cancellable behind(context, append("behind", 4000));
        cancellable waiting(context, append("waiting for admission", 4000));
        cancellable last(context, append("last", 4000));
        co_await eventually([&] { return store.stats().queued_appends == 4; });
        waiting.cancel();
        queued.cancel();
        co_await eventually([&] { return queued.done() && waiting.done(); });
        BOOST_TEST((how_it_ended(queued) == ended::cancelled));
        BOOST_TEST((how_it_ended(waiting) == ended::cancelled));
        BOOST_TEST(!first.done());
        BOOST_TEST(!behind.done());
        log.release();
        co_await eventually([&] { return first.done() && behind.done() && last.done(); });
        BOOST_TEST(behind.value().first_version == 2);
        BOOST_TEST(last.value().first_version == 3);
        BOOST_TEST(store.stats().queued_bytes == 0u);
        co_await append("after", 9000);
    });
    BOOST_TEST(value("select string_agg(type, ', ' order by position) from eventstore.events") ==
        "first, behind, last, after");
}

BOOST_FIXTURE_TEST_CASE(an_append_cancelled_after_it_was_sent_ends_at_once_and_its_flush_goes_on, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        auto& context =
            static_cast<asio::io_context&>(asio::query(co_await asio::this_coro::executor, asio::execution::context));
        blocker log = hold_log();
        cancellable before(context, store.append("a", es::any_version, counted_one("before")));
        cancellable sent(context, store.append("a", es::any_version, counted_one("sent")));
        cancellable after(context, store.append("a", es::any_version, counted_one("after")));
        co_await eventually([&] { return log.blocks(); });
        BOOST_TEST(store.stats().queued_appends == 0u, "the three share a flush");
        sent.cancel();
        co_await eventually([&] { return sent.done(); });
        BOOST_TEST((how_it_ended(sent) == ended::unknown));
        BOOST_TEST(!before.done());
        log.release();
        co_await eventually([&] { return before.done() && after.done(); });
        BOOST_TEST(before.value().first_version == 1);
        BOOST_TEST(after.value().first_version == 3);
        BOOST_TEST(store.stats().retried_flushes == 0u);
        BOOST_TEST(store.stats().queued_bytes == 0u);
    });
    TEST_SAME(stored_in("a"), texts({"before", "sent", "after"}));
}

BOOST_FIXTURE_TEST_CASE(a_read_cancelled_in_the_pipeline_does_not_disturb_the_others, store_fixture) {
    with_store(options().pool_size(1), [&](es::store store) -> asio::awaitable<void> {
        auto& context =
            static_cast<asio::io_context&>(asio::query(co_await asio::this_coro::executor, asio::execution::context));
        for (const char* const name : {"a", "b", "c"}) co_await store.append(name, es::no_stream, counted(3, name));
        for (int round = 0; round < 3; ++round) {
            blocker tables = hold_tables();
            cancellable a(context, store.read("a"));
            cancellable b(context, store.read("b"));
            cancellable c(context, store.read("c"));
            co_await eventually([&] { return tables.blocks(); });
            co_await let_others_run();
            b.cancel();
            co_await eventually([&] { return b.done(); }); // at once, not when the server answers
            BOOST_TEST((how_it_ended(b) == ended::cancelled));
            BOOST_TEST(!a.done());
            tables.release();
            co_await eventually([&] { return a.done() && c.done(); });
            TEST_SAME(data_of(a.value()), texts({"a1", "a2", "a3"}));
            TEST_SAME(data_of(c.value()), texts({"c1", "c2", "c3"}));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(operations_heed_each_kind_of_cancellation, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        auto& context =
            static_cast<asio::io_context&>(asio::query(co_await asio::this_coro::executor, asio::execution::context));
        co_await store.append("a", es::no_stream, counted(3));
        for (const auto kind :
            {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
            blocker tables = hold_tables();
            cancellable sent(context, open_to_all_kinds(store.append("sent", es::any_version, counted_one("x"))));
            cancellable read(context, open_to_all_kinds(store.read("a")));
            co_await eventually([&] { return tables.blocks(2); });
            cancellable queued(context, open_to_all_kinds(store.append("queued", es::any_version, counted_one("x"))));
            co_await eventually([&] { return store.stats().queued_appends == 1; });
            sent.cancel(kind);
            read.cancel(kind);
            queued.cancel(kind);
            co_await eventually([&] { return sent.done() && read.done() && queued.done(); });
            BOOST_TEST((how_it_ended(sent) == ended::unknown));
            BOOST_TEST((how_it_ended(read) == ended::cancelled));
            BOOST_TEST((how_it_ended(queued) == ended::cancelled));
            tables.release();
            const es::event_page page = co_await store.read("a");
            BOOST_TEST(page.size() == 3u);
            co_await store.append("last", es::any_version, counted_one("x")); // behind what was sent, and went on
        }
    });
    BOOST_TEST(number("select count(*) from eventstore.streams where name = 'queued'") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_close_that_waits_can_be_cancelled, store_fixture) {
    with_store(options().close_timeout(10s), [&](es::store store) -> asio::awaitable<void> {
        auto& context =
            static_cast<asio::io_context&>(asio::query(co_await asio::this_coro::executor, asio::execution::context));
        blocker log = hold_log();
        cancellable append(context, store.append("a", es::any_version, counted_one("x")));
        co_await eventually([&] { return log.blocks(); });
        cancellable closing(context, store.close());
        cancellable also(context, store.close());
        co_await let_others_run();
        closing.cancel();
        co_await eventually([&] { return closing.done(); });
        BOOST_TEST((how_it_ended(closing) == ended::cancelled));
        BOOST_TEST(!also.done());
        co_await expect_error(es::errc::store_closed, store.read("a"));
        log.release();
        co_await eventually([&] { return append.done() && also.done(); });
        BOOST_TEST(append.value().first_version == 1);
        BOOST_TEST((how_it_ended(also) == ended::well));
    });
}

BOOST_AUTO_TEST_SUITE_END()
