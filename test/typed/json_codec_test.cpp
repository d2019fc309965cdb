#include "typed/account.hpp"

#include <boost/json/serialize.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <limits>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

using namespace eventstore;
using namespace eventstore::test;

namespace shop {

enum class currency { eur, usd };
BOOST_DESCRIBE_ENUM(currency, eur, usd)

struct line {
    std::string article;
    double price = 0;
    std::optional<int> pieces;

    friend bool operator==(const line&, const line&) = default;
};
BOOST_DESCRIBE_STRUCT(line, (), (article, price, pieces))

struct document {
    int number = 0;

    friend bool operator==(const document&, const document&) = default;
};
BOOST_DESCRIBE_STRUCT(document, (), (number))

struct invoice : document {
    std::int16_t year = 0;

    friend bool operator==(const invoice&, const invoice&) = default;
};
BOOST_DESCRIBE_STRUCT(invoice, (document), (year))

/// Written by the ways of Boost.JSON.
struct percentage {
    int value = 0;

    friend bool operator==(const percentage&, const percentage&) = default;
    friend void tag_invoke(boost::json::value_from_tag, boost::json::value& out, const percentage& from) {
        out = std::to_string(from.value) + '%';
    }
    friend percentage tag_invoke(boost::json::value_to_tag<percentage>, const boost::json::value& from) {
        return {std::stoi(boost::json::value_to<std::string>(from))};
    }
};

/// One member of each kind.
struct ordered {
    bool express = false;
    std::uint64_t number = 0;
    float weight = 0;
    uuid customer{};
    timestamp placed_at{};
    currency paid_in{};
    percentage discount;
    line gift;
    invoice bill;
    std::optional<line> sample;
    std::vector<line> lines;
    std::vector<bool> flags;
    std::set<std::string> tags;
    std::map<std::string, int> stock;
    std::map<int, std::string> notes;
    std::array<int, 2> place{};
    std::pair<std::string, int> pair;
    std::tuple<int, bool, std::string> triple;
    std::variant<std::monostate, int, std::string, line> choice;
    boost::json::value anything;
    boost::json::object object;

    friend bool operator==(const ordered&, const ordered&) = default;
};
BOOST_DESCRIBE_STRUCT(ordered, (),
    (express, number, weight, customer, placed_at, paid_in, discount, gift, bill, sample, lines, flags, tags, stock,
        notes, place, pair, triple, choice, anything, object))

struct small {
    std::int8_t number = 0;
};
BOOST_DESCRIBE_STRUCT(small, (), (number))

struct tree {
    std::vector<tree> branches;
};
BOOST_DESCRIBE_STRUCT(tree, (), (branches))

} // namespace shop

template <>
struct eventstore::codec<shop::ordered> : eventstore::json_codec<shop::ordered, "Ordered"> {};
template <>
struct eventstore::codec<shop::small> : eventstore::json_codec<shop::small, "Small"> {
    static constexpr std::string_view former_types[] = {"Little"};
};
template <>
struct eventstore::codec<shop::tree> : eventstore::json_codec<shop::tree, "Tree"> {};
template <>
struct eventstore::codec<std::vector<int>> : eventstore::json_codec<std::vector<int>, "Numbers"> {};

namespace {

shop::ordered full_order() {
    shop::ordered order;
    order.express = true;
    order.number = std::numeric_limits<std::uint64_t>::max();
    order.weight = 1.25F;
    order.customer = make_uuid();
    order.placed_at = timestamp(std::chrono::microseconds(1'750'775'785'500'001));
    order.paid_in = shop::currency::usd;
    order.discount = {15};
    order.gift = {"tea", 2.5, 1};
    order.bill.number = 7;
    order.bill.year = 2026;
    order.sample = shop::line{"soap", 0, {}};
    order.lines = {{"pen", 0.1, 3}, {"ink \"blue\" \xc3\xa4\n", 1e-7, {}}};
    order.flags = {true, false, true};
    order.tags = {"a", std::string("nul\0inside", 10)};
    order.stock = {{"pen", 5}, {"", -1}};
    order.notes = {{1, "one"}, {2, "two"}};
    order.place = {48, 11};
    order.pair = {"x", 1};
    order.triple = {1, true, "y"};
    order.choice = shop::line{"pen", 1, {}};
    order.anything = {1, "two", nullptr};
    order.object = {{"key", "value"}};
    return order;
}

/// What is said of data that does not fit.
template <class Event>
std::string problem(std::string data) {
    const auto decoded = codec<Event>::decode(recorded(std::string(codec<Event>::type), std::move(data)));
    if (decoded) return "it fits";
    BOOST_TEST((decoded.error().code() == errc::event_not_decodable));
    return decoded.error().message();
}

/// What is said of an order with one member that does not fit.
std::string problem_with(const char* member, boost::json::value value) {
    const shop::ordered good = full_order();
    boost::json::object order = json_data(recorded(to_event_data(good))).as_object();
    if (std::string_view(member).starts_with("-"))
        order.erase(member + 1);
    else
        order[member] = std::move(value);
    return problem<shop::ordered>(boost::json::serialize(order));
}

template <class Event>
std::string unwritable(const Event& event) {
    try {
        return to_event_data(event).data();
    } catch (const error& why) {
        BOOST_TEST((why.code() == errc::invalid_argument));
        return why.what();
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(json_codec_test)

BOOST_AUTO_TEST_CASE(every_kind_of_member_comes_back_as_it_was) {
    const shop::ordered order = full_order();
    const shop::ordered back = decode<shop::ordered>(recorded(to_event_data(order)));
    BOOST_TEST((back == order));
    BOOST_TEST(to_event_data(back).data() == to_event_data(order).data());
    const shop::ordered empty;
    BOOST_TEST((decode<shop::ordered>(recorded(to_event_data(empty))) == empty));
}

BOOST_AUTO_TEST_CASE(the_text_is_plain_json) {
    const opened event{"A\"da", -1, {}};
    BOOST_TEST(to_event_data(event).data() == R"({"owner":"A\"da","cents":-1,"branch":null})");
    BOOST_TEST(to_event_data(closed{}).data() == "{}");
    const std::vector<int> numbers{1, 2};
    BOOST_TEST(to_event_data(numbers).data() == "[1,2]");
    BOOST_TEST((decode<std::vector<int>>(recorded("Numbers", " [3, 4] ")) == std::vector<int>{3, 4}));
}

BOOST_AUTO_TEST_CASE(uuids_times_enums_and_bases_are_written_as_a_reader_expects) {
    const shop::ordered order = full_order();
    const boost::json::object written = json_data(recorded(to_event_data(order))).as_object();
    BOOST_TEST((written.at("customer").as_string() == eventstore::to_string(order.customer)));
    BOOST_TEST((written.at("placed_at") == "2025-06-24T14:36:25.500001Z"));
    BOOST_TEST((written.at("paid_in") == "usd"));
    BOOST_TEST((written.at("discount") == "15%"));
    BOOST_TEST(boost::json::serialize(written.at("bill")) == R"({"number":7,"year":2026})");
}

BOOST_AUTO_TEST_CASE(an_optional_member_may_be_missing_or_null) {
    for (const char* data : {R"({"owner":"Ada","cents":1})", R"({"owner":"Ada","cents":1,"branch":null})"})
        BOOST_TEST(!decode<opened>(recorded("AccountOpened", data)).branch);
    const char* const set = R"({"owner":"Ada","cents":1,"branch":""})";
    BOOST_TEST(decode<opened>(recorded("AccountOpened", set)).branch.value() == "");
}

BOOST_AUTO_TEST_CASE(members_that_nobody_knows_are_passed_over) {
    BOOST_TEST(decode<deposited>(recorded("MoneyDeposited", R"({"new":[1],"cents":3,"more":{}})")).cents == 3);
}

BOOST_AUTO_TEST_CASE(the_order_of_members_does_not_matter) {
    const char* const data = R"({"branch":"b","cents":2,"owner":"o"})";
    BOOST_TEST((decode<opened>(recorded("AccountOpened", data)) == opened{"o", 2, "b"}));
}

BOOST_AUTO_TEST_CASE(a_missing_member_is_named) {
    BOOST_TEST(problem<opened>(R"({"owner":"Ada"})") == "cents is missing");
    BOOST_TEST(problem_with("-lines", nullptr) == "lines is missing");
    BOOST_TEST(problem_with("gift", {{"article", "tea"}}) == "gift.price is missing");
}

BOOST_AUTO_TEST_CASE(a_member_that_does_not_fit_is_named_with_its_place) {
    const boost::json::array lines{{{"article", "a"}, {"price", 1}}, {{"article", "a"}, {"price", "1"}}};
    BOOST_TEST(problem_with("lines", lines) == "lines[1].price: a number is expected, not a string");
    BOOST_TEST(problem_with("lines", 5) == "lines: a list is expected, not 5");
    BOOST_TEST(problem_with("gift", boost::json::array()) == "gift: an object is expected, not a list");
    BOOST_TEST(problem_with("express", 1) == "express: true or false is expected, not 1");
    BOOST_TEST(problem_with("customer", "me") == "customer: a UUID is expected, not a string");
    BOOST_TEST(problem_with("paid_in", "gbp") == "paid_in: a value of the enum is expected, not a string");
    BOOST_TEST(problem_with("placed_at", "2025-06-24") ==
        "placed_at: a time such as \"2025-06-24T14:36:25.5Z\" is expected, not a string");
    BOOST_TEST(problem_with("placed_at", 1750775785).starts_with("placed_at: a time such as"));
    BOOST_TEST(problem_with("weight", 1e300) == "weight: a number that the type can hold is expected, not 1E300");
    BOOST_TEST(problem_with("paid_in", 1) == "paid_in: a string is expected, not 1");
    BOOST_TEST(
        problem_with("stock", {{"a b", 0.5}}) == "stock.'a b': a whole number that fits 32 bits is expected, not 5E-1");
    BOOST_TEST(problem_with("place", {1}) == "place has another number of elements than 2");
    BOOST_TEST(problem_with("place", {1, 2, 3}) == "place has another number of elements than 2");
    BOOST_TEST(problem_with("triple", {1, true}) == "triple has another number of elements than 3");
    BOOST_TEST(problem_with("triple", {1, 2, "3"}) == "triple[1]: true or false is expected, not 2");
    BOOST_TEST(problem_with("choice", false) == "choice: one of several types is expected, not false");
    BOOST_TEST(problem_with("object", 5).starts_with("object does not fit: "));
    BOOST_TEST(problem_with("discount", "none").starts_with("discount does not fit: "));
    BOOST_TEST(problem_with("discount", true).starts_with("discount does not fit: "));
}

BOOST_AUTO_TEST_CASE(numbers_must_fit_their_type) {
    const auto number = [](const char* text) {
        return problem<shop::small>(std::string(R"({"number":)") + text + '}');
    };
    const std::string expected = "number: a whole number that fits 8 bits is expected, not ";
    for (const char* good : {"127", "-128", "1E1", "5.0"}) BOOST_TEST(number(good) == "it fits", good);
    BOOST_TEST(number("128") == expected + "128");
    BOOST_TEST(number("-129") == expected + "-129");
    BOOST_TEST(number("18446744073709551615") == expected + "18446744073709551615");
    BOOST_TEST(number("1.5") == expected + "1.5E0");
    BOOST_TEST(number("null") == expected + "null");
    BOOST_TEST(problem_with("number", -1) == "number: a whole number from 0 that fits 64 bits is expected, not -1");
}

BOOST_AUTO_TEST_CASE(data_that_is_no_json_is_told_from_data_that_does_not_fit) {
    for (const char* text : {"", "{", "nothing", "{}{}", "{\"cents\":1,}", "\"\xff\""})
        BOOST_TEST(problem<deposited>(text).starts_with("the data is no JSON: "), text);
    BOOST_TEST(problem<deposited>("[]") == "the data: an object is expected, not a list");
    BOOST_TEST(problem<opened>("\"text\"") == "the data: an object is expected, not a string");
    BOOST_TEST(problem<opened>("\"\"") == "the data: an object is expected, not an empty string");
}

BOOST_AUTO_TEST_CASE(texts_that_are_no_utf8_are_not_written) {
    const opened event{"\xff", 0, {}};
    BOOST_TEST(unwritable(event) == "AccountOpened cannot be written as JSON: owner is no UTF-8");
    shop::ordered order = full_order();
    order.tags = {"good", "\xc3"};
    BOOST_TEST(unwritable(order) == "Ordered cannot be written as JSON: tags[1] is no UTF-8");
    order = full_order();
    order.stock = {{"\xc3", 1}};
    BOOST_TEST(unwritable(order) == "Ordered cannot be written as JSON: stock has a key that is no UTF-8");
    order = full_order();
    order.object = {{"inside", {1, "\xc3"}}};
    BOOST_TEST(unwritable(order) == "Ordered cannot be written as JSON: object.inside[1] is no UTF-8");
}

BOOST_AUTO_TEST_CASE(numbers_that_are_not_finite_are_not_written) {
    shop::ordered order = full_order();
    order.lines[1].price = std::numeric_limits<double>::quiet_NaN();
    BOOST_TEST(unwritable(order) == "Ordered cannot be written as JSON: lines[1].price is no finite number");
    order = full_order();
    order.weight = std::numeric_limits<float>::infinity();
    BOOST_TEST(unwritable(order) == "Ordered cannot be written as JSON: weight is no finite number");
    order = full_order();
    order.anything = -std::numeric_limits<double>::infinity();
    BOOST_TEST(unwritable(order) == "Ordered cannot be written as JSON: anything is no finite number");
}

BOOST_AUTO_TEST_CASE(a_time_whose_year_has_five_digits_is_not_written) {
    shop::ordered order = full_order();
    order.placed_at = std::chrono::sys_days(std::chrono::year(9999) / 12 / 31);
    BOOST_TEST(decode<shop::ordered>(recorded(to_event_data(order))).placed_at.time_since_epoch().count() ==
        order.placed_at.time_since_epoch().count());
    order.placed_at += std::chrono::days(1);
    BOOST_TEST(unwritable(order) == "Ordered cannot be written as JSON: placed_at is no time of the years 0 to 9999");
}

BOOST_AUTO_TEST_CASE(an_enum_value_without_a_name_is_not_written) {
    shop::ordered order = full_order();
    order.paid_in = static_cast<shop::currency>(9);
    BOOST_TEST(
        unwritable(order) == "Ordered cannot be written as JSON: paid_in is none of the described values of its enum");
}

BOOST_AUTO_TEST_CASE(a_type_may_contain_itself) {
    shop::tree root;
    for (int depth = 0; depth < 200; ++depth) {
        shop::tree next;
        next.branches.push_back(std::move(root));
        root = std::move(next);
    }
    const event_data written = to_event_data(root);
    const shop::tree back = decode<shop::tree>(recorded(written));
    BOOST_TEST(to_event_data(back).data() == written.data());
}

BOOST_AUTO_TEST_CASE(an_event_larger_than_the_stack_space_comes_back) {
    shop::ordered order = full_order();
    order.lines.resize(1000);
    for (shop::line& each : order.lines) each.article.assign(100, 'x');
    BOOST_TEST((decode<shop::ordered>(recorded(to_event_data(order))) == order));
}

BOOST_AUTO_TEST_CASE(an_old_event_runs_through_all_steps_from_its_own_on) {
    const auto read = [](const char* type, const char* data) { return decode<opened>(recorded(type, data)); };
    BOOST_TEST((read("AccountCreated", R"({"name":"Ada","euros":5})") == opened{"Ada", 500, {}}));
    BOOST_TEST((read("AccountOpened.1", R"({"owner":"Ada","euros":5})") == opened{"Ada", 500, {}}));
    BOOST_TEST((read("AccountOpened.2", R"({"owner":"Ada","cents":5})") == opened{"Ada", 5, {}}));
    BOOST_TEST((read("AccountOpened", R"({"owner":"Ada","cents":5,"euros":9})") == opened{"Ada", 5, {}}));
}

BOOST_AUTO_TEST_CASE(a_type_that_was_only_renamed_needs_no_step) {
    BOOST_TEST(decode<shop::small>(recorded("Little", R"({"number":7})")).number == 7);
}

BOOST_AUTO_TEST_CASE(a_step_is_not_run_for_a_later_form) {
    const result<opened> decoded = try_decode<opened>(recorded("AccountOpened.2", R"({"name":"Ada","cents":5})"));
    BOOST_TEST(decoded.error().message().ends_with("owner is missing"));
}

BOOST_AUTO_TEST_CASE(a_form_that_changed_under_the_same_name_is_upcast_by_its_looks) {
    BOOST_TEST(decode<deposited>(recorded("MoneyDeposited", R"({"amount":5})")).cents == 5);
    BOOST_TEST(decode<deposited>(recorded("MoneyDeposited", R"({"cents":6})")).cents == 6);
}

BOOST_AUTO_TEST_CASE(a_step_that_throws_makes_the_event_undecodable) {
    const result<account_event> decoded = try_decode<account_event>(recorded("AccountOpened.1", R"({"owner":"Ada"})"));
    BOOST_REQUIRE(!decoded);
    BOOST_TEST((decoded.error().code() == errc::event_not_decodable));
    BOOST_TEST(decoded.error().message().find("'AccountOpened.1'") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_step_needs_an_object) {
    BOOST_TEST(try_decode<deposited>(recorded("MoneyDeposited", "[1]"))
                   .error()
                   .message()
                   .ends_with("the data: an object is expected, not a list"));
}

BOOST_AUTO_TEST_SUITE_END()
