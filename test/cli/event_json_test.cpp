#include "cli/event_json.hpp"

#include "cli/usage_error.hpp"
#include "support/coroutines.hpp"

#include <string>

namespace es = eventstore;
using namespace es::cli;

namespace {

const std::string id_text = "01890a5d-ac96-774b-bcce-b302099a8057";

std::string data_of(const std::string& value) {
    return parse_event(R"({"type":"T","data":)" + value + "}").event.data();
}

/// Data that was stored, printed, and read again.
std::string there_and_back(std::string data) {
    const auto event = es::recorded_event::make("s", 1, 1, es::event_data("T", std::move(data)));
    return parse_event(to_json(event)).event.data();
}

std::string why_refused(const std::string& line) {
    try {
        parse_event(line);
    } catch (const usage_error& e) {
        return e.what();
    }
    return "";
}

} // namespace

BOOST_AUTO_TEST_SUITE(event_json_test)

BOOST_AUTO_TEST_CASE(a_line_may_say_everything_about_its_event) {
    const input_event input =
        parse_event(R"( {"stream":"a-1", "type":"Opened", "data":{"a":1}, "metadata":[1, 2], "id":")" + id_text +
            R"(", "correlation_id":")" + id_text + R"(", "causation_id":")" + id_text +
            R"(", "created_at":"2025-06-24T14:36:25Z", "position":5, "version":7} )");
    BOOST_TEST(input.stream.value() == "a-1");
    BOOST_TEST(input.event.type() == "Opened");
    BOOST_TEST(input.event.data() == R"({"a":1})");
    BOOST_TEST(input.event.metadata() == "[1, 2]");
    BOOST_TEST(es::to_string(input.event.id()) == id_text);
    BOOST_TEST((input.event.correlation_id() == es::parse_uuid(id_text)));
    BOOST_TEST((input.event.causation_id() == es::parse_uuid(id_text)));
    BOOST_TEST((input.event.created_at() == es::timestamp(std::chrono::seconds(1'750'775'785))));
}

BOOST_AUTO_TEST_CASE(what_is_not_said_is_left_open) {
    const input_event input = parse_event(R"({"type":"T","data":null})");
    BOOST_TEST(!input.stream.has_value());
    BOOST_TEST(!input.event.created_at().has_value());
    BOOST_TEST(!input.event.correlation_id().has_value());
    BOOST_TEST(input.event.metadata() == "");
    BOOST_TEST(input.event.data() == "null");
}

BOOST_AUTO_TEST_CASE(data_is_kept_as_it_was_written) {
    BOOST_TEST(data_of("12345678901234567890123") == "12345678901234567890123");
    BOOST_TEST(data_of("1.10") == "1.10");
    BOOST_TEST(data_of(R"({"b": [1, {"c": "}]"}], "a":"\u00e9\""})") == R"({"b": [1, {"c": "}]"}], "a":"\u00e9\""})");
    BOOST_TEST(data_of("true") == "true");
    BOOST_TEST(data_of("[]") == "[]");
}

BOOST_AUTO_TEST_CASE(a_string_keeps_its_quotes_and_its_escapes) {
    for (const char* const value : {R"("hello")", R"("5")", R"("true")", R"("null")", R"("1e3")", R"("")",
             R"("a\n\u00e9\u0000")", R"("{\"a\":1}")", "\"\xC3\xA9\"", R"("\/")"})
        BOOST_TEST(data_of(value) == value);
}

BOOST_AUTO_TEST_CASE(a_text_that_is_no_json_has_a_member_of_its_own) {
    const auto text = [](const std::string& value) {
        return parse_event(R"({"type":"T","data_text":)" + value + "}").event.data();
    };
    BOOST_TEST(text(R"("hello")") == "hello");
    BOOST_TEST(text(R"("")") == "");
    BOOST_TEST(text(R"("a\n\u00e9\u0000")") == std::string("a\n\xC3\xA9\0", 5));
    BOOST_TEST(text(R"("\"5\"")") == R"("5")");
    BOOST_TEST(parse_event(R"({"type":"T","data":1,"metadata_text":"m"})").event.metadata() == "m");
}

BOOST_AUTO_TEST_CASE(any_bytes_come_as_base64) {
    const auto bytes = [](const std::string& base64) {
        return parse_event(R"({"type":"T","data_base64":")" + base64 + "\"}").event.data();
    };
    BOOST_TEST(bytes("") == "");
    BOOST_TEST(bytes("TQ==") == "M");
    BOOST_TEST(bytes("TWE=") == "Ma");
    BOOST_TEST(bytes("TWFu") == "Man");
    BOOST_TEST(bytes("/wD+") == std::string("\xFF\0\xFE", 3));
    BOOST_TEST(parse_event(R"({"type":"T","data":1,"metadata_base64":"TWFu"})").event.metadata() == "Man");
}

BOOST_AUTO_TEST_CASE(every_kind_of_data_comes_back_as_it_was) {
    for (const char* const data : {"", "hello", "{}", R"({"a": [1, 2.50, "x"]})", "[]", "0", "-0", "1e400", "0.1000",
             "12345678901234567890", "null", "true", R"("quoted")", R"("5")", R"("a\nb\u0000")", R"("\/")", "{not json",
             "\xC3\xA9\xE2\x82\xAC", "\xFF\xFE", "\x1B[31mred", "a\nb", " 1", "1\n", "{\n  \"a\": \"b \\\" c\"\n}\r\n",
             "\t\"5\"", " ", "1 2", R"("\ud800")"})
        BOOST_TEST(there_and_back(data) == data);
    std::string all_bytes;
    for (int i = 0; i < 256; ++i) {
        all_bytes += char(i);
        BOOST_TEST(there_and_back(all_bytes) == all_bytes);
    }
    for (const std::size_t depth : {499u, 500u, 501u, 600u}) {
        const std::string deep = std::string(depth, '[') + std::string(depth, ']');
        BOOST_TEST(there_and_back(deep) == deep);
    }
}

BOOST_AUTO_TEST_CASE(json_that_no_line_can_hold_is_there_as_a_text_as_well) {
    const auto printed = [](const char* data) {
        const std::string line = to_json(es::recorded_event::make("s", 1, 1, es::event_data("T", data)));
        return line.substr(line.find(",\"data"));
    };
    BOOST_TEST(printed("{\"a\":\n1}") == R"(,"data":{"a": 1},"data_text":"{\"a\":\n1}"})");
    BOOST_TEST(printed(" 5 ") == R"(,"data":5,"data_text":" 5 "})");
    BOOST_TEST(printed("{\"a\": 1}") == R"(,"data":{"a": 1}})");
    BOOST_TEST(printed("plain") == R"(,"data_text":"plain"})");
    BOOST_TEST(printed("") == R"(,"data_text":""})");
    BOOST_TEST(printed("\xFF") == R"(,"data_base64":"/w=="})");
}

BOOST_AUTO_TEST_CASE(an_event_is_one_line) {
    es::event_data data("T\n", "{\"a\":\n1}");
    data.metadata("m\n").created_at(es::timestamp(std::chrono::microseconds(1)));
    data.id(*es::parse_uuid(id_text)).causation_id(*es::parse_uuid(id_text));
    const auto event = es::recorded_event::make("s", 3, 9, data);
    BOOST_TEST(to_json(event) ==
        R"({"position":9,"stream":"s","version":3,"id":")" + id_text +
            R"(","type":"T\n","created_at":"1970-01-01T00:00:00.000001Z","causation_id":")" + id_text +
            R"(","metadata_text":"m\n","data":{"a": 1},"data_text":"{\"a\":\n1}"})");
}

BOOST_AUTO_TEST_CASE(a_bad_line_is_refused_with_the_reason) {
    BOOST_TEST(why_refused("hello").starts_with("this is not JSON"));
    BOOST_TEST(why_refused(R"({"type":"T","data":1)").starts_with("this is not JSON"));
    BOOST_TEST(why_refused(R"({"type":"T","data":1} {})").starts_with("this is not JSON"));
    BOOST_TEST(why_refused("[1]") == "this is JSON, but not an object");
    BOOST_TEST(why_refused("{}") == R"(the member "type" is missing)");
    BOOST_TEST(why_refused(R"({"type":"T"})") == R"(the member "data" is missing)");
    BOOST_TEST(why_refused(R"({"type":5,"data":1})") == R"(the member "type" is not a string)");
    BOOST_TEST(why_refused(R"({"type":"T","data":1,"stream":null})") == R"(the member "stream" is not a string)");
    BOOST_TEST(why_refused(R"({"type":"T","data":1,"ID":"x"})") == R"(the member "ID" is not known)");
    BOOST_TEST(why_refused(R"({"type":"T","data":1,"id":"x"})") == R"(the member "id" is not a UUID)");
    BOOST_TEST(why_refused(R"({"type":"T","data":1,"data":2})") == R"(the member "data" is there twice)");
    BOOST_TEST(
        why_refused(R"({"type":"T","data":1,"data_base64":""})") == R"(the member "data_base64" is there twice)");
    for (const char* const twice : {R"("data_text":"1","data_base64":"MQ==")", R"("data_text":"1","data_text":"1")",
             R"("data_base64":"MQ==","data":1)", R"("data":1,"metadata":1,"metadata_base64":"MQ==")"})
        BOOST_TEST(why_refused(R"({"type":"T",)" + std::string(twice) + "}").ends_with("is there twice"), twice);
    for (const char* const other : {"2", "1 ,", "", "1 1", R"(\"1\")"})
        BOOST_TEST(why_refused(R"({"type":"T","data":1,"data_text":")" + std::string(other) + "\"}") ==
            R"(the member "data_text" is another JSON than "data"; leave one of them out)");
    BOOST_TEST(why_refused("{\"type\":\"\xE4\",\"data\":1}") == "this is not UTF-8: convert it first, as iconv does");
    BOOST_TEST(why_refused(R"({"type":"T","data":1,"id":"00000000-0000-0000-0000-000000000000"})") ==
        R"(the member "id" is nil, which is no id)");
    for (const char* const bad : {"x", "====", "TQ=", "T===", "TWF*", "TWFu\\n"})
        BOOST_TEST(why_refused(R"({"type":"T","data_base64":")" + std::string(bad) + "\"}") ==
            R"(the member "data_base64" is not base64)");
    BOOST_TEST(
        why_refused(R"({"type":"T","data":1,"created_at":"2025-06-24"})").find("is not a time") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
