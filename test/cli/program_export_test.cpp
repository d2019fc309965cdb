// `export`, `import` and `check`: what is kept, and what is refused.
#include "cli/two_stores.hpp"

#include "support/store_fixture.hpp"

#include <algorithm>
#include <csignal>
#include <random>

using namespace eventstore::test;

namespace {

/// Everything that is hard to keep.
void append_odd_events(const fresh_schema& schema, bool is_jsonb) {
    const auto append = [&](const std::string& stream, const std::string& type, const std::string& data,
                            const std::string& metadata = "''", const std::string& created = "null") {
        sql(in_schema(schema.name(),
            "select eventstore.append_event(" + quoted_text(stream) + ", -1, gen_random_uuid(), " + quoted_text(type) +
                ", " + data + ", " + metadata + ", gen_random_uuid(), gen_random_uuid(), " + created + ", false)"));
    };
    const auto json = [](const std::string& text) { return "convert_to(" + quoted_text(text) + ", 'UTF8')"; };
    append("plain", "Opened", json(R"({"a":1})"), json(R"({"user":"ada"})"));
    append("Zoë 🦊 \"quoted\" back\\slash \t tab", "Ünïcode \x01", json(R"({"ключ":"значение","e":"\u00e9\n"})"));
    append("plain", "Empty", "''");
    append("plain", "Null", json("null"), json("null"));
    append("plain", "Number", json("-12.50e+3"), json("[1, 2 ,3]"));
    append("plain", "Times", json("{}"), "''", "'0001-01-01 00:00:00+00'");
    append("plain", "Times", json("{}"), "''", "'9999-12-31 23:59:59.999999+00'");
    append("plain", "Times", json("{}"), "''", "'1969-12-31 23:59:59.999999+00'");
    append(std::string(512, 'n'), std::string(512, 't'), json("\"" + std::string(3000, 'd') + "\""));
    if (is_jsonb) return;
    append("bytes", "Binary", "'\\x00ff80fe'", "'\\xc328'");
    append("bytes", "Text", json("no JSON, but text\nwith a line break, \"quotes\" and \x1f"));
    append("bytes", "Lines", json("{\n  \"a\": 1\n}\n"), json(" 1"));
    append("bytes", "Nul", "'\\x610062'");
    append("bytes", "Deep", json(std::string(300, '[') + std::string(300, ']')));
    append("bytes", "Nearly", json(R"({"a":1}})"), json(R"({"a":01})"));
    append("bytes", "Tab", json("{\"a\":\t1}"));
    append("bytes", "Large", "convert_to(repeat('large ', 200000), 'UTF8')");
}

void link(const two_stores& both, const std::string& stream, const std::string& condition) {
    const std::string text = in_schema(both.original.name(),
        "select eventstore.append_events(array[" + quoted_text(stream) +
            "], array[-1::bigint], array[count(*)::int], null, 0, array[1], array[-1::bigint], array[count(*)::int], "
            "array[false], array_agg(1), array_agg(n::int), array_agg(gen_random_uuid()), array_agg(''::text), "
            "array_agg(''::bytea), null, null, null, null, array_agg(id), null, null, true) from (select event_id as "
            "id, "
            "row_number() over (order by position) as n from eventstore.events where " +
            condition + ") as o");
    sql(text);
}

void delete_for_good(const fresh_schema& schema, const std::string& stream) {
    sql(in_schema(schema.name(),
        "select eventstore.purge_stream((eventstore.delete_stream(" + quoted_text(stream) +
            ", -1, true, gen_random_uuid()))[3], 100000)"));
    sql(in_schema(schema.name(),
        "select eventstore.purge_stream(stream_id, 100000) from eventstore.streams where starts_with(name, '$deleted "
        "')"));
}

/// A store that has everything, and more than one life of a stream.
void fill(const two_stores& both, bool is_jsonb = false) {
    append_odd_events(both.original, is_jsonb);
    append_many(both.original, 50, 5);
    link(both, "links", "position in (1, 3, 9, 15)");
    link(both, "links of links", "link_to is not null");
    link(both, "links to what goes", "type = 'Type1' and link_to is null");
    append_many(both.original, 5, 5);
    delete_for_good(both.original, "stream-1");
    append_many(both.original, 10, 5); // stream-1 has a new life
    link(both, "plain", "position = 20 or position = 21");
    both.sql_in(both.original, "select eventstore.delete_stream('stream-2', -1, false, gen_random_uuid())");
    both.sql_in(both.original, R"sql(
        select eventstore.record_snapshot('plain', 3, 'State', '{"balance":1}', '{}');
        select eventstore.record_snapshot('Ünïcode', 1, 'Stäte', '\x00ff', '');
        select eventstore.claim_subscription('$all', 'mailer', gen_random_uuid(), 'me', 1, 20, null);
        select eventstore.claim_subscription('plain', 'reports', gen_random_uuid(), 'me', 1, 2, null);
        select eventstore.claim_subscription('not there yet', 'early', gen_random_uuid(), 'me', 1, 0, null);
        select eventstore.claim_subscription('$all', 'at the end', gen_random_uuid(), 'me', 1, null, null);
        update eventstore.subscriptions set owner = null, event_id = (select e.event_id from eventstore.events as e
            where e.position = subscriptions.position), deliveries = 2, delivered = position;
        insert into eventstore.parked_events (subscription_id, position, reason, deliveries, replay)
        select subscription_id, 7, 'it "failed"' || chr(10) || 'twice', 3, true from eventstore.subscriptions
        where name = 'mailer')sql");
    both.sql_in(both.original, R"sql(
        select eventstore.set_retention('links', false, null, 3, interval '36 hours 5 milliseconds');
        select eventstore.set_retention('stream-', true, 2, null, null);
        select eventstore.set_retention('', true, null, null, interval '365250 days');
        select eventstore.set_retention('not there yet', false, 2, 4611686018427387904, null))sql");
    // The last event is deleted for good: its position is not given out again.
    both.sql_in(both.original,
        "select eventstore.append_event('last', -1, gen_random_uuid(), 'T', convert_to('1', 'UTF8'), "
        "'', null, null, null, false)");
    delete_for_good(both.original, "last");
}

/// A schema that is gone in the end.
struct named_schema {
    explicit named_schema(const std::string& says)
        : name(says + " " + eventstore::to_string(eventstore::make_uuid())) {}
    ~named_schema() { sql("drop schema if exists " + quoted_name(name) + " cascade"); }
    named_schema(const named_schema&) = delete;
    named_schema& operator=(const named_schema&) = delete;

    const std::string name;
};

} // namespace

BOOST_AUTO_TEST_SUITE(program_export_test)

BOOST_AUTO_TEST_CASE(a_copy_is_the_same_in_everything) {
    const two_stores both;
    fill(both);
    const fresh_file file;
    both.export_to(file);
    const outcome checked = run_program({"check", file.path()});
    BOOST_TEST(checked.exit_code == 0);
    BOOST_TEST(checked.out.find(R"("snapshots":2,"subscriptions":4,"parked":1,"retentions":4,"projections":0,)") !=
            std::string::npos,
        checked.out);
    both.import_from(file);
    both.compare();

    // Readable by other programs: a line is an object, JSON data is an object in it.
    const std::string content = file.content();
    BOOST_TEST(content.find(R"("metadata":{"user":"ada"},"data":{"a":1},"crc":")") != std::string::npos);
    BOOST_TEST(content.find(R"("data_base64":"AP+A/g==")") != std::string::npos);
    BOOST_TEST(content.find(R"("data_text":"no JSON, but text\nwith)") != std::string::npos);
    BOOST_TEST(content.find("s3cret") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_store_of_jsonb_is_copied_too) {
    const two_stores both("jsonb");
    fill(both, true);
    const fresh_file file;
    both.export_to(file);
    both.import_from(file);
    both.compare();
}

BOOST_AUTO_TEST_CASE(the_copy_goes_on_where_the_original_ended) {
    const two_stores both;
    fill(both);
    const fresh_file file;
    both.export_to(file);
    both.import_from(file);
    const std::string append = "select (eventstore.append_event('plain', -1, '01890a5d-ac96-774b-bcce-b302099a8057', "
                               "'T', '', '', null, null, null, "
                               "false))[2:3]::text";
    const std::string next = sql_value(in_schema(both.original.name(), append));
    BOOST_TEST(sql_value(in_schema(both.copy.name(), append)) == next);
    const std::string fresh =
        "select (eventstore.append_event('quite new', 0, gen_random_uuid(), 'T', '', '', null, null, "
        "null, false))[1]::text";
    BOOST_TEST(sql_value(in_schema(both.copy.name(), fresh)) == "0");
    // An event that was imported is known by its id.
    const std::string line = file.content();
    const std::string before = R"("stream":"plain","version":1,"id":")";
    const auto at = line.find(before) + before.size();
    const outcome again = both.into_copy({"append", "plain", "--expect", "no-stream"},
        R"({"id":")" + line.substr(at, 36) + R"(","type":"Opened","data":{"a":1}})");
    BOOST_TEST(again.out.ends_with("\"already_appended\":true}\n"), again.out + again.err);
    // The next life of an export: it goes on in the same file, and the import after it.
    const outcome more = both.from_original({"export", "--to", file.path()});
    BOOST_TEST(more.out.starts_with("{\"written\":1,"), more.out + more.err);
    BOOST_TEST(
        both.into_copy({"read", "links"}).lines().size() == both.from_original({"read", "links"}).lines().size());
}

BOOST_AUTO_TEST_CASE(a_schema_may_have_the_name_of_a_parameter) {
    const named_schema from("$1 from $2"), into("into $3");
    BOOST_TEST(two_stores::run(from.name, {"init"}).exit_code == 0);
    BOOST_TEST(two_stores::run(into.name, {"init"}).exit_code == 0);
    BOOST_TEST(two_stores::run(from.name, {"append", "a"}, R"({"type":"T","data":1})").exit_code == 0);
    const outcome exported = two_stores::run(from.name, {"export"});
    BOOST_TEST(exported.exit_code == 0, exported.err);
    const outcome imported = two_stores::run(into.name, {"import"}, exported.out);
    BOOST_TEST(imported.out.starts_with("{\"stored\":1,"), imported.out + imported.err);
}

BOOST_AUTO_TEST_CASE(retentions_count_in_the_copy_at_once) {
    const two_stores both;
    append_many(both.original, 30, 3);
    both.sql_in(both.original, R"sql(
        select eventstore.set_retention('stream-1', false, null, 3, null);
        select eventstore.set_retention('stream-', true, 9, null, null);
        select eventstore.set_retention('later', false, null, 1, null))sql");
    const fresh_file file;
    both.export_to(file);
    both.import_from(file);
    both.compare();
    const auto count = [&](const std::string& stream) { return both.into_copy({"read", stream}).lines().size(); };
    BOOST_TEST(count("stream-1") == 2U); // of 10 events, 3 are kept by its own setting, 2 by that of the prefix
    BOOST_TEST(count("stream-2") == 2U);
    // One that was set later in the copy stays; one that was set later in the original comes with the next import.
    BOOST_TEST(both.into_copy({"retention", "set", "stream-1", "--max-count", "1"}).exit_code == 0);
    BOOST_TEST(both.from_original({"retention", "set", "--prefix", "stream-", "--max-count", "5"}).exit_code == 0);
    const fresh_file next;
    both.export_to(next);
    both.import_from(next);
    BOOST_TEST(count("stream-1") == 1U);
    BOOST_TEST(count("stream-2") == 5U);
    const std::string two_events = "{\"type\":\"T\",\"data\":1}\n{\"type\":\"T\",\"data\":2}\n";
    BOOST_TEST(both.into_copy({"append", "later"}, two_events).exit_code == 0);
    BOOST_TEST(count("later") == 1U);
}

BOOST_AUTO_TEST_CASE(what_was_scavenged_is_no_damage_in_the_copy) {
    const two_stores both;
    append_many(both.original, 30, 3);
    BOOST_TEST(both.from_original({"retention", "set", "stream-1", "--max-count", "2"}).exit_code == 0);
    BOOST_TEST(both.from_original({"scavenge", "--rate", "0"}).exit_code == 0);
    const fresh_file file;
    both.export_to(file);
    both.import_from(file);
    both.compare();
    const outcome sound = both.into_copy({"verify"});
    BOOST_TEST(sound.exit_code == 0, sound.out);
    both.sql_in(both.copy,
        "begin; set local eventstore.hard_delete = 'on'; delete from eventstore.events where position = "
        "29; commit"); // above the last one that was scavenged
    BOOST_TEST(both.into_copy({"verify"}).exit_code == 3);
}

BOOST_AUTO_TEST_CASE(the_retention_of_a_stream_that_comes_after_the_range_is_left_out) {
    const two_stores both;
    append_many(both.original, 30, 3);
    both.sql_in(both.original, R"sql(
        select eventstore.append_event('new', -1, gen_random_uuid(), 'T', '', '', null, null, null, false);
        select eventstore.set_retention('new', false, null, 1, null);
        select eventstore.set_retention('stream-0', false, null, 1, null);
        select eventstore.set_retention('later', false, null, 1, null))sql");
    const outcome part = both.from_original({"export", "--through-position", "30"});
    BOOST_TEST(part.out.find(R"({"retention":"later",)") != std::string::npos);
    BOOST_TEST(part.out.find(R"({"retention":"stream-0",)") != std::string::npos);
    BOOST_TEST(part.out.find(R"({"retention":"new",)") == std::string::npos);
    for (const words& none : {words{"export", "--events-only"}, words{"export", "--from-position", "2"}})
        BOOST_TEST(both.from_original(none).out.find("{\"retention\"") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_open_store_follows_an_import) {
    const two_stores both;
    append_many(both.original, 20, 3);
    const fresh_file file;
    both.export_to(file);
    running_program tail({"tail", "--verbose", "--url", test_server::url(), "--schema", both.copy.name()});
    tail.wait_until_it_says("listening\n");
    both.import_from(file);
    const words lines = tail.lines(20);
    BOOST_REQUIRE(lines.size() == 20U);
    BOOST_TEST(lines.front().starts_with(R"({"position":1,)"), lines.front());
    BOOST_TEST(lines.back().starts_with(R"({"position":20,)"), lines.back());
}

BOOST_AUTO_TEST_CASE(standard_streams_serve_as_files) {
    const two_stores both;
    append_many(both.original, 100, 7);
    const outcome printed = both.from_original({"export"});
    BOOST_TEST(printed.exit_code == 0);
    BOOST_TEST(printed.err == "");
    BOOST_TEST(printed.lines().size() == 102U);
    const outcome stored = both.into_copy({"import", "-"}, printed.out);
    BOOST_TEST(stored.exit_code == 0);
    BOOST_TEST(stored.out.starts_with("{\"stored\":100,\"events\":100,"), stored.out);
    both.compare();
}

BOOST_AUTO_TEST_CASE(what_was_done_before_is_not_done_again) {
    const two_stores both;
    append_many(both.original, 100, 7);
    const fresh_file file;
    both.export_to(file);
    both.import_from(file);
    const std::string content = file.content();
    const outcome exported = both.from_original({"export", "--to", file.path()});
    BOOST_TEST(exported.out.starts_with("{\"written\":0,\"events\":100,"), exported.out + exported.err);
    BOOST_TEST(file.content() == content);
    const outcome imported = both.into_copy({"import", file.path()});
    BOOST_TEST(imported.out.starts_with("{\"stored\":0,\"events\":100,"), imported.out + imported.err);
    both.compare();
}

BOOST_AUTO_TEST_CASE(a_stream_that_was_restored_comes_back_in_a_copy) {
    const two_stores both;
    append_many(both.original, 10, 2);
    both.sql_in(both.original, "select eventstore.delete_stream('stream-1', -1, false, gen_random_uuid())");
    const fresh_file file;
    both.export_to(file);
    both.import_from(file);
    both.compare();
    both.sql_in(both.original, "select eventstore.restore_stream('stream-1')");
    append_many(both.original, 2, 2);
    both.export_to(file);
    both.import_from(file);
    both.compare();
    // One that is deleted again, is so in the copy.
    both.sql_in(both.original, "select eventstore.delete_stream('stream-1', -1, false, gen_random_uuid())");
    append_many(both.original, 1, 1);
    both.export_to(file);
    both.import_from(file);
    both.compare();
}

BOOST_AUTO_TEST_CASE(snapshots_reach_a_copy_whose_last_events_were_deleted_for_good) {
    const two_stores both;
    append_many(both.original, 10, 2);
    both.sql_in(both.original,
        "select eventstore.append_event('last', -1, gen_random_uuid(), 'T', '', '', null, null, null, false)");
    delete_for_good(both.original, "last");
    const fresh_file file;
    both.export_to(file);
    both.import_from(file);
    both.sql_in(both.original, "select eventstore.record_snapshot('stream-1', 3, 'State', '1', '')");
    both.export_to(file);
    both.import_from(file);
    both.compare();
}

BOOST_AUTO_TEST_CASE(what_a_store_has_that_went_on_stays_and_that_is_told) {
    const two_stores both;
    append_many(both.original, 10, 2);
    both.sql_in(both.original, "select eventstore.record_snapshot('stream-1', 3, 'State', '1', '')");
    const fresh_file file;
    both.export_to(file);
    both.import_from(file);
    append_many(both.copy, 1, 1);
    both.sql_in(both.copy, "select eventstore.delete_snapshot('stream-1')");
    const outcome again = both.into_copy({"import", file.path()});
    BOOST_TEST(again.exit_code == 0, again.err);
    BOOST_TEST(says(again, "left out 1 lines of streams, snapshots"), again.err);
    BOOST_TEST(again.out.find("\"snapshots\":0,") != std::string::npos, again.out);
    BOOST_TEST(both.count(both.copy, "snapshots") == 0);
}

BOOST_AUTO_TEST_CASE(nothing_is_parked_again_in_a_subscription_that_is_in_use) {
    const two_stores both;
    append_many(both.original, 10, 2);
    both.sql_in(both.original, R"sql(
        select eventstore.claim_subscription('$all', 'mailer', gen_random_uuid(), 'me', 1, 10, null);
        insert into eventstore.parked_events (subscription_id, position, reason, deliveries, replay)
        select subscription_id, 7, 'it failed', 3, false from eventstore.subscriptions)sql");
    const fresh_file file;
    both.export_to(file);
    both.import_from(file);
    BOOST_TEST(both.count(both.copy, "parked_events") == 1);
    both.sql_in(both.copy, R"sql(
        select eventstore.claim_subscription('$all', 'mailer', gen_random_uuid(), 'me', 1, 10, null);
        delete from eventstore.parked_events)sql");
    both.import_from(file);
    BOOST_TEST(both.count(both.copy, "parked_events") == 0);
}

BOOST_AUTO_TEST_CASE(a_range_is_exported_and_brought_back) {
    const two_stores both;
    append_many(both.original, 100, 7);
    const fresh_file whole, range;
    both.export_to(whole);
    both.import_from(whole);
    const outcome cut =
        both.from_original({"export", "--from-position", "21", "--through-position", "60", "--to", range.path()});
    BOOST_TEST(cut.out.starts_with(R"({"written":40,"events":40,"links":0,"after_position":20,"through_position":60,)"),
        cut.out + cut.err);
    both.sql_in(both.copy,
        "begin; set local eventstore.hard_delete = 'on'; delete from eventstore.events where position "
        "between 21 and 60; commit");
    const outcome back = both.into_copy({"import", range.path()});
    BOOST_TEST(back.out.starts_with("{\"stored\":40,"), back.out + back.err);
    both.compare();
    // An empty store takes a range, too; one that ends before it does not.
    const fresh_schema empty;
    BOOST_TEST(two_stores::run(empty.name(), {"init"}).exit_code == 0);
    BOOST_TEST(two_stores::run(empty.name(), {"import", range.path()}).exit_code == 0);
    const fresh_schema early;
    BOOST_TEST(two_stores::run(early.name(), {"init"}).exit_code == 0);
    append_many(early, 3, 1);
    const outcome refused = two_stores::run(early.name(), {"import", range.path()});
    BOOST_TEST(refused.exit_code == 1);
    BOOST_TEST(says(refused, "its log ends at position 3"), refused.err);
}

BOOST_AUTO_TEST_CASE(another_log_is_refused) {
    const two_stores both;
    append_many(both.original, 10, 2);
    append_many(both.copy, 3, 2);
    const fresh_file file;
    both.export_to(file);
    const outcome refused = both.into_copy({"import", file.path()});
    BOOST_TEST(refused.exit_code == 1);
    BOOST_TEST(says(refused, "its log is another one: it holds the event "), refused.err);
    BOOST_TEST(says(refused, "line 2 is "), refused.err);
    BOOST_TEST(both.count(both.copy) == 3);

    const std::string content = file.content();
    const outcome not_its_own = both.into_copy({"export", "--to", file.path()});
    BOOST_TEST(not_its_own.exit_code == 1);
    BOOST_TEST(says(not_its_own, "remove it, or name another file"), not_its_own.err);
    file.write("something that somebody needs");
    const outcome no_export = both.from_original({"export", "--to", file.path()});
    BOOST_TEST(no_export.exit_code == 1);
    BOOST_TEST(file.content() == "something that somebody needs");

    const fresh_schema jsonb;
    BOOST_TEST(two_stores::run(jsonb.name(), {"init", "--payload", "jsonb"}).exit_code == 0);
    file.write(content);
    const outcome other_format = two_stores::run(jsonb.name(), {"import", file.path()});
    BOOST_TEST(other_format.exit_code == 1);
    BOOST_TEST(says(other_format, "init --payload bytea"), other_format.err);
}

BOOST_AUTO_TEST_CASE(an_append_between_the_transactions_is_found) {
    const two_stores both;
    append_many(both.original, 10, 2);
    const fresh_file file;
    both.export_to(file);
    const std::string content = file.content();
    both.import_from(file);
    append_many(both.original, 5, 2);
    both.export_to(file);
    append_many(both.copy, 1, 1);
    const outcome refused = both.into_copy({"import", file.path()});
    BOOST_TEST(refused.exit_code == 1);
    BOOST_TEST(says(refused, "at position 11"), refused.err);
}

BOOST_AUTO_TEST_CASE(damage_is_found_with_its_line_wherever_it_is) {
    const two_stores both;
    fill(both);
    const fresh_file file;
    both.export_to(file);
    const std::string whole = file.content();
    std::mt19937 random(17);
    std::size_t at = 0;
    for (std::size_t line = 1; at < whole.size(); ++line) {
        const std::size_t end = whole.find('\n', at);
        // One byte of some lines is another one: the first, the last, and one between.
        const std::size_t places[] = {at, at + (random() % (end - at)), end - 1};
        if (line < 4 || line % 12 == 0 || end + 1 == whole.size()) {
            std::string damaged = whole;
            char& byte = damaged[places[line % 3]];
            byte = static_cast<char>(byte ^ (1 << (random() % 7)));
            if (byte == '\n') byte = '!';
            file.write(damaged);
            const outcome found = run_program({"check", file.path()});
            BOOST_TEST(found.exit_code == 1);
            BOOST_TEST(says(found, "line " + std::to_string(line) + ": "), found.err);
        }
        at = end + 1;
    }
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_whole_is_found) {
    const two_stores both;
    append_many(both.original, 30, 3);
    const fresh_file file;
    both.export_to(file);
    const std::string whole = file.content();
    std::mt19937 random(3);
    for (int round = 0; round < 20; ++round) {
        file.write(whole.substr(0, round == 0 ? whole.size() - 1 : random() % whole.size()));
        const outcome found = run_program({"check", file.path()});
        BOOST_TEST(found.exit_code == 1);
        BOOST_TEST(says(found, "line "), found.err);
    }
    // A line is missing, is there twice, or stands in another place.
    const std::size_t second = whole.find('\n') + 1;
    const std::size_t third = whole.find('\n', second) + 1;
    const std::size_t fourth = whole.find('\n', third) + 1;
    const std::string one = whole.substr(second, third - second), two = whole.substr(third, fourth - third);
    for (const std::string& middle : {two, one + one + two, two + one}) {
        file.write(whole.substr(0, second) + middle + whole.substr(fourth));
        BOOST_TEST(says(run_program({"check", file.path()}), "its checksum does not fit"));
    }
    file.write(whole + whole);
    BOOST_TEST(run_program({"check", file.path()}).exit_code == 1);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_gone_on_with_stays_whole) {
    const two_stores both;
    append_many(both.original, 30, 3);
    const fresh_file file;
    both.export_to(file);
    const std::string whole = file.content();
    delete_for_good(both.original, "stream-1"); // 10 of the events, and not the last one
    append_many(both.original, 5, 3);
    const outcome refused = both.from_original({"export", "--to", file.path()});
    BOOST_TEST(refused.exit_code == 1);
    BOOST_TEST(says(refused, "the file has 30 events, and the log 20 in the same range"), refused.err);
    BOOST_TEST(says(refused, "deleted for good or scavenged"), refused.err);
    BOOST_TEST(says(refused, "if this one is whole, the range that begins at position 31"), refused.err);
    BOOST_TEST(file.content() == whole);
    BOOST_TEST(run_program({"check", file.path()}).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(nothing_of_a_damaged_line_is_stored_or_after_it) {
    const two_stores both;
    append_many(both.original, 100, 3);
    const fresh_file file;
    both.export_to(file);
    const std::string whole = file.content();
    std::string damaged = whole;
    damaged[whole.find("\"position\":55,") + 30] ^= 1;
    file.write(damaged);
    const outcome refused = both.into_copy({"import", file.path(), "--transaction-events", "10"});
    BOOST_TEST(refused.exit_code == 1);
    BOOST_TEST(says(refused, "line 56: its checksum does not fit"), refused.err);
    BOOST_TEST(both.count(both.copy) == 50);
    file.write(whole);
    both.import_from(file);
    both.compare();
}

BOOST_AUTO_TEST_CASE(who_does_not_own_the_schema_is_told_so) {
    const two_stores both;
    append_many(both.original, 5, 1);
    const fresh_file file;
    both.export_to(file);
    const fresh_role writer("import_writer", "login");
    both.sql_in(
        both.copy, "grant usage on schema " + quoted_name(both.copy.name()) + " to " + quoted_name(writer.name()));
    both.sql_in(both.copy,
        "grant select on all tables in schema " + quoted_name(both.copy.name()) + " to " + quoted_name(writer.name()));
    const outcome refused = run_program({"import", file.path(), "--url",
        url_with(test_server::url(), {{"options", "-c role=" + writer.name()}}), "--schema", both.copy.name()});
    BOOST_TEST(refused.exit_code == 1);
    BOOST_TEST(says(refused, "which is no role of yours"), refused.err);
    // To read is enough for an export.
    const outcome read = run_program({"export", "--url",
        url_with(test_server::url(), {{"options", "-c role=" + writer.name()}}), "--schema", both.copy.name()});
    BOOST_TEST(read.exit_code == 0, read.err);
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    const two_stores both;
    const fresh_file file;
    for (const words& wrong : {words{"export", "--from-position", "0"}, words{"export", "--through-position", "-1"},
             words{"export", "--from-position", "5", "--through-position", "4"}, words{"export", "--to", ""},
             words{"import", file.path(), "--transaction-events", "0"},
             words{"import", file.path(), "--transaction-events", "1000001"}, words{"import", "a", "b"},
             words{"import", "--from", "message-db", "postgresql:///x", "--keep-projections"}}) {
        const outcome refused = both.into_copy(wrong);
        BOOST_TEST(refused.exit_code == 2, refused.err);
        BOOST_TEST(refused.out == "");
    }
    BOOST_TEST(run_program({"check"}).exit_code == 2);
    const outcome missing = both.into_copy({"import", file.path()});
    BOOST_TEST(missing.exit_code == 1);
    BOOST_TEST(says(missing, "No such file"), missing.err);
    const outcome beyond = both.from_original({"export", "--from-position", "5", "--to", file.path()});
    BOOST_TEST(beyond.exit_code == 2, beyond.err);
    BOOST_TEST(both.from_original({"export", "--to", "/dev/full"}).exit_code == 1);
}

BOOST_AUTO_TEST_CASE(a_progress_bar_is_shown_on_a_terminal_only) {
    const two_stores both;
    append_many(both.original, 3000, 3);
    const fresh_file file;
    BOOST_TEST(both.from_original({"export", "--to", file.path()}).err == "");
    const outcome shown = run_program_on_terminal({"import", file.path(), "--transaction-events", "100", "--url",
                                                      test_server::url(), "--schema", both.copy.name()},
        100);
    BOOST_TEST(shown.exit_code == 0);
    BOOST_TEST(shown.out.find("importing ") != std::string::npos, shown.out);
    BOOST_TEST(shown.out.find("% [=") != std::string::npos, shown.out);
    BOOST_TEST(shown.out.find("/s  0:") != std::string::npos, shown.out);
    both.compare();
}

BOOST_AUTO_TEST_SUITE_END()
