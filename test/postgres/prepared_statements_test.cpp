#include "postgres/prepared_statements.hpp"

#include <boost/test/unit_test.hpp>

#include <set>
#include <string>
#include <string_view>

BOOST_AUTO_TEST_SUITE(prepared_statements_test)

using eventstore::postgres::prepared_statements;

BOOST_AUTO_TEST_CASE(a_statement_is_prepared_at_its_first_use_and_known_after_that) {
    prepared_statements known(2);
    const auto first = known.next(7, "read", "text");
    BOOST_TEST(first.is_new);
    BOOST_TEST(!first.name.empty());
    const auto second = known.next(7, "read", "text");
    BOOST_TEST(!second.is_new);
    BOOST_TEST(second.name == first.name);
    BOOST_TEST(!known.has_gone());
}

BOOST_AUTO_TEST_CASE(what_comes_once_while_there_is_no_room_is_sent_whole) {
    prepared_statements known(2);
    known.next(1, "a", "text");
    known.next(2, "b", "text");
    for (std::size_t other = 10; other < 100; ++other) BOOST_TEST(known.next(other, "c", "text").name.empty());
    BOOST_TEST(!known.has_gone());
    BOOST_TEST(!known.next(1, "a", "text").is_new);
    BOOST_TEST(known.size() == 2u);
}

BOOST_AUTO_TEST_CASE(what_comes_again_soon_takes_the_place_of_what_was_used_the_longest_ago) {
    prepared_statements known(2);
    const std::string oldest = known.next(1, "a", "text").name;
    known.next(2, "b", "text");
    BOOST_TEST(known.next(3, "c", "text").name.empty());
    BOOST_TEST(known.next(3, "c", "text").is_new);
    const auto gone = known.take_gone();
    BOOST_TEST(gone == std::vector<std::string>(1, oldest), boost::test_tools::per_element());
    BOOST_TEST(!known.has_gone());
    BOOST_TEST(!known.next(2, "b", "text").is_new);
    BOOST_TEST(known.next(1, "a", "text").name.empty());
}

BOOST_AUTO_TEST_CASE(no_name_is_used_twice) {
    prepared_statements known(1);
    std::set<std::string> names;
    for (int round = 0; round < 10; ++round) {
        for (std::size_t index = 0; index < 3; ++index) {
            known.next(index, "same", "text");
            const auto use = known.next(index, "same", "text");
            if (!use.name.empty()) names.insert(use.name);
        }
        known.forget(2);
    }
    BOOST_TEST(names.size() == 30u);
}

BOOST_AUTO_TEST_CASE(a_forgotten_statement_is_prepared_anew) {
    prepared_statements known(1);
    const std::string before = known.next(1, "a", "text").name;
    known.forget(1);
    known.forget(99);
    const auto use = known.next(1, "a", "text");
    BOOST_TEST(use.is_new);
    BOOST_TEST(use.name != before);
}

BOOST_AUTO_TEST_CASE(a_name_tells_the_text_of_its_statement) {
    const auto name = [](std::string_view text) { return prepared_statements().next(1, "append", text).name; };
    BOOST_TEST(name("select a.append($1)") == name("select a.append($1)")); // on any connection
    BOOST_TEST(name("select a.append($1)") != name("select b.append($1)"));
    BOOST_TEST(name("select a.append($1)").starts_with("append_"));
    prepared_statements many;
    std::string longest;
    for (std::size_t i = 0; i < 200; ++i) longest = many.next(i, "read_stream_bounded_backward", "text").name;
    BOOST_TEST(longest.size() <= 63u, longest);
}

BOOST_AUTO_TEST_SUITE_END()
