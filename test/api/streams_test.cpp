// Lists of streams: their orders, what is left out, and paging through many.

#include "storage/statements.hpp"
#include "support/store_fixture.hpp"

#include <algorithm>
#include <set>
#include <sstream>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

namespace {

asio::awaitable<texts> names(es::store store, es::stream_query query) {
    const std::vector<es::stream_info> list = co_await store.streams(std::move(query));
    co_return names_of(list);
}

/// All pages, each after the last stream of the one before.
asio::awaitable<texts> all_pages(es::store store, es::stream_query query) {
    texts all;
    for (;;) {
        const std::vector<es::stream_info> page = co_await store.streams(query);
        BOOST_TEST(page.size() <= query.count());
        for (const es::stream_info& each : page) all.push_back(each.name);
        if (page.size() < query.count()) break;
        query.after(page.back());
    }
    co_return all;
}

/// A stream as the test knows it, in the order of their age.
struct known_stream {
    std::string name;
    bool is_deleted = false;
};

texts expected_of(std::vector<known_stream> all, const es::stream_query& query) {
    if (query.order() == es::stream_order::by_name)
        std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    if (query.is_descending()) std::reverse(all.begin(), all.end());
    texts out;
    for (const known_stream& each : all) {
        const bool is_wanted =
            query.state() == es::stream_state::any || each.is_deleted == (query.state() == es::stream_state::deleted);
        if (is_wanted && each.name.starts_with(query.prefix()) && each.name.find(query.search()) != std::string::npos)
            out.push_back(each.name);
    }
    return out;
}

/// Many streams by SQL: 's-000001' and so on, in the order of their names; every tenth is deleted.
void make_streams(store_fixture& in, int count) {
    in.ask("insert into eventstore.streams (name, version, created_at, deleted_at)"
           " select 's-' || to_char(n, 'FM000000'), 1, now(), case when n % 10 = 0 then now() end from "
           "generate_series(1, " +
        std::to_string(count) +
        ") as n;"
        "insert into eventstore.events (position, stream_id, stream_version, created_at, event_id, type, data, "
        "metadata)"
        " select stream_id, stream_id, 1, now(), gen_random_uuid(), 'T', '', '' from eventstore.streams");
    in.ask("analyze eventstore.streams");
}

/// How many blocks of 8 kB the server looks at for a page.
class block_counter {
public:
    block_counter(const std::string& url, const es::storage::statements& all, bool is_by_age, bool deleted, bool down)
        : session_(url), deleted_(deleted) {
        const auto& what = is_by_age ? all.streams_by_age[deleted][down] : all.streams[deleted][down];
        session_.run("set jit = off; set plan_cache_mode = force_generic_plan; set enable_seqscan = off");
        session_.run(std::string("prepare page (") + (is_by_age ? "bigint" : "text") +
            ", text, text, bigint, text, boolean) as " + what.text);
    }

    int blocks(const std::string& place, const std::string& prefix) {
        const std::string call = "execute page (" + place + ", '" + prefix + "', '" + prefix +
            "' || repeat(chr(1114111), 129), 100, '', " + (deleted_ ? "true)" : "false)");
        int blocks = 0;
        bool is_first = true; // of the whole plan, which counts what is below it
        for (const auto& row : session_.run("explain (analyze, buffers, timing off, summary off) " + call)) {
            if (row[0].find("Buffers:") == std::string::npos || !is_first) continue;
            is_first = false;
            for (const std::string word : {"hit=", "read="})
                if (const auto at = row[0].find(word); at != std::string::npos)
                    blocks += std::stoi(row[0].substr(at + word.size()));
        }
        return blocks;
    }

private:
    session session_;
    bool deleted_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(streams_test)

BOOST_FIXTURE_TEST_CASE(streams_are_listed_by_name_or_by_age_in_both_directions, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const char* const name : {"b", "a", "c"}) co_await store.append(name, es::no_stream, counted_one("1"));
        co_await store.append("b", 1, counted(2)); // makes it no younger
        using enum es::stream_order;
        const texts by_name_up = co_await names(store, es::stream_query().order(by_name));
        const texts by_name_down = co_await names(store, es::stream_query().descending());
        const texts by_age_up = co_await names(store, es::stream_query().order(by_age));
        const texts by_age_down = co_await names(store, es::stream_query().order(by_age).descending());
        TEST_SAME(by_name_up, texts({"a", "b", "c"}));
        TEST_SAME(by_name_down, texts({"c", "b", "a"}));
        TEST_SAME(by_age_up, texts({"b", "a", "c"}));
        TEST_SAME(by_age_down, texts({"c", "a", "b"}));
        const texts youngest = co_await names(store, es::stream_query().order(by_age).descending().count(1));
        TEST_SAME(youngest, texts({"c"}));
    });
}

BOOST_FIXTURE_TEST_CASE(deleted_streams_are_listed_when_they_are_asked_for, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const char* const name : {"a", "b", "c"}) co_await store.append(name, es::no_stream, counted(2));
        co_await store.delete_stream("b", es::any_version);
        using enum es::stream_state;
        const texts left = co_await names(store, es::stream_query().state(existing));
        const texts all = co_await names(store, es::stream_query().state(any));
        TEST_SAME(left, texts({"a", "c"}));
        TEST_SAME(all, texts({"a", "b", "c"}));
        const std::vector<es::stream_info> gone = co_await store.streams(es::stream_query().state(deleted));
        BOOST_REQUIRE(gone.size() == 1u);
        BOOST_TEST(gone[0].name == "b");
        BOOST_TEST(gone[0].version == 2);
        BOOST_REQUIRE(gone[0].deleted_at.has_value());
        BOOST_TEST((*gone[0].deleted_at > gone[0].created_at));

        co_await store.restore_stream("b");
        const texts none = co_await names(store, es::stream_query().state(deleted));
        BOOST_TEST(none.empty());
        const std::vector<es::stream_info> back =
            co_await store.streams(es::stream_query().order(es::stream_order::by_age));
        TEST_SAME(names_of(back), texts({"a", "b", "c"}));
        BOOST_TEST(back[1].id == gone[0].id);
        BOOST_TEST(!back[1].deleted_at.has_value());
    });
}

BOOST_FIXTURE_TEST_CASE(a_stream_that_is_being_deleted_for_good_is_in_no_list, store_fixture) {
    expect_holes();
    with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        for (const char* const name : {"a", "b", "c"}) co_await store.append(name, es::no_stream, counted(2));
        const es::stream_info before = co_await store.stream_info("b");
        // The first of the two steps of a hard delete.
        ask("select eventstore.delete_stream('b', -1, true, gen_random_uuid())");
        BOOST_TEST(number("select count(*) from eventstore.streams where name like '$deleted %'") == 1);
        for (const auto order : {es::stream_order::by_name, es::stream_order::by_age}) {
            for (const bool down : {false, true}) {
                es::stream_query query;
                query.order(order).descending(down);
                const texts left = co_await names(store, query);
                BOOST_TEST(left.size() == 2u);
                const texts any = co_await names(store, query.state(es::stream_state::any));
                BOOST_TEST(any.size() == 2u);
                const texts of_prefix = co_await names(store, query.prefix("$"));
                BOOST_TEST(of_prefix.empty());
                const texts deleted = co_await names(store, query.prefix("").state(es::stream_state::deleted));
                BOOST_TEST(deleted.empty());
            }
        }
        // The name has a new life, as the youngest stream.
        co_await store.append("b", es::no_stream, counted_one("new"));
        const std::vector<es::stream_info> list =
            co_await store.streams(es::stream_query().order(es::stream_order::by_age));
        TEST_SAME(names_of(list), texts({"a", "c", "b"}));
        BOOST_TEST(list[2].id > before.id);
        BOOST_TEST(list[2].version == 1);
        co_await store.delete_stream("c", es::any_version, es::deletion::hard); // finishes the other one, too
        BOOST_TEST(number("select count(*) from eventstore.streams") == 2);
    });
}

BOOST_FIXTURE_TEST_CASE(a_stream_has_the_same_id_wherever_it_is_told_of, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const char* const name : {"b", "a"}) co_await store.append(name, es::no_stream, counted_one("1"));
        const es::stream_info older = co_await store.stream_info("b");
        const es::stream_info younger = co_await store.stream_info("a");
        BOOST_TEST(older.id > 0);
        BOOST_TEST(younger.id > older.id);
        const std::vector<es::stream_info> list = co_await store.streams();
        BOOST_TEST(list[0].id == younger.id);
        BOOST_TEST(list[1].id == older.id);
        const es::stream_info log = co_await store.stream_info("$all");
        BOOST_TEST(log.id == 0);
    });
}

BOOST_FIXTURE_TEST_CASE(a_search_finds_text_anywhere_in_the_name_and_means_nothing_but_the_text, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const texts all = {"100%", "a_b", "axb", "order-1", "Order-1", "reorder", "stra\u00dfe", "x\\y"};
        for (const std::string& each : all) co_await store.append(each, es::no_stream, counted_one("1"));
        const auto found = [&](std::string text) { return names(store, es::stream_query().search(std::move(text))); };
        const texts order = co_await found("order");
        TEST_SAME(order, texts({"order-1", "reorder"}));
        const texts underscore = co_await found("_");
        TEST_SAME(underscore, texts({"a_b"}));
        const texts percent = co_await found("%");
        TEST_SAME(percent, texts({"100%"}));
        const texts backslash = co_await found("\\");
        TEST_SAME(backslash, texts({"x\\y"}));
        const texts umlaut = co_await found("\u00df");
        TEST_SAME(umlaut, texts({"stra\u00dfe"}));
        const texts end = co_await found("-1");
        TEST_SAME(end, texts({"Order-1", "order-1"}));
        const texts log = co_await found("$all");
        BOOST_TEST(log.empty());
        const texts with_prefix = co_await names(store, es::stream_query().prefix("re").search("order"));
        TEST_SAME(with_prefix, texts({"reorder"}));
        const texts everything = co_await found("");
        BOOST_TEST(everything.size() == all.size());
    });
}

BOOST_FIXTURE_TEST_CASE(every_kind_of_list_can_be_paged_through, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::vector<known_stream> known;
        std::vector<es::stream_append> parts;
        for (int i = 0; i < 120; ++i) {
            const int mixed = i * 47 % 120; // the order of age is none of names
            const std::string name = (mixed % 3 == 0 ? "a-" : "b-") + std::to_string(mixed);
            known.push_back({name, mixed % 4 == 0});
            parts.emplace_back(name, es::no_stream, counted(1));
        }
        co_await store.append(std::move(parts));
        for (const known_stream& each : known)
            if (each.is_deleted) co_await store.delete_stream(each.name, es::any_version);

        for (const auto order : {es::stream_order::by_name, es::stream_order::by_age})
            for (const bool down : {false, true})
                for (const auto state : {es::stream_state::existing, es::stream_state::deleted, es::stream_state::any})
                    for (const char* const prefix : {"", "a-", "b-1", "c"})
                        for (const char* const search : {"", "1", "-1", "no such"}) {
                            es::stream_query query;
                            query.order(order).descending(down).state(state).prefix(prefix).search(search).count(7);
                            const texts paged = co_await all_pages(store, query);
                            const texts expected = expected_of(known, query);
                            TEST_SAME(paged, expected);
                            const texts at_once = co_await names(store, query.count(1000));
                            TEST_SAME(at_once, expected);
                        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_list_by_name_goes_on_after_a_name_that_need_not_exist, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const char* const name : {"a", "c", "e"}) co_await store.append(name, es::no_stream, counted_one("1"));
        const texts up = co_await names(store, es::stream_query().after("b"));
        TEST_SAME(up, texts({"c", "e"}));
        const texts down = co_await names(store, es::stream_query().descending().after("d"));
        TEST_SAME(down, texts({"c", "a"}));
        const texts end = co_await names(store, es::stream_query().descending().after("a"));
        BOOST_TEST(end.empty());
        const texts last = co_await names(store, es::stream_query().descending().after("\U0010FFFF"));
        TEST_SAME(last, texts({"e", "c", "a"}));
    });
}

BOOST_FIXTURE_TEST_CASE(streams_made_and_deleted_meanwhile_neither_repeat_nor_hide_others, store_fixture) {
    with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        for (const char* const name : {"b", "d", "f", "h"})
            co_await store.append(name, es::no_stream, counted_one("1"));
        for (const auto order : {es::stream_order::by_name, es::stream_order::by_age}) {
            es::stream_query query;
            query.order(order).count(2);
            const std::vector<es::stream_info> first = co_await store.streams(query);
            TEST_SAME(names_of(first), texts({"b", "d"}));
            co_await store.append("a", es::no_stream, counted_one("1")); // before the place that was reached by name
            co_await store.delete_stream("d", es::any_version);          // and the place itself
            const texts rest = co_await all_pages(store, query.after(first.back()));
            const texts by_name = {"f", "h"}, by_age = {"f", "h", "a"};
            TEST_SAME(rest, order == es::stream_order::by_name ? by_name : by_age);
            co_await store.restore_stream("d");
            co_await store.delete_stream("a", es::any_version, es::deletion::hard);
        }
    });
    expect_holes();
}

BOOST_FIXTURE_TEST_CASE(a_query_that_makes_no_sense_is_refused, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const auto by_age_after_name = es::stream_query().order(es::stream_order::by_age).after("a");
        const es::failure why = co_await expect_error(es::errc::invalid_argument, store.streams(by_age_after_name));
        BOOST_TEST(why.message().find("stream_info") != std::string::npos, why.message());
        co_await expect_error(es::errc::invalid_argument, store.streams(es::stream_query().search("\xff")));
        co_await expect_error(es::errc::invalid_argument, store.streams(es::stream_query().count(0)));
    });
}

// A page is found by going down an index: the later ones take no longer than the first.
BOOST_FIXTURE_TEST_CASE(a_page_costs_as_much_at_the_end_as_at_the_beginning, store_fixture) {
    constexpr int count = 30'000;
    run(es::migrate(options()));
    make_streams(*this, count);
    const es::storage::statements all(schema());
    for (const bool deleted : {false, true}) {
        for (const bool down : {false, true}) {
            block_counter by_name(test_server::url(), all, false, deleted, down);
            const std::string first_name = down ? "repeat(chr(1114111), 129)" : "''";
            const std::string last_name = down ? "'s-001001'" : "'s-028999'";
            block_counter by_age(test_server::url(), all, true, deleted, down);
            const std::string first_id = down ? "9223372036854775807" : "0";
            const std::string last_id = down ? "1001" : "28999";
            for (const std::string prefix : {"", "s-0"}) {
                BOOST_TEST(by_name.blocks(first_name, prefix) < 40);
                BOOST_TEST(by_name.blocks(last_name, prefix) < 40);
            }
            BOOST_TEST(by_age.blocks(first_id, "") < 40);
            BOOST_TEST(by_age.blocks(last_id, "") < 40);
            BOOST_TEST(by_age.blocks(first_id, "s-0200") < 40); // by the few names
            BOOST_TEST(by_age.blocks(last_id, "s-0200") < 40);
            if (!deleted) BOOST_TEST(by_age.blocks(first_id, "s-0") < 350); // by age, after counting the names
        }
    }
}

BOOST_FIXTURE_TEST_CASE(a_prefix_of_very_many_streams_is_paged_through_by_age, store_fixture) {
    run(es::migrate(options()));
    make_streams(*this, 12'000);
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const bool down : {false, true}) {
            const auto query =
                es::stream_query().order(es::stream_order::by_age).descending(down).prefix("s-0").count(1000);
            texts all = co_await all_pages(store, query);
            BOOST_TEST(all.size() == 10'800u); // without the deleted ones
            if (down) std::reverse(all.begin(), all.end());
            BOOST_TEST(std::is_sorted(all.begin(), all.end()));
            BOOST_TEST(std::set<std::string>(all.begin(), all.end()).size() == all.size());
        }
    });
}

BOOST_AUTO_TEST_SUITE_END()
