#include "postgres/result.hpp"

#include "postgres/bytes.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace eventstore::postgres;
using namespace std::string_view_literals;
using eventstore::timestamp;
using eventstore::uuid;
using eventstore::test::bytes;
using numbers = std::vector<std::optional<std::int64_t>>;

namespace {

/// A result of one row, as libpq would make it of the server's bytes; nothing = null.
result_handle row_of(const std::vector<std::optional<std::string>>& fields) {
    result_handle made(PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK));
    std::string name = "column";
    std::vector<PGresAttDesc> columns(fields.size(), PGresAttDesc{name.data(), 0, 0, 1, 0, -1, -1});
    BOOST_REQUIRE(PQsetResultAttrs(made.get(), static_cast<int>(columns.size()), columns.data()));
    for (std::size_t i = 0; i < fields.size(); ++i) {
        std::string text = fields[i].value_or("");
        const int length = fields[i] ? static_cast<int>(text.size()) : -1;
        BOOST_REQUIRE(PQsetvalue(made.get(), 0, static_cast<int>(i), text.data(), length));
    }
    return made;
}

std::string sent(const numbers& elements) {
    parameters one;
    one.begin_array(type_oid::int8, elements.size(), true);
    for (const auto& each : elements) {
        if (each)
            one.add(*each);
        else
            one.add_null();
    }
    return std::string(one.value(0));
}

} // namespace

BOOST_AUTO_TEST_SUITE(result_test)

BOOST_AUTO_TEST_CASE(fields_are_read_by_row_and_column) {
    const auto made = row_of({bytes("0102030405060708"), bytes("ffffffffffffffff"), bytes("01"), bytes("00")});
    const rows read(made.get());
    BOOST_TEST(read.count() == 1);
    BOOST_TEST(read.int8(0, 0) == 0x0102030405060708);
    BOOST_TEST(read.int8(0, 1) == -1);
    BOOST_TEST(read.boolean(0, 2));
    BOOST_TEST(!read.boolean(0, 3));
}

BOOST_AUTO_TEST_CASE(rows_follow_each_other) {
    const auto made = row_of({"a"});
    for (int row = 1; row < 100; ++row) {
        std::string text = std::to_string(row);
        BOOST_REQUIRE(PQsetvalue(made.get(), row, 0, text.data(), static_cast<int>(text.size())));
    }
    const rows read(made.get());
    BOOST_TEST(read.count() == 100);
    BOOST_TEST(read.bytes(0, 0) == "a");
    BOOST_TEST(read.bytes(99, 0) == "99");
}

BOOST_AUTO_TEST_CASE(bytes_are_read_with_their_length_and_not_to_a_nul) {
    const auto made = row_of({std::string("\0a\0"sv), "", std::nullopt});
    const rows read(made.get());
    BOOST_TEST((read.bytes(0, 0) == "\0a\0"sv));
    BOOST_TEST(read.bytes(0, 1).empty());
    BOOST_TEST(!read.is_null(0, 1));
    BOOST_TEST(read.bytes(0, 2).empty());
    BOOST_TEST(read.is_null(0, 2));
}

BOOST_AUTO_TEST_CASE(times_are_read_on_both_sides_of_2000) {
    const timestamp year_2000 = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1);
    const auto made = row_of({bytes("0000000000000001"), bytes("ffffffffffffffff"), bytes("fffca2fec4c82000")});
    const rows read(made.get());
    BOOST_TEST((read.time(0, 0) == year_2000 + std::chrono::microseconds(1)));
    BOOST_TEST((read.time(0, 1) == year_2000 - std::chrono::microseconds(1)));
    BOOST_TEST((read.time(0, 2) == timestamp()));
}

BOOST_AUTO_TEST_CASE(ids_are_read_and_a_null_is_none) {
    const auto made = row_of({bytes("000102030405060708090a0b0c0d0eff"), std::nullopt});
    const rows read(made.get());
    const uuid expected{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255}};
    BOOST_TEST((read.id(0, 0) == expected));
    BOOST_TEST((read.optional_id(0, 0) == std::optional(expected)));
    BOOST_TEST(!read.optional_id(0, 1).has_value());
}

BOOST_AUTO_TEST_CASE(what_parameters_encode_is_read_back) {
    std::mt19937_64 random(1);
    for (int i = 0; i < 200; ++i) {
        parameters all;
        const auto number = static_cast<std::int64_t>(random());
        const timestamp time(std::chrono::microseconds(static_cast<std::int64_t>(random() >> 10)));
        const uuid id = eventstore::make_uuid();
        all.add(number);
        all.add(time);
        all.add(id);
        const auto made = row_of({std::string(all.value(0)), std::string(all.value(1)), std::string(all.value(2))});
        const rows read(made.get());
        BOOST_TEST(read.int8(0, 0) == number);
        BOOST_TEST((read.time(0, 1) == time));
        BOOST_TEST((read.id(0, 2) == id));
    }
}

BOOST_AUTO_TEST_CASE(an_array_of_numbers_is_read_with_its_nulls) {
    for (const numbers& elements :
        {numbers{}, numbers{5}, numbers{std::nullopt}, numbers{1, std::nullopt, -3}, numbers(1000, 7)}) {
        const auto decoded = decode_int8_array(sent(elements));
        BOOST_REQUIRE(decoded.has_value());
        BOOST_TEST((*decoded == elements));
        const auto made = row_of({sent(elements)});
        BOOST_TEST((rows(made.get()).int8_array(0, 0) == elements));
    }
}

BOOST_AUTO_TEST_CASE(a_null_instead_of_an_array_is_read_as_no_elements) {
    const auto made = row_of({std::nullopt, bytes("00")});
    BOOST_TEST(rows(made.get()).int8_array(0, 0).empty());
    BOOST_TEST(rows(made.get()).int8_array(0, 1).empty());
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_array_of_numbers_are_refused) {
    const char* const bad[] = {
        "",
        "00000000 00000000",                                                      // cut in the header
        "00000000 00000000 00000017",                                             // of int4
        "00000001 00000000 00000014",                                             // a dimension without its size
        "00000001 00000000 00000014 00000001",                                    // nor its lower bound
        "00000001 00000000 00000014 00000001 00000001",                           // no element
        "00000001 00000000 00000014 00000001 00000001 00000008 00000000",         // half an element
        "00000001 00000000 00000014 00000001 00000001 00000004 00000000",         // too short an element
        "00000001 00000000 00000014 00000001 00000001 fffffffe",                  // a length that is none
        "00000001 00000000 00000014 ffffffff 00000001",                           // a negative size
        "00000001 00000000 00000014 7fffffff 00000001 ffffffff",                  // a size beyond all bytes
        "ffffffff 00000000 00000014 00000001 00000001 ffffffff",                  // negative dimensions
        "00000002 00000000 00000014 00000001 00000001 00000001 00000001 ffffffff" // a matrix
    };
    for (const char* const each : bad) BOOST_TEST(!decode_int8_array(bytes(each)).has_value(), each);
}

BOOST_AUTO_TEST_CASE(an_array_with_bytes_after_its_end_is_refused) {
    BOOST_TEST(!decode_int8_array(sent(numbers{1}) + '\0').has_value());
    BOOST_TEST(!decode_int8_array(sent(numbers{}) + "more").has_value());
}

BOOST_AUTO_TEST_CASE(an_array_cut_anywhere_is_refused) {
    const std::string whole = sent(numbers{1, std::nullopt, 3});
    for (std::size_t length = 0; length < whole.size(); ++length)
        BOOST_TEST(!decode_int8_array(std::string_view(whole).substr(0, length)).has_value(), length);
}

BOOST_AUTO_TEST_CASE(random_bytes_never_read_beyond_their_end) {
    // With AddressSanitizer this finds a read beyond the end; without, only a crash.
    for (const unsigned seed : {1u, 2u, 3u}) {
        std::mt19937 random(seed);
        for (int i = 0; i < 5000; ++i) {
            std::string text = sent(numbers(random() % 5, 1));
            for (int flips = 0; flips < 3; ++flips) text[random() % text.size()] = static_cast<char>(random() % 3 - 1);
            text.resize(random() % (text.size() + 1));
            text.shrink_to_fit();
            (void)decode_int8_array(text);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
