#include "typed/account.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <new>
#include <string>
#include <utility>

using namespace eventstore;
using namespace eventstore::test;

namespace {

/// Says by a value that it cannot be decoded.
struct picky {};

/// As many types as one likes, with names of one length, and some that begin alike.
template <std::size_t Number>
struct numbered {
    static constexpr char name[] = {'T', char('0' + Number / 10), char('0' + Number % 10)};
};

struct out_of_memory {};

template <class Numbers>
struct variant_of;
template <std::size_t... Number>
struct variant_of<std::index_sequence<Number...>> {
    using type = std::variant<numbered<Number>...>;
};
using many = variant_of<std::make_index_sequence<60>>::type;

std::string message_of(const recorded_event& event) { return try_decode<account_event>(event).error().message(); }

} // namespace

template <>
struct eventstore::codec<picky> {
    static constexpr std::string_view type = "Picky";
    static event_data encode(const picky&) { return event_data("Picky", ""); }
    static result<picky> decode(const recorded_event& event) {
        if (event.data() != "good") return failure(errc::event_not_decodable, "only good is good enough");
        return picky();
    }
};

template <std::size_t Number>
struct eventstore::codec<numbered<Number>> {
    static constexpr std::string_view type{numbered<Number>::name, 3};
    static event_data encode(const numbered<Number>&) { return event_data(std::string(type), ""); }
    static numbered<Number> decode(const recorded_event&) { return {}; }
};

template <>
struct eventstore::codec<out_of_memory> {
    static constexpr std::string_view type = "Large";
    static event_data encode(const out_of_memory&) { return event_data("Large", ""); }
    static out_of_memory decode(const recorded_event&) { throw std::bad_alloc(); }
};

BOOST_AUTO_TEST_SUITE(decode_test)

BOOST_AUTO_TEST_CASE(an_event_becomes_the_alternative_of_its_type) {
    const opened first{"Ada", 5000, {}};
    const measured last{1, 2};
    BOOST_TEST((decode<account_event>(recorded(to_event_data(first))) == account_event(first)));
    BOOST_TEST((decode<account_event>(recorded(to_event_data(deposited{7}))) == account_event(deposited{7})));
    BOOST_TEST((decode<account_event>(recorded(to_event_data(closed{}))) == account_event(closed{})));
    BOOST_TEST((decode<account_event>(recorded(to_event_data(last))) == account_event(last)));
}

BOOST_AUTO_TEST_CASE(one_type_is_decoded_without_a_variant) {
    BOOST_TEST(decode<deposited>(recorded("MoneyDeposited", R"({"cents":5})")).cents == 5);
    BOOST_TEST((try_decode<deposited>(recorded("AccountClosed", "{}")).error().code() == errc::unknown_event_type));
}

BOOST_AUTO_TEST_CASE(a_former_type_is_decoded_as_the_present_one) {
    const recorded_event event = recorded("Measurement", to_event_data(measured{3, 4}).data());
    BOOST_TEST((decode<account_event>(event) == account_event(measured{3, 4})));
}

BOOST_AUTO_TEST_CASE(an_unknown_type_is_refused_with_its_name_and_those_that_are_known) {
    const recorded_event event = recorded("AccountFrozen", "{}");
    const result<account_event> decoded = try_decode<account_event>(event);
    BOOST_REQUIRE(!decoded);
    BOOST_TEST((decoded.error().code() == errc::unknown_event_type));
    BOOST_TEST(decoded.error().stream() == "account-1");
    const std::string& message = decoded.error().message();
    for (const char* part : {"'AccountFrozen'", "'account-1'", "version 3", "'MoneyDeposited'", "'AccountCreated'"})
        BOOST_TEST(message.find(part) != message.npos, message);
    BOOST_TEST(message.find(eventstore::to_string(event.id())) != message.npos, message);
    BOOST_CHECK_THROW(decode<account_event>(event), error);
}

BOOST_AUTO_TEST_CASE(a_type_that_only_resembles_a_known_one_is_unknown) {
    for (const char* type : {"AccountOpene", "AccountOpenedd", "accountOpened", "Z", "A"})
        BOOST_TEST((try_decode<account_event>(recorded(type, "{}")).error().code() == errc::unknown_event_type), type);
}

BOOST_AUTO_TEST_CASE(an_unknown_type_is_passed_over_if_asked_so) {
    BOOST_TEST(!decode_known<account_event>(recorded("AccountFrozen", "{}")));
    BOOST_TEST(decode_known<account_event>(recorded("AccountClosed", "{}")).has_value());
    const auto nothing = try_decode_known<account_event>(recorded("AccountFrozen", "{}"));
    BOOST_TEST((nothing && !*nothing));
}

BOOST_AUTO_TEST_CASE(a_known_type_whose_data_does_not_fit_is_not_passed_over) {
    const auto failed = try_decode_known<account_event>(recorded("AccountClosed", "{"));
    BOOST_TEST((failed.error().code() == errc::event_not_decodable));
    BOOST_CHECK_THROW(decode_known<account_event>(recorded("AccountClosed", "{")), error);
}

BOOST_AUTO_TEST_CASE(data_that_does_not_fit_is_told_with_the_event_and_the_reason) {
    const recorded_event event = recorded("Measured", "abc");
    const result<account_event> decoded = try_decode<account_event>(event);
    BOOST_TEST((decoded.error().code() == errc::event_not_decodable));
    BOOST_TEST(decoded.error().stream() == "account-1");
    BOOST_TEST(decoded.error().message() ==
        "event 'Measured' " + eventstore::to_string(event.id()) +
            " (stream 'account-1', version 3) cannot be decoded: 3 bytes are too few");
    BOOST_CHECK_EXCEPTION(decode<account_event>(event), error,
        [](const error& thrown) { return thrown.code() == errc::event_not_decodable; });
}

BOOST_AUTO_TEST_CASE(a_codec_may_return_its_failure) {
    BOOST_TEST(try_decode<picky>(recorded("Picky", "good")).has_value());
    const result<picky> decoded = try_decode<picky>(recorded("Picky", "bad"));
    BOOST_TEST((decoded.error().code() == errc::event_not_decodable));
    BOOST_TEST(decoded.error().message().ends_with("cannot be decoded: only good is good enough"));
}

BOOST_AUTO_TEST_CASE(a_lack_of_memory_is_not_taken_for_bad_data) {
    BOOST_CHECK_THROW(try_decode<out_of_memory>(recorded("Large", "")), std::bad_alloc);
}

BOOST_AUTO_TEST_CASE(each_of_many_types_is_found) {
    for (std::size_t number = 0; number < std::variant_size_v<many>; ++number) {
        const std::string type{'T', static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10)};
        BOOST_TEST(decode<many>(recorded(type, "")).index() == number);
    }
    BOOST_TEST(!decode_known<many>(recorded("T60", "")));
}

BOOST_AUTO_TEST_CASE(of_many_types_a_message_names_only_some) {
    const std::string message = try_decode<many>(recorded("T60", "")).error().message();
    BOOST_TEST(message.find("'T19' and 40 more; ") != message.npos, message);
}

BOOST_AUTO_TEST_CASE(functions_for_each_type_make_a_visitor) {
    std::int64_t cents = 0;
    const auto apply = overloaded{
        [&](const opened& event) { cents = event.cents; },
        [&](const deposited& event) { cents += event.cents; },
        [](const auto&) {},
    };
    std::visit(apply, decode<account_event>(recorded("AccountOpened", R"({"owner":"Ada","cents":5})")));
    std::visit(apply, decode<account_event>(recorded("MoneyDeposited", R"({"cents":2})")));
    std::visit(apply, decode<account_event>(recorded("AccountClosed", "{}")));
    BOOST_TEST(cents == 7);
}

BOOST_AUTO_TEST_CASE(a_hostile_type_cannot_forge_a_message) {
    const std::string message = message_of(recorded("A\nB", "{}"));
    BOOST_TEST(message.find('\n') == message.npos);
}

BOOST_AUTO_TEST_SUITE_END()
