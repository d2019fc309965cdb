#include "base/text.hpp"

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace std::string_view_literals;
using eventstore::detail::is_storable_text;
using eventstore::detail::message;
using eventstore::detail::one_line;
using eventstore::detail::quoted_for_message;

namespace {

/// The only right spelling of a code point.
std::string encoded(std::uint32_t code) {
    const auto tail = [&](int shift) { return char(0x80 | (code >> shift & 0x3f)); };
    if (code < 0x80) return {char(code)};
    if (code < 0x800) return {char(0xc0 | code >> 6), tail(0)};
    if (code < 0x10000) return {char(0xe0 | code >> 12), tail(6), tail(0)};
    return {char(0xf0 | code >> 18), tail(12), tail(6), tail(0)};
}

/// The definition, by decoding and encoding again: slow, and plain to see.
bool is_storable_by_definition(std::string_view text) {
    while (!text.empty()) {
        const auto first = static_cast<std::uint8_t>(text[0]);
        const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        if (text.size() < length) return false;
        std::uint32_t code = length == 1 ? first : first & (0xffu >> (length + 1));
        for (std::size_t i = 1; i < length; ++i) code = code << 6 | (static_cast<std::uint8_t>(text[i]) & 0x3f);
        const bool is_character = code != 0 && code < 0x110000 && (code < 0xd800 || code > 0xdfff);
        if (!is_character || encoded(code) != text.substr(0, length)) return false;
        text.remove_prefix(length);
    }
    return true;
}

} // namespace

BOOST_AUTO_TEST_SUITE(text_test)

BOOST_AUTO_TEST_CASE(text_of_every_length_of_character_is_storable) {
    for (const std::string_view good : {""sv, "a"sv, "plain ASCII \x01 \x7f"sv, "\u00e9"sv, "\u20ac"sv, "\U0001f600"sv,
             "mixed \u00e9 \u20ac \U0001f600 end"sv, "\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"sv})
        BOOST_TEST(is_storable_text(good), good);
}

BOOST_AUTO_TEST_CASE(a_nul_is_refused_wherever_it_stands) {
    for (const std::string_view bad : {"\0"sv, "a\0"sv, "\0a"sv, "a\0b"sv, "\xe2\x82\xac\0"sv, "\xc0\x80"sv})
        BOOST_TEST(!is_storable_text(bad));
}

BOOST_AUTO_TEST_CASE(what_is_not_utf_8_is_refused) {
    for (const std::string_view bad : {"\x80"sv, "\xbf"sv, "\xc1\xbf"sv, "\xe0\x9f\xbf"sv, "\xed\xa0\x80"sv,
             "\xed\xbf\xbf"sv, "\xf0\x8f\xbf\xbf"sv, "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "\xff"sv, "\xfe"sv,
             "\xc3"sv, "\xe2\x82"sv, "\xf0\x9f\x98"sv, "\xe2(\xa1"sv, "\xc3("sv})
        for (const std::string_view before : {""sv, "abc"sv, "\xe2\x82\xac"sv})
            for (const std::string_view after : {""sv, "x"sv, "\xe2\x82\xac"sv}) {
                const std::string text = message(before, bad, after);
                BOOST_TEST(!is_storable_text(text), quoted_for_message(text));
            }
}

BOOST_AUTO_TEST_CASE(all_sequences_of_up_to_three_bytes_are_judged_by_the_definition) {
    std::size_t wrong = 0;
    std::string text;
    for (unsigned bits = 0; bits < 1u << 16; ++bits) {
        text = {char(bits >> 8), char(bits & 0xff)};
        wrong += is_storable_text(text) != is_storable_by_definition(text);
    }
    for (unsigned first = 0xc0; first < 0x100; ++first)
        for (unsigned bits = 0; bits < 1u << 16; bits += 7) { // 7 and 2^16 share no factor: all low bytes are met
            text = {char(first), char(bits >> 8), char(bits & 0xff)};
            wrong += is_storable_text(text) != is_storable_by_definition(text);
        }
    BOOST_TEST(wrong == 0u);
}

BOOST_AUTO_TEST_CASE(random_texts_are_judged_by_the_definition) {
    // Bytes from the edges of the ranges, where a wrong comparison shows.
    const std::string edges = "a\x7f\x80\x8f\x90\x9f\xa0\xbf\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf3\xf4\xf5";
    for (const unsigned seed : {1u, 2u, 3u}) {
        std::mt19937 random(seed);
        for (int i = 0; i < 50'000; ++i) {
            std::string text;
            for (auto left = random() % 12; left > 0; --left) text += edges[random() % edges.size()];
            if (is_storable_text(text) != is_storable_by_definition(text))
                BOOST_ERROR("seed " << seed << ": " << quoted_for_message(text));
        }
        for (int i = 0; i < 20'000; ++i) {
            std::string text;
            for (auto left = random() % 8; left > 0; --left) {
                const auto code = static_cast<std::uint32_t>(random() % 0x10ffff + 1);
                if (code < 0xd800 || code > 0xdfff) text += encoded(code);
            }
            if (!is_storable_text(text)) BOOST_ERROR("seed " << seed << ": " << quoted_for_message(text));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_quotation_shows_what_cannot_be_printed) {
    BOOST_TEST(quoted_for_message("") == "''");
    BOOST_TEST(quoted_for_message("order-1") == "'order-1'");
    BOOST_TEST(quoted_for_message("\u20ac5") == "'\u20ac5'");
    BOOST_TEST(quoted_for_message("a\0b\n\x7f"sv) == "'a\\x00b\\x0a\\x7f'");
    BOOST_TEST(quoted_for_message("\xff\xc3(") == "'\\xff\\xc3('");
}

BOOST_AUTO_TEST_CASE(a_quotation_of_a_long_text_is_cut_between_two_characters) {
    BOOST_TEST(quoted_for_message(std::string(80, 'x')) == "'" + std::string(80, 'x') + "'");
    BOOST_TEST(quoted_for_message(std::string(81, 'x')) == "'" + std::string(80, 'x') + "...'");
    for (std::size_t ascii = 70; ascii < 82; ++ascii) {
        std::string text(ascii, 'x');
        for (int i = 0; i < 30; ++i) text += "\u20ac";
        const std::string quoted = quoted_for_message(text);
        BOOST_TEST(is_storable_text(quoted));
        BOOST_TEST(quoted.size() < 100u);
        BOOST_TEST(quoted.ends_with("...'"));
    }
}

BOOST_AUTO_TEST_CASE(a_message_joins_all_its_pieces) {
    BOOST_TEST(message() == "");
    BOOST_TEST(message("a", std::string("b"), "c"sv, 'd') == "abcd");
}

BOOST_AUTO_TEST_CASE(any_bytes_can_be_made_storable_without_cutting_a_character) {
    using eventstore::detail::is_storable_text;
    using eventstore::detail::storable_text;
    BOOST_TEST(storable_text("plain", 100) == "plain");
    BOOST_TEST(storable_text("caf\xe9!", 100) == "caf\xef\xbf\xbd!");
    BOOST_TEST(storable_text(std::string_view("a\0b", 3), 100) ==
        "a\xef\xbf\xbd"
        "b");
    BOOST_TEST(storable_text("ab\xc3\xa9", 3) == "ab");
    BOOST_TEST(storable_text("ab\xc3\xa9", 4) == "ab\xc3\xa9");
    BOOST_TEST(storable_text("ab\xe9", 4) == "ab"); // what stands for it has no room
    std::string every;
    for (int i = 0; i < 256; ++i) every += static_cast<char>(i);
    for (std::size_t most = 0; most < 800; ++most) {
        const std::string kept = storable_text(every, most);
        BOOST_TEST(kept.size() <= most);
        BOOST_TEST(is_storable_text(kept));
    }
}

BOOST_AUTO_TEST_CASE(lines_are_joined_by_one_blank_each) {
    BOOST_TEST(one_line("") == "");
    BOOST_TEST(one_line("\n\t \n") == "");
    BOOST_TEST(one_line("one") == "one");
    BOOST_TEST(one_line("\n\tone\n\ttwo\n") == "one two");
    BOOST_TEST(one_line("one two  three ") == "one two  three");
}

BOOST_AUTO_TEST_SUITE_END()
