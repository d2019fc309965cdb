// Numbers in JSON: what was written is what is read, to the last bit.
#include "support/store_fixture.hpp"
#include "typed/account.hpp"

#include <bit>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <variant>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

namespace {

struct reading {
    double number = 0;
    float small = 0;
    std::vector<double> list;
    std::map<std::string, double> by_name;
    std::variant<std::string, double> either;
    boost::json::value any;
};
BOOST_DESCRIBE_STRUCT(reading, (), (number, small, list, by_name, either, any))

struct counted_things {
    std::int64_t whole = 0;
    std::uint64_t from_zero = 0;
};
BOOST_DESCRIBE_STRUCT(counted_things, (), (whole, from_zero))

constexpr double largest = std::numeric_limits<double>::max();
constexpr double least = std::numeric_limits<double>::denorm_min();

const std::vector<double> chosen{0.0, -0.0, 0.1, 0.1 + 0.2, 1.1, 8.41, 19.99, 123456.789, 299792.458, 1e-7, 1e22, 1e23,
    6.02214076e23, 0.99365289910956334, 9007199254740993.0, 9223372036854775808.0, 18446744073709551616.0,
    1.2345678901234567e18, largest, -largest, least, -least, std::numeric_limits<double>::min(),
    std::nextafter(std::numeric_limits<double>::min(), 0.0), std::numeric_limits<double>::epsilon()};

/// Those, and as many of each kind as asked for: any bits, coordinates, prices, and between 0 and 1.
std::vector<double> many_doubles(std::size_t of_each) {
    std::mt19937_64 random(20261128);
    std::uniform_real_distribution<double> unit(0, 1);
    std::vector<double> out = chosen;
    for (std::size_t i = 0; i < of_each; ++i) {
        double any = 0;
        do any = std::bit_cast<double>(random());
        while (!std::isfinite(any));
        out.push_back(any);
        out.push_back(unit(random) * 360 - 180);
        out.push_back(static_cast<double>(random() % 1'000'000'000) / 100);
        out.push_back(unit(random));
        out.push_back(std::bit_cast<double>(random() >> 12)); // below the least normal number
    }
    return out;
}

bool same_bits(double left, double right) {
    return std::bit_cast<std::uint64_t>(left) == std::bit_cast<std::uint64_t>(right);
}

using spelling = std::function<std::string(double)>;

std::string spelled(double number, std::chars_format how, int digits = -1) {
    char text[2000];
    const auto end = digits < 0 ? std::to_chars(text, text + sizeof(text), number, how).ptr
                                : std::to_chars(text, text + sizeof(text), number, how, digits).ptr;
    return std::string(text, end);
}

double read_number(const std::string& text) {
    return es::decode<std::vector<double>>(recorded("List", '[' + text + ']')).at(0);
}

/// How many of the numbers are another one when they are read; a few of them are named.
int changed(const std::vector<double>& numbers, const spelling& write) {
    int wrong = 0;
    for (const double each : numbers) {
        const std::string text = write(each);
        const double back = read_number(text);
        if (same_bits(back, each)) continue;
        if (++wrong <= 3)
            BOOST_TEST_MESSAGE(text.substr(0, 60) + " comes back as " + spelled(back, std::chars_format::general, 17));
    }
    return wrong;
}

} // namespace

template <>
struct eventstore::codec<reading> : eventstore::json_codec<reading, "Reading"> {};
template <>
struct eventstore::codec<counted_things> : eventstore::json_codec<counted_things, "Counts"> {};
template <>
struct eventstore::codec<std::vector<double>> : eventstore::json_codec<std::vector<double>, "List"> {};
template <>
struct eventstore::codec<std::vector<float>> : eventstore::json_codec<std::vector<float>, "Floats"> {};

BOOST_AUTO_TEST_SUITE(json_numbers_test)

BOOST_AUTO_TEST_CASE(doubles_come_back_bit_for_bit) {
    const std::vector<double> numbers = many_doubles(20'000);
    const auto back = es::decode<std::vector<double>>(recorded(es::to_event_data(numbers)));
    BOOST_REQUIRE(back.size() == numbers.size());
    for (std::size_t i = 0; i < numbers.size(); ++i)
        BOOST_REQUIRE_MESSAGE(same_bits(back[i], numbers[i]), numbers[i] << " comes back as " << back[i]);
}

BOOST_AUTO_TEST_CASE(doubles_that_others_wrote_are_read_to_the_last_bit) {
    const std::vector<double> numbers = many_doubles(2'000);
    using std::chars_format;
    BOOST_TEST(changed(numbers, [](double x) { return spelled(x, chars_format::scientific, 16); }) == 0);
    BOOST_TEST(changed(numbers, [](double x) { return spelled(x, chars_format::scientific, 700); }) == 0);
    BOOST_TEST(changed(numbers, [](double x) { return spelled(x, chars_format::fixed); }) == 0); // as jsonb prints them
    BOOST_TEST(changed(numbers, [](double x) { return spelled(x, chars_format::general); }) == 0);
}

BOOST_AUTO_TEST_CASE(floats_come_back_bit_for_bit) {
    std::mt19937 random(7);
    std::vector<float> numbers{0.0F, -0.0F, 0.1F, std::numeric_limits<float>::max(),
        std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::lowest()};
    while (numbers.size() < 50'000)
        if (const float any = std::bit_cast<float>(std::uint32_t(random())); std::isfinite(any)) numbers.push_back(any);
    const auto back = es::decode<std::vector<float>>(recorded(es::to_event_data(numbers)));
    BOOST_REQUIRE(back.size() == numbers.size());
    for (std::size_t i = 0; i < numbers.size(); ++i)
        BOOST_REQUIRE(std::bit_cast<std::uint32_t>(back[i]) == std::bit_cast<std::uint32_t>(numbers[i]));
}

BOOST_AUTO_TEST_CASE(a_number_is_read_exactly_wherever_it_stands) {
    for (const double number : chosen) {
        reading event;
        event.number = number;
        event.small = static_cast<float>(std::fmod(number, 1000));
        event.list = {number, number};
        event.by_name = {{"a", number}};
        event.either = number;
        event.any = number;
        const es::recorded_event stored = recorded(es::to_event_data(event));
        const reading back = es::decode<reading>(stored);
        BOOST_TEST(same_bits(back.number, number));
        BOOST_TEST(same_bits(back.small, event.small));
        BOOST_TEST(same_bits(back.list.at(1), number));
        BOOST_TEST(same_bits(back.by_name.at("a"), number));
        BOOST_TEST(same_bits(std::get<double>(back.either), number));
        BOOST_TEST(same_bits(back.any.as_double(), number));
        BOOST_TEST(same_bits(es::json_data(stored).at("number").as_double(), number));
    }
}

BOOST_AUTO_TEST_CASE(whole_numbers_of_64_bits_stay_whole) {
    constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
    constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();
    std::mt19937_64 random(3);
    std::vector<std::int64_t> numbers{0, 1, -1, lowest, lowest + 1, highest, highest - 1, 9007199254740993};
    for (int i = 0; i < 1000; ++i) numbers.push_back(std::int64_t(random()) >> (random() % 64));
    for (const std::int64_t number : numbers) {
        const counted_things event{number, static_cast<std::uint64_t>(number)};
        const counted_things back = es::decode<counted_things>(recorded(es::to_event_data(event)));
        BOOST_TEST(back.whole == event.whole);
        BOOST_TEST(back.from_zero == event.from_zero);
        const auto plain = es::json_data(recorded("T", std::to_string(number)));
        BOOST_TEST((plain.is_int64() && plain.get_int64() == number));
    }
    BOOST_TEST((es::json_data(recorded("T", "18446744073709551615")).is_uint64()));
    BOOST_TEST((es::json_data(recorded("T", "18446744073709551616")) == 18446744073709551616.0));
    BOOST_TEST((es::json_data(recorded("T", "-9223372036854775809")) == -9223372036854775809.0));
}

BOOST_AUTO_TEST_CASE(zero_keeps_its_sign_however_it_is_written) {
    for (const char* const text : {"-0", "-0.0", "-0E0", "-0e-7", "-1e-400"})
        BOOST_TEST(same_bits(read_number(text), -0.0), text);
    for (const char* const text : {"0", "0.0", "0E0", "0e400", "1e-400"})
        BOOST_TEST(same_bits(read_number(text), 0.0), text);
    BOOST_TEST(es::decode<counted_things>(recorded("Counts", R"({"whole":-0,"from_zero":-0})")).whole == 0);
}

BOOST_AUTO_TEST_CASE(what_no_double_can_hold_is_refused) {
    for (const std::string text : {"1e309", "-1e309", "1e400", "1.8e308", "1e2147483600"})
        BOOST_CHECK_EXCEPTION(read_number(text), es::error, [](const es::error& why) {
            return std::string(why.what()).find("[0]: a number that the type can hold is expected") !=
                std::string::npos;
        });
    BOOST_CHECK_THROW(read_number('1' + std::string(400, '0')), es::error);
    BOOST_TEST(read_number('1' + std::string(400, '0') + "e-400") == 1.0);
    BOOST_TEST(read_number("0." + std::string(400, '0') + "1e401") == 1.0);
}

BOOST_FIXTURE_TEST_CASE(doubles_come_back_from_both_kinds_of_store, store_fixture) {
    std::vector<double> numbers = many_doubles(100);
    std::erase_if(numbers, [](double each) { return same_bits(each, -0.0); }); // jsonb has no such number
    for (const auto kind : {es::payload_format::bytea, es::payload_format::jsonb}) {
        const fresh_schema place;
        with_store(options().schema(place.name()).payload(kind), [&](es::store store) -> asio::awaitable<void> {
            co_await store.append("numbers", es::no_stream, numbers);
            const es::event_page page = co_await store.read("numbers");
            const auto back = es::decode<std::vector<double>>(page[0]);
            BOOST_REQUIRE(back.size() == numbers.size());
            for (std::size_t i = 0; i < numbers.size(); ++i)
                BOOST_REQUIRE_MESSAGE(same_bits(back[i], numbers[i]), numbers[i] << " comes back as " << back[i]);
        });
    }
}

BOOST_AUTO_TEST_SUITE_END()
