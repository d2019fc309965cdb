// Snapshots of aggregates: when, of what, and when they are of no use.
#include "aggregate/snapshot_writer.hpp"

#include "aggregate/wallet.hpp"
#include "support/concurrently.hpp"

#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

namespace {

/// The same stream, another state: a member has another name.
struct renamed_wallet {
    using event = wallet::event;
    std::int64_t sum = 0;
    void apply(const put_in& e) { sum += e.coins; }
    void apply(const taken_out& e) { sum -= e.coins; }
};
BOOST_DESCRIBE_STRUCT(renamed_wallet, (), (sum))

/// Its format was changed, its members were not.
struct reformed_wallet {
    using event = wallet::event;
    std::int64_t coins = 0;
    std::int64_t changes = 0;
    std::string last_giver;
    void apply(const put_in& e) { coins += 2 * e.coins; }
    void apply(const taken_out&) {}
};
BOOST_DESCRIBE_STRUCT(reformed_wallet, (), (coins, changes, last_giver))

} // namespace

template <>
struct es::codec<renamed_wallet> : es::json_codec<renamed_wallet, "Wallet"> {};
template <>
struct es::codec<reformed_wallet> : es::json_codec<reformed_wallet, "Wallet"> {
    static constexpr int format = 2;
};

namespace {

struct first_form {
    std::int64_t a = 0;
    std::vector<std::string> b;
};
BOOST_DESCRIBE_STRUCT(first_form, (), (a, b))
struct same_form {
    std::int64_t a = 0;
    std::vector<std::string> b;
};
BOOST_DESCRIBE_STRUCT(same_form, (), (a, b))
struct other_number {
    std::int32_t a = 0;
    std::vector<std::string> b;
};
BOOST_DESCRIBE_STRUCT(other_number, (), (a, b))
struct other_name {
    std::int64_t a = 0;
    std::vector<std::string> c;
};
BOOST_DESCRIBE_STRUCT(other_name, (), (a, c))
struct other_elements {
    std::int64_t a = 0;
    std::vector<first_form> b;
};
BOOST_DESCRIBE_STRUCT(other_elements, (), (a, b))
struct other_elements_again {
    std::int64_t a = 0;
    std::vector<other_number> b;
};
BOOST_DESCRIBE_STRUCT(other_elements_again, (), (a, b))
struct tree {
    std::vector<tree> branches;
};
BOOST_DESCRIBE_STRUCT(tree, (), (branches))

// The same names and types, one after the other; where an object ends is not the same.
struct one_number {
    std::int64_t x = 0;
};
BOOST_DESCRIBE_STRUCT(one_number, (), (x))
struct two_numbers {
    std::int64_t x = 0;
    std::optional<std::int64_t> y;
};
BOOST_DESCRIBE_STRUCT(two_numbers, (), (x, y))
struct with_one_number {
    one_number a;
    std::optional<std::int64_t> y;
};
BOOST_DESCRIBE_STRUCT(with_one_number, (), (a, y))
struct with_two_numbers {
    two_numbers a;
};
BOOST_DESCRIBE_STRUCT(with_two_numbers, (), (a))
using short_tuple = std::tuple<std::tuple<int>, int>;
using long_tuple = std::tuple<std::tuple<int, int>>;
using short_variant = std::tuple<std::variant<one_number>, one_number>;
using long_variant = std::tuple<std::variant<one_number, one_number>>;

template <class T>
constexpr auto layout = es::detail::json_layout_of<T>();

} // namespace

BOOST_AUTO_TEST_SUITE(snapshot_writer_test)

BOOST_AUTO_TEST_CASE(the_layout_of_a_json_form_changes_with_its_members) {
    BOOST_TEST(layout<first_form> == layout<same_form>);
    BOOST_TEST(layout<first_form> != layout<other_number>);
    BOOST_TEST(layout<first_form> != layout<other_name>);
    BOOST_TEST(layout<first_form> != layout<other_elements>);
    BOOST_TEST(layout<other_elements> != layout<other_elements_again>);
    BOOST_TEST(layout<with_one_number> != layout<with_two_numbers>);
    BOOST_TEST(layout<short_tuple> != layout<long_tuple>);
    BOOST_TEST(layout<short_variant> != layout<long_variant>);
    BOOST_TEST(layout<tree> != 0u); // of a type that has itself as a member, it ends
}

BOOST_FIXTURE_TEST_CASE(a_snapshot_is_written_every_so_many_events, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const std::size_t cache_bytes : {std::size_t{0}, megabyte}) {
            const std::string id = "wallet-" + std::to_string(cache_bytes);
            const wallets all(store, es::aggregate_options().snapshot_every(10).cache_bytes(cache_bytes));
            for (int i = 1; i <= 25; ++i) {
                co_await all.execute(id, put(1));
                const auto expected = static_cast<std::uint64_t>(i / 10);
                co_await eventually([&] { return all.stats().snapshots_written >= expected; });
                BOOST_TEST(all.stats().snapshots_written == expected);
            }
            const es::snapshot last = co_await store.read_snapshot(id);
            BOOST_TEST(last.version() == 20);
            BOOST_TEST(last.type() == "Wallet.v1");
            BOOST_TEST(last.data() == R"({"coins":20,"changes":20,"last_giver":"somebody"})");
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_state_is_read_from_the_newest_snapshot_on, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store, es::aggregate_options().snapshot_every(100));
        std::vector<es::event_data> history;
        for (int i = 0; i < 150; ++i) history.push_back(es::to_event_data(taken_out{1}));
        co_await store.append("wallet-1", es::no_stream, std::move(history));
        co_await all.load("wallet-1"); // what has none gets one, when it was long to read
        co_await eventually([&] { return all.stats().snapshots_written == 1; });
        for (int i = 0; i < 3; ++i) co_await all.execute("wallet-1", put(1));
        const auto before = store.stats();
        const auto loaded = co_await all.load("wallet-1");
        BOOST_TEST(loaded.state().coins == 3 - 150);
        BOOST_TEST(loaded.state().changes == 153);
        BOOST_TEST(store.stats().events_read == before.events_read + 4); // the one of the snapshot, which is checked
    });
}

BOOST_FIXTURE_TEST_CASE(snapshots_of_another_format_are_ignored, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const auto options = es::aggregate_options().snapshot_every(2);
        const wallets all(store, options);
        for (int i = 0; i < 4; ++i) co_await all.execute("wallet-1", put(10));
        co_await eventually([&] { return all.stats().snapshots_written == 2; });

        const es::aggregate_store<renamed_wallet> renamed(store, options);
        const auto first = co_await renamed.load("wallet-1");
        BOOST_TEST(first.state().sum == 40);
        BOOST_TEST(renamed.stats().snapshots_unfit == 1u);
        co_await eventually([&] { return renamed.stats().snapshots_written == 1; });
        const auto again = co_await renamed.load("wallet-1");
        BOOST_TEST(again.state().sum == 40);
        BOOST_TEST(renamed.stats().snapshots_unfit == 1u);

        const es::aggregate_store<reformed_wallet> reformed(store, options);
        const auto second = co_await reformed.load("wallet-1");
        BOOST_TEST(second.state().coins == 80);
        BOOST_TEST(reformed.stats().snapshots_unfit == 1u);

        const auto third = co_await all.load("wallet-1");
        BOOST_TEST(third.state().coins == 40);
    });
}

BOOST_FIXTURE_TEST_CASE(a_snapshot_that_cannot_be_read_is_ignored, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store, es::aggregate_options().snapshot_every(2));
        for (int i = 0; i < 2; ++i) co_await all.execute("wallet-1", put(10));
        co_await eventually([&] { return all.stats().snapshots_written == 1; });
        for (const char* column : {"data = 'no JSON'", "metadata = 'nothing'", "type = 'Other'", "metadata = ''"}) {
            ask(std::string("update eventstore.snapshots set ") + column);
            const auto loaded = co_await wallets(store, es::aggregate_options().snapshot_every(100)).load("wallet-1");
            BOOST_TEST(loaded.state().coins == 20);
        }
    });
}

// The store keeps the newer one; who waits for the writing is nobody.
BOOST_FIXTURE_TEST_CASE(an_older_snapshot_does_not_replace_a_newer_one, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store, cached().snapshot_every(1));
        co_await all.execute("wallet-1", put(1));
        co_await eventually([&] { return all.stats().snapshots_written == 1; });
        blocker writer(here("select eventstore.record_snapshot('wallet-1', 100, 'Other', 'newer', '')"));
        co_await all.execute("wallet-1", put(1));
        co_await eventually([&] { return writer.blocks(); });                 // the second one is under way
        for (int i = 0; i < 5; ++i) co_await all.execute("wallet-1", put(1)); // and does not hold anybody up
        BOOST_TEST(all.stats().snapshots_written == 1u);
        writer.commit();
        co_await eventually([&] { return all.stats().snapshots_written == 3; }); // of those that waited the newest
        const es::snapshot last = co_await store.read_snapshot("wallet-1");
        BOOST_TEST(last.version() == 100);
        BOOST_TEST(last.data() == "newer");
        BOOST_TEST(all.stats().snapshots_failed == 0u);
    });
}

BOOST_FIXTURE_TEST_CASE(a_snapshot_of_a_stream_deleted_for_good_is_not_used_for_the_next, store_fixture) {
    expect_holes();
    with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        const wallets all(store, es::aggregate_options().snapshot_every(2));
        for (int i = 0; i < 6; ++i) co_await all.execute("wallet-1", put(10));
        co_await eventually([&] { return number("select coalesce(max(version), 0) from eventstore.snapshots") >= 5; });
        co_await store.delete_stream("wallet-1", 6, es::deletion::hard);
        // Shorter than the snapshot, as long as it, and longer.
        for (int i = 1; i <= 8; ++i) {
            const auto done = co_await all.execute("wallet-1", put(1));
            BOOST_TEST(done.state().coins == i);
            BOOST_TEST(done.version() == i);
        }
        const auto coins_of_snapshot = [&] { // in its history each event brings one
            return value("select convert_from(data, 'UTF8')::json ->> 'coins' || ' of ' || version"
                         " from eventstore.snapshots");
        };
        co_await eventually([&] { return coins_of_snapshot() == "7 of 7" || coins_of_snapshot() == "8 of 8"; });
    });
}

// The state that was read knows that the stored snapshot is of another history, and so do those that are made from it.
BOOST_FIXTURE_TEST_CASE(a_snapshot_of_another_history_is_replaced_after_a_conflict_and_from_the_cache, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const std::size_t cache_bytes : {std::size_t{0}, megabyte}) {
            const std::string id = "wallet-" + std::to_string(cache_bytes);
            const es::snapshot other(id, 100, "Other", "of another history");
            co_await store.record_snapshot(other);
            const wallets all(store, es::aggregate_options().snapshot_every(3).cache_bytes(cache_bytes));
            if (cache_bytes > 0) {
                for (int i = 0; i < 2; ++i) co_await all.execute(id, put(1));
            } else {
                co_await store.append(id, es::no_stream, taken_out(1));
            }
            bool is_late = cache_bytes == 0;
            const auto decide = [&](const wallet&) -> asio::awaitable<taken_out> {
                if (is_late) co_await store.append(id, es::any_version, taken_out(1));
                is_late = false;
                co_return taken_out{1};
            };
            const auto done = co_await all.execute(id, decide);
            BOOST_TEST(done.version() == 3);
            co_await eventually([&] { return all.stats().snapshots_written == 1; });
            const es::snapshot last = co_await store.read_snapshot(id);
            BOOST_TEST(last.version() == 3);
        }
    });
}

// A state whose append failed, or was refused, is in no snapshot.
BOOST_FIXTURE_TEST_CASE(a_snapshot_holds_only_what_was_appended, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store, cached().snapshot_every(1).max_retries(0));
        const auto late = [&](const wallet&) -> asio::awaitable<put_in> {
            co_await store.append("wallet-1", es::any_version, taken_out(1));
            co_return put_in{1'000, ""};
        };
        co_await expect_error(es::errc::stream_exists, all.execute("wallet-1", late));
        for (int i = 0; i < 2; ++i)
            co_await expect_error(es::errc::wrong_expected_version, all.execute("wallet-1", late));
        co_await all.execute("wallet-1", put(1));
        co_await eventually([&] { return number("select coalesce(max(version), 0) from eventstore.snapshots") == 4; });
        const es::snapshot last = co_await store.read_snapshot("wallet-1");
        BOOST_TEST(last.data() == R"({"coins":-2,"changes":4,"last_giver":"somebody"})");
    });
}

BOOST_FIXTURE_TEST_CASE(the_close_of_the_store_ends_snapshots, store_fixture) {
    with_store(options().close_timeout(200ms), [&](es::store store) -> asio::awaitable<void> {
        const wallets all(store, cached().snapshot_every(1));
        co_await all.execute("wallet-1", put(1));
        co_await eventually([&] { return all.stats().snapshots_written == 1; });
        blocker holder(here("select from eventstore.snapshots for update"));
        for (int i = 0; i < 4; ++i) co_await all.execute("wallet-" + std::to_string(i), put(1));
        co_await eventually([&] { return holder.blocks(); });
        const patience limit(5s);
        co_await store.close();
        BOOST_TEST(!limit.is_over());
        co_await eventually([&] { return all.stats().snapshots_failed > 0; });
    });
}

BOOST_FIXTURE_TEST_CASE(a_snapshot_that_fails_is_counted_and_hinders_nobody, store_fixture) {
    with_store(options().max_event_bytes(1'000), [&](es::store store) -> asio::awaitable<void> {
        const wallets all(store, cached().snapshot_every(1));
        const auto long_name = [](const wallet&) { return put_in{1, std::string(900, 'x')}; };
        co_await all.execute("wallet-1", put(1));
        co_await eventually([&] { return all.stats().snapshots_written == 1; });
        ask("alter table eventstore.snapshots add check (version < 2)");
        const auto done = co_await all.execute("wallet-1", long_name);
        BOOST_TEST(done.version() == 2);
        co_await eventually([&] { return all.stats().snapshots_failed == 1; });
        const auto next = co_await all.execute("wallet-1", put(1));
        BOOST_TEST(next.state().coins == 3);
    });
}

BOOST_AUTO_TEST_SUITE_END()
