#include "postgres/parameters.hpp"

#include "postgres/bytes.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace eventstore::postgres;
using namespace std::string_view_literals;
using eventstore::timestamp;
using eventstore::uuid;
using eventstore::test::bytes;
using eventstore::test::hex;

namespace {

/// What a single value is sent as.
template <class T>
std::string sent(const T& value) {
    parameters one;
    one.add(value);
    BOOST_TEST(one.size() == 1u);
    return hex(one.value(0));
}

constexpr timestamp at(std::chrono::sys_days day, std::int64_t microseconds = 0) {
    return timestamp(day) + std::chrono::microseconds(microseconds);
}

constexpr auto year_2000 = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1);

const uuid some_id{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255}};

} // namespace

BOOST_AUTO_TEST_SUITE(parameters_test)

BOOST_AUTO_TEST_CASE(numbers_are_sent_with_the_high_byte_first) {
    BOOST_TEST(sent(std::int64_t{0}) == "0000000000000000");
    BOOST_TEST(sent(std::int64_t{0x0102030405060708}) == "0102030405060708");
    BOOST_TEST(sent(std::int64_t{-1}) == "ffffffffffffffff");
    BOOST_TEST(sent(std::numeric_limits<std::int64_t>::min()) == "8000000000000000");
    BOOST_TEST(sent(std::int32_t{0x01020304}) == "01020304");
    BOOST_TEST(sent(std::int32_t{-2}) == "fffffffe");
    BOOST_TEST(sent(std::numeric_limits<std::int32_t>::max()) == "7fffffff");
}

BOOST_AUTO_TEST_CASE(a_boolean_is_one_byte) {
    BOOST_TEST(sent(true) == "01");
    BOOST_TEST(sent(false) == "00");
}

BOOST_AUTO_TEST_CASE(text_and_bytes_are_sent_as_they_are) {
    BOOST_TEST(sent("a\u20ac"sv) == "61e282ac");
    BOOST_TEST(sent("\0\xff\n"sv) == "00ff0a");
    BOOST_TEST(sent(std::string("abc")) == "616263");
    BOOST_TEST(sent("abc") == "616263");
    const std::string large(100'000, 'x');
    parameters one;
    one.add(large);
    BOOST_TEST((one.value(0) == large));
}

BOOST_AUTO_TEST_CASE(a_uuid_is_its_sixteen_bytes) { BOOST_TEST(sent(some_id) == "000102030405060708090a0b0c0d0eff"); }

BOOST_AUTO_TEST_CASE(a_time_is_counted_in_microseconds_from_2000) {
    BOOST_TEST(sent(at(year_2000)) == "0000000000000000");
    BOOST_TEST(sent(at(year_2000, 1)) == "0000000000000001");
    BOOST_TEST(sent(at(std::chrono::sys_days(std::chrono::year(2024) / 2 / 29), 42)) ==
        hex(bytes("00 02 b5 78 b5 8c 60 2a"))); // 762480000000042
}

BOOST_AUTO_TEST_CASE(a_time_before_2000_is_negative) {
    BOOST_TEST(sent(at(year_2000, -1)) == "ffffffffffffffff");
    BOOST_TEST(sent(timestamp()) == hex(bytes("ff fc a2 fe c4 c8 20 00"))); // 1970: -946684800000000
    BOOST_TEST(to_postgres_time(at(std::chrono::sys_days(std::chrono::year(1) / 1 / 1))) == -63'082'281'600'000'000);
}

BOOST_AUTO_TEST_CASE(a_time_comes_back_as_it_was) {
    std::mt19937_64 random(1);
    for (int i = 0; i < 1000; ++i) {
        const timestamp time = at(year_2000, static_cast<std::int64_t>(random() >> 8) - (std::int64_t{1} << 55));
        BOOST_TEST((from_postgres_time(to_postgres_time(time)) == time));
    }
}

BOOST_AUTO_TEST_CASE(a_time_is_kept_to_the_microsecond_in_every_year) {
    for (int year = 1; year < 10'000; year += 7)
        for (const std::int64_t microseconds : {0, 1, 999'999, 1'000'001}) {
            const timestamp time = at(std::chrono::sys_days(std::chrono::year(year) / 12 / 31), microseconds);
            BOOST_TEST((from_postgres_time(to_postgres_time(time)) == time), year);
        }
}

BOOST_AUTO_TEST_CASE(the_ends_of_time_do_not_wrap_around) {
    constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
    constexpr std::int64_t greatest = std::numeric_limits<std::int64_t>::max();
    BOOST_TEST((from_postgres_time(greatest) == timestamp::max())); // infinity
    BOOST_TEST((from_postgres_time(greatest - 1) == timestamp::max()));
    BOOST_TEST((from_postgres_time(least) == timestamp::min())); // -infinity
    BOOST_TEST((from_postgres_time(least + 1) < from_postgres_time(0)));
    BOOST_TEST(to_postgres_time(timestamp::min()) == least + 1);
    BOOST_TEST(to_postgres_time(timestamp::max()) < greatest);
}

BOOST_AUTO_TEST_CASE(empty_text_is_not_null) {
    parameters both;
    both.add(""sv);
    both.add_null();
    BOOST_TEST(!both.is_null(0));
    BOOST_TEST(both.is_null(1));
    BOOST_TEST(both.value(0).empty());
    const auto view = both.for_libpq();
    BOOST_TEST(view.values[0] != nullptr);
    BOOST_TEST(view.lengths[0] == 0);
    BOOST_TEST(view.values[1] == nullptr);
}

BOOST_AUTO_TEST_CASE(an_array_has_a_header_and_lengths_before_its_elements) {
    parameters one;
    one.begin_array(type_oid::int4, 2);
    one.add(std::int32_t{1});
    one.add(std::int32_t{-1});
    BOOST_TEST(one.size() == 1u);
    BOOST_TEST(hex(one.value(0)) ==
        hex(bytes("00000001 00000000 00000017 00000002 00000001"
                  " 00000004 00000001 00000004 ffffffff")));
}

BOOST_AUTO_TEST_CASE(an_empty_array_has_no_dimension) {
    parameters two;
    two.begin_array(type_oid::text, 0);
    two.add(true); // comes after the array, not into it
    BOOST_TEST(two.size() == 2u);
    BOOST_TEST(hex(two.value(0)) == hex(bytes("00000000 00000000 00000019")));
    BOOST_TEST(hex(two.value(1)) == "01");
}

BOOST_AUTO_TEST_CASE(a_null_in_an_array_has_the_length_minus_one) {
    parameters one;
    one.begin_array(type_oid::uuid, 3, true);
    one.add_null();
    one.add(some_id);
    one.add_null();
    BOOST_TEST(hex(one.value(0)) ==
        hex(bytes("00000001 00000001 00000b86 00000003 00000001 ffffffff"
                  " 00000010 000102030405060708090a0b0c0d0eff ffffffff")));
}

BOOST_AUTO_TEST_CASE(elements_of_every_type_fit_into_an_array) {
    const auto array_of = [](type_oid type, const auto& value) {
        parameters one;
        one.begin_array(type, 1);
        one.add(value);
        return hex(one.value(0)).substr(40); // without the header
    };
    BOOST_TEST(array_of(type_oid::int8, std::int64_t{7}) == "000000080000000000000007");
    BOOST_TEST(array_of(type_oid::boolean, true) == "0000000101");
    BOOST_TEST(array_of(type_oid::text, "ab"sv) == "000000026162");
    BOOST_TEST(array_of(type_oid::bytea, ""sv) == "00000000");
    BOOST_TEST(array_of(type_oid::timestamptz, at(year_2000, 3)) == "000000080000000000000003");
}

BOOST_AUTO_TEST_CASE(libpq_gets_the_values_with_their_lengths_all_binary) {
    parameters all;
    all.add(std::int64_t{5});
    all.begin_array(type_oid::text, 2);
    all.add("a"sv);
    all.add("bc"sv);
    all.add_null();
    all.add("tail"sv);
    BOOST_TEST(all.size() == 4u);
    const auto view = all.for_libpq();
    BOOST_REQUIRE(view.values.size() == 4u);
    const int lengths[] = {8, 20 + 5 + 6, -1, 4};
    for (std::size_t i = 0; i < 4; ++i) {
        BOOST_TEST(view.lengths[i] == lengths[i]);
        BOOST_TEST(view.formats[i] == 1);
        if (lengths[i] >= 0) BOOST_TEST((view.values[i] == all.value(i).data()));
    }
    BOOST_TEST((std::string_view(view.values[3], 4) == "tail"));
    BOOST_TEST(all.bytes() == 8u + 31 + 4);
}

BOOST_AUTO_TEST_CASE(no_parameters_are_a_view_of_nothing) {
    const parameters none;
    BOOST_TEST(none.size() == 0u);
    BOOST_TEST(none.bytes() == 0u);
    BOOST_TEST(none.for_libpq().values.empty());
}

BOOST_AUTO_TEST_CASE(room_reserved_or_not_makes_no_difference) {
    const auto filled = [](std::size_t reserved) {
        parameters many;
        many.reserve(reserved);
        many.begin_array(type_oid::int8, 1000);
        for (std::int64_t i = 0; i < 1000; ++i) many.add(i);
        return std::string(many.value(0));
    };
    BOOST_TEST((filled(0) == filled(1 << 20)));
}

BOOST_AUTO_TEST_CASE(random_arrays_read_back_by_the_rules_of_the_format) {
    for (const unsigned seed : {1u, 2u, 3u}) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            std::mt19937 random(seed);
            for (int round = 0; round < 200; ++round) {
                std::vector<std::pair<bool, std::string>> elements(random() % 20);
                parameters one;
                one.begin_array(type_oid::bytea, elements.size(), true);
                for (auto& [is_null, text] : elements) {
                    is_null = random() % 4 == 0;
                    text.resize(random() % 30, static_cast<char>(random()));
                    if (is_null)
                        one.add_null();
                    else
                        one.add(text);
                }
                std::string_view rest = one.value(0);
                const auto take4 = [&] {
                    std::uint32_t value = 0;
                    for (const char c : rest.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(c);
                    rest.remove_prefix(4);
                    return value;
                };
                BOOST_TEST(take4() == (elements.empty() ? 0u : 1u));
                BOOST_TEST(take4() == 1u);
                BOOST_TEST(take4() == 17u);
                if (!elements.empty()) {
                    BOOST_TEST(take4() == elements.size());
                    BOOST_TEST(take4() == 1u);
                }
                for (const auto& [is_null, text] : elements) {
                    const std::uint32_t length = take4();
                    if (is_null) {
                        BOOST_TEST(length == 0xffffffffu);
                        continue;
                    }
                    BOOST_TEST((rest.substr(0, length) == text));
                    rest.remove_prefix(length);
                }
                BOOST_TEST(rest.empty());
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
