#include "base/crc32c.hpp"
#include "maintenance/line_text.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>

BOOST_AUTO_TEST_SUITE(line_text_test)

using namespace eventstore::maintenance;
using namespace std::string_literals;

BOOST_AUTO_TEST_CASE(json_is_known_by_its_grammar) {
    for (const std::string& good : {"{}"s, "[]"s, "null"s, "true"s, "false"s, "0"s, "-0"s, "1.5e-10"s, "12E+3"s,
             "\"\""s, R"({"a": [1, 2,	{"b":"c\"d\\\u00e9"}], "":null})"s, "\"Zoë 🦊\""s,
             std::string(100, '[') + std::string(100, ']')})
        BOOST_TEST(json_length(good) == good.size(), good);
    for (const std::string& bad : {""s, " 1"s, "{"s, "[1,]"s, "{\"a\"}"s, "{\"a\":}"s, "{a:1}"s, "nul"s, "+1"s, ".5"s,
             "1."s, "1e"s, "-"s, "\"a"s, "\"\\x\""s, "\"\\u12g4\""s, "\"\n\""s, "[\n1]"s, "\"\xff\""s, "\"\xc3\""s,
             "\"\xed\xa0\x80\""s, std::string(300, '[') + std::string(300, ']'), "\""s + '\0' + "\""s, "\"\\\0\""s})
        BOOST_TEST(json_length(bad) == 0U, bad);
    // The value ends where something else begins.
    BOOST_TEST(json_length("01") == 1U);
    BOOST_TEST(json_length("{},\"crc\":1") == 2U);
    BOOST_TEST(json_length("1 ") == 1U);
}

BOOST_AUTO_TEST_CASE(payloads_are_written_by_their_kind) {
    BOOST_CHECK(kind_of("{\"a\":1}") == payload_kind::json);
    BOOST_CHECK(kind_of("{\"a\":1}\n") == payload_kind::text);
    BOOST_CHECK(kind_of("{\n}") == payload_kind::text);
    BOOST_CHECK(kind_of("text") == payload_kind::text);
    BOOST_CHECK(kind_of(std::string_view("\0", 1)) == payload_kind::text);
    BOOST_CHECK(kind_of("\xff") == payload_kind::bytes);
}

BOOST_AUTO_TEST_CASE(strings_have_every_character) {
    std::string line;
    add_string(line, "a\"b\\c\n\r\t\x01\x1f\x7fé/");
    BOOST_TEST(line == "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\x7fé/\"");
    std::string all;
    for (char c = 0; c < 127; ++c) all += c;
    line.clear();
    add_string(line, all);
    BOOST_TEST(json_length(line) == line.size());
}

BOOST_AUTO_TEST_CASE(base64_gives_the_bytes_back) {
    std::mt19937 random(1);
    for (std::size_t size = 0; size < 100; ++size) {
        std::string bytes(size, '\0');
        for (char& c : bytes) c = static_cast<char>(random());
        std::string text, back;
        add_base64(text, bytes);
        BOOST_TEST(text.size() == (size + 2) / 3 * 4);
        BOOST_TEST(add_from_base64(back, text));
        BOOST_TEST(back == bytes);
    }
    std::string back;
    for (const char* const bad : {"a", "ab", "abc", "ab=c", "a===", "ab!=", "ab==cd==", "\xff\xff\xff\xff", "aB=="})
        BOOST_TEST(!add_from_base64(back, bad), bad);
}

BOOST_AUTO_TEST_CASE(ids_and_checksums_are_hexadecimal) {
    const eventstore::uuid id = eventstore::make_uuid();
    std::string text;
    add_uuid(text, id.data);
    BOOST_TEST(text == eventstore::to_string(id));
    BOOST_TEST((uuid_of(text) == id));
    BOOST_TEST(!uuid_of(text.substr(1)));
    text[8] = '0';
    BOOST_TEST(!uuid_of(text));
    std::string number;
    add_hex(number, 0x0123abcd);
    BOOST_TEST(number == "0123abcd");
    BOOST_TEST((from_hex(number) == 0x0123abcdU));
    BOOST_TEST(!from_hex("0123abcD"));
    BOOST_TEST(!from_hex("123"));
}

BOOST_AUTO_TEST_CASE(the_checksum_is_crc_32c) {
    using eventstore::detail::crc32c;
    using eventstore::detail::crc32c_by_table;
    BOOST_TEST(crc32c(0, "123456789") == 0xe3069283U); // the check value of the standard
    BOOST_TEST(crc32c_by_table(0, "123456789") == 0xe3069283U);
    BOOST_TEST(crc32c(0, "") == 0U);
    std::mt19937 random(2);
    std::string bytes;
    std::uint32_t in_pieces = 0;
    for (int i = 0; i < 200; ++i) {
        std::string piece(random() % 70, '\0');
        for (char& c : piece) c = static_cast<char>(random());
        in_pieces = crc32c(in_pieces, piece);
        bytes += piece;
        BOOST_TEST(crc32c(0, bytes) == in_pieces);
        BOOST_TEST(crc32c_by_table(0, bytes) == in_pieces);
    }
}

BOOST_AUTO_TEST_SUITE_END()
