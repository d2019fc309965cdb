// What a server gets instead of statements that it is to refuse: groups are replaced as a whole, and nothing else is.
#include "faults/statement_filter.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <string>

BOOST_AUTO_TEST_SUITE(statement_filter_test)

using namespace eventstore::test::faults;

namespace {

std::string message(char type, const std::string& body) {
    const auto length = static_cast<std::uint32_t>(4 + body.size());
    std::string made(1, type);
    for (int shift = 24; shift >= 0; shift -= 8) made += static_cast<char>(length >> shift & 0xff);
    return made + body;
}

/// The first message of a connection has no type.
std::string startup() { return message('?', std::string("\0\3\0\0user\0me\0\0", 13)).substr(1); }

std::string statement(const std::string& name) {
    return message('B', name) + message('D', "P") + message('E', name) + message('S', "");
}

struct started {
    started() { BOOST_TEST_REQUIRE(filter.pass(startup()) == startup()); }
    statement_filter filter;
};

bool is_refusal(const std::string& sent, const std::string& sqlstate) {
    return sent.starts_with("Q") && sent.find("errcode = '" + sqlstate + "'") != std::string::npos &&
        sent == message('Q', sent.substr(5));
}

} // namespace

BOOST_FIXTURE_TEST_CASE(what_is_not_to_be_refused_passes_unchanged, started) {
    const std::string sent = message('p', "a password") + statement("one") + message('Q', "select 1") +
        message('d', "a row of COPY") + message('X', "");
    BOOST_TEST(filter.pass(sent) == sent);
}

BOOST_FIXTURE_TEST_CASE(the_group_is_replaced_as_a_whole_and_its_neighbours_are_not, started) {
    filter.refuse_next(1, "40001");
    BOOST_TEST(filter.pass(statement("one")) == statement("one"));
    BOOST_TEST(filter.is_armed());
    const std::string sent = filter.pass(statement("two") + statement("three"));
    BOOST_TEST_REQUIRE(sent.ends_with(statement("three")));
    BOOST_TEST(is_refusal(sent.substr(0, sent.size() - statement("three").size()), "40001"));
    BOOST_TEST(!filter.is_armed());
}

BOOST_FIXTURE_TEST_CASE(nothing_is_refused_once_the_filter_is_disarmed, started) {
    filter.refuse_next(1, "40001");
    filter.disarm();
    BOOST_TEST(!filter.is_armed());
    const std::string sent = statement("one") + statement("two");
    BOOST_TEST(filter.pass(sent) == sent);
    filter.refuse_next(0, "53200");
    BOOST_TEST(is_refusal(filter.pass(statement("three")), "53200"));
}

BOOST_FIXTURE_TEST_CASE(it_does_not_matter_how_the_bytes_come, started) {
    filter.refuse_next(0, "53200");
    std::string sent;
    for (const char byte : statement("one") + statement("two")) sent += filter.pass(std::string(1, byte));
    BOOST_TEST_REQUIRE(sent.ends_with(statement("two")));
    BOOST_TEST(is_refusal(sent.substr(0, sent.size() - statement("two").size()), "53200"));
}

BOOST_FIXTURE_TEST_CASE(an_incomplete_group_waits_for_its_end, started) {
    const std::string sent = statement("one");
    BOOST_TEST(filter.pass(sent.substr(0, sent.size() - 1)).empty());
    BOOST_TEST(filter.pass(sent.substr(sent.size() - 1)) == sent);
}

BOOST_FIXTURE_TEST_CASE(what_executes_nothing_is_not_refused, started) {
    filter.refuse_next(0, "40001");
    const std::string parsing = message('P', "name") + message('S', "");
    BOOST_TEST(filter.pass(parsing) == parsing);
    BOOST_TEST(filter.is_armed());
    BOOST_TEST(is_refusal(filter.pass(message('Q', "select 1")), "40001"));
}

BOOST_AUTO_TEST_CASE(a_connection_may_begin_byte_by_byte) {
    statement_filter filter;
    std::string sent;
    for (const char byte : startup() + statement("one")) sent += filter.pass(std::string(1, byte));
    BOOST_TEST(sent == startup() + statement("one"));
}

BOOST_AUTO_TEST_SUITE_END()
