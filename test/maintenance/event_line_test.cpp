#include "base/crc32c.hpp"
#include "maintenance/event_line.hpp"
#include "maintenance/line_cursor.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>

BOOST_AUTO_TEST_SUITE(event_line_test)

using namespace eventstore::maintenance;
namespace es = eventstore;

namespace {

template <class Line>
std::string body_of(const Line& line) {
    line_writer writer;
    writer.add(line);
    const std::string text = writer.text().substr(0, writer.size() - 1);
    const auto split = split_checksum(text);
    BOOST_REQUIRE(split);
    BOOST_TEST(es::detail::crc32c(0, split->body) == split->checksum);
    return std::string(split->body);
}

event_line some_event() {
    event_line event;
    event.position = 12;
    event.stream = "account-1";
    event.version = 3;
    event.id = *es::parse_uuid("01890a5d-ac96-774b-bcce-b302099a8057");
    event.type = "Opened";
    event.data = R"({"a": 1})";
    return event;
}

} // namespace

BOOST_AUTO_TEST_CASE(an_event_reads_as_the_program_prints_it) {
    event_line event = some_event();
    event.metadata = "text";
    BOOST_TEST(body_of(event) ==
        R"({"position":12,"stream":"account-1","version":3,"id":"01890a5d-ac96-774b-bcce-b302099a8057","type":"Opened",)"
        R"("created_at":"2000-01-01T00:00:00.000000Z","metadata_text":"text","data":{"a": 1})");
}

BOOST_AUTO_TEST_CASE(every_event_comes_back) {
    std::mt19937 random(9);
    const auto bytes = [&](std::size_t most, bool is_text) {
        std::string made(random() % (most + 1), '\0');
        for (char& c : made) c = static_cast<char>(is_text ? random() % 127 + 1 : random());
        return made;
    };
    for (int round = 0; round < 2000; ++round) {
        const std::string stream = "s" + bytes(40, true), type = "t" + bytes(40, true);
        const std::string data = round % 3 == 0 ? R"({"n":[1,"\u00e9"]})" : bytes(60, round % 3 == 1);
        const std::string metadata = bytes(60, round % 2 == 0);
        event_line event = some_event();
        event.stream = stream;
        event.created_at = static_cast<std::int64_t>(random()) * 1000;
        if (round % 5 == 0) {
            event.link_to = 11;
        } else {
            event.type = type;
            event.data = data;
            event.metadata = metadata;
        }
        if (round % 2 == 0) event.correlation_id = es::make_uuid();
        if (round % 7 == 0) event.causation_id = es::make_uuid();
        if (round % 4 == 0) event.stream_created_at = -1;
        const std::string body = body_of(event);
        decoded_payloads room;
        event_line back;
        line_cursor cursor(body, room);
        BOOST_REQUIRE_MESSAGE(cursor.read(back), cursor.why() + ": " + body);
        BOOST_TEST(back.stream == event.stream);
        BOOST_TEST(back.link_to == event.link_to);
        BOOST_TEST(back.created_at == event.created_at);
        BOOST_TEST((back.id == event.id));
        BOOST_TEST((back.correlation_id == event.correlation_id && back.causation_id == event.causation_id));
        BOOST_TEST((back.stream_created_at == event.stream_created_at));
        if (event.link_to != 0) continue;
        BOOST_TEST(back.type == event.type);
        BOOST_TEST(back.data == event.data);
        BOOST_TEST(back.metadata == event.metadata);
    }
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_line_is_told) {
    const std::string good = body_of(some_event());
    decoded_payloads room;
    event_line back;
    const auto why = [&](const std::string& from, const std::string& to) {
        std::string bad = good;
        bad.replace(bad.find(from), from.size(), to);
        line_cursor cursor(bad, room);
        return cursor.read(back) ? std::string() : cursor.why();
    };
    BOOST_TEST(why("12", "0") == "the member \"position\" is no number, or out of bounds");
    BOOST_TEST(why("12", "99999999999999999999") == "the member \"position\" is no number, or out of bounds");
    BOOST_TEST(why("\"stream\"", "\"strear\"") == "the member \"stream\" is missing, or does not stand in its place");
    BOOST_TEST(why("01890a5d", "01890A5d") == "the member \"id\" is no UUID");
    BOOST_TEST(why("01890a5d-ac96-774b-bcce-b302099a8057", "00000000-0000-0000-0000-000000000000") ==
        "the member \"id\" is nil, which is no id");
    BOOST_TEST(why("\"Opened\"", "\"\"") == "the member \"type\" has not 1 to 512 bytes");
    BOOST_TEST(why("2000-01-01", "2000-02-30") == "the member \"created_at\" is no time");
    BOOST_TEST(why("{\"a\": 1}", "{\"a\": 01}") == "the member \"data\" is no JSON");
    BOOST_TEST(why("\"data\"", "\"data_base64\"") == "the member \"data\" is no string");
    BOOST_TEST(why("{\"a\": 1}", "1,\"more\":2") == "there is more in the line than there should be");
    BOOST_TEST(why("\"version\":3", "\"version\":3,\"link_to\":12") == "the member \"link_to\" is not before the link");
}

BOOST_AUTO_TEST_CASE(a_retention_and_a_projection_come_back) {
    decoded_payloads room;
    retention_line kept;
    kept.name = "account-\"1\"";
    kept.max_count = 5;
    kept.max_age = 1;
    const std::string body = body_of(kept);
    BOOST_TEST(body ==
        R"({"retention":"account-\"1\"","is_prefix":0,"max_count":5,"max_age":1,"changed_at":"2000-01-01T00:00:00.000000Z")");
    retention_line back;
    back.truncate_before = 7; // of another line
    BOOST_TEST(line_cursor(body, room).read(back));
    BOOST_TEST(back.name == kept.name);
    BOOST_TEST(!back.is_prefix);
    BOOST_TEST((back.max_count == 5 && back.max_age == 1 && !back.truncate_before));
    retention_line empty;
    const std::string nothing = body_of(empty);
    line_cursor cursor(nothing, room);
    BOOST_TEST(!cursor.read(back));
    BOOST_TEST(cursor.why() == "the member \"retention\" has no setting");

    projection_line projection;
    projection.name = "balances";
    projection.version = 2;
    projection.consumers = 3;
    projection.position = 15;
    projection.live_after = 12;
    projection_line same;
    const std::string line = body_of(projection);
    BOOST_TEST(line ==
        R"({"projection":"balances","version":2,"consumers":3,"started_at":"2000-01-01T00:00:00.000000Z","position":15,"live_after":12)");
    BOOST_TEST(line_cursor(line, room).read(same));
    BOOST_TEST((same.version == 2 && same.consumers == 3 && same.position == 15 && same.live_after == 12));
    BOOST_TEST((!same.live_until && !same.switched_at));
    for (const auto& [version, consumers] : {std::pair(0, 1), std::pair(1, 0), std::pair(1, 1001)}) {
        projection.version = version;
        projection.consumers = consumers;
        const std::string bad = body_of(projection);
        BOOST_TEST(!line_cursor(bad, room).read(same));
    }
}

BOOST_AUTO_TEST_CASE(the_checksum_of_a_line_covers_all_lines_before_it) {
    line_writer writer;
    writer.add(some_event());
    std::string first;
    writer.swap_text(first);
    writer.add(some_event());
    const std::string second = writer.text();
    BOOST_TEST(first != second);
    const auto split = split_checksum(std::string_view(second).substr(0, second.size() - 1));
    BOOST_REQUIRE(split);
    BOOST_TEST(es::detail::crc32c(0, first + std::string(split->body)) == split->checksum);
    BOOST_TEST(es::detail::crc32c(0, first + second) == writer.checksum());
    // Another export goes on with what the first one has left.
    line_writer next(es::detail::crc32c(0, first));
    next.add(some_event());
    BOOST_TEST(next.text() == second);
}

BOOST_AUTO_TEST_SUITE_END()
