// What a role may do that has nothing but the functions: append, and break nothing for others.

#include "support/store_fixture.hpp"

#include <map>

namespace es = eventstore;
using namespace es::test;

namespace {

const std::string wrong_argument = "22023";

using arguments = std::map<std::string, std::string>;

/// Three events for two streams in three appends, with some of the arguments replaced.
std::string append_with(const arguments& other) {
    arguments all{{"stream_names", "array['a','b']"}, {"stream_expected", "array[-1,-1]::bigint[]"},
        {"stream_events", "array[2,1]"}, {"stream_created", "null"}, {"new_streams", "0"},
        {"append_stream", "array[1,2,1]"}, {"append_expected", "array[-1,-1,-1]::bigint[]"},
        {"append_size", "array[1,1,1]"}, {"append_is_retry", "array[false,false,false]"},
        {"event_stream", "array[1,2,1]"}, {"event_offset", "array[1,1,2]"},
        {"event_ids", "array[gen_random_uuid(),gen_random_uuid(),gen_random_uuid()]"},
        {"event_types", "array['T','T','T']"}, {"event_data", "array['1','2','3']::bytea[]"},
        {"event_metadata", "null"}, {"correlations", "null"}, {"causations", "null"}, {"created", "null"},
        {"event_links", "null"}, {"append_unit", "null"}, {"largest", "0"}, {"careful", "false"}};
    for (const auto& [name, value] : other) all[name] = value;
    std::string text;
    for (const auto& [name, value] : all) text += (text.empty() ? "" : ", ") + name + " => " + value;
    return "select eventstore.append_events(" + text + ")";
}

std::string append_of_one(const std::string& stream, const std::string& id, const std::string& type,
    const std::string& created = "null", const std::string& expected = "-1", const std::string& seen = "") {
    return "select eventstore.append_event(" + stream + ", " + expected + ", " + id + ", " + type +
        ", '1', '', null, null, " + created + ", false" + seen + ")";
}

const std::string nil = "'00000000-0000-0000-0000-000000000000'";
const std::string fresh = "gen_random_uuid()";
const std::string too_long = "repeat('x', 513)";

/// A role that has only what sql/README.md grants a writer.
class writing_role : public store_fixture {
public:
    writing_role() {
        run(es::migrate(options()));
        const std::string role = quoted_name(role_.name());
        ask("grant usage on schema " + quoted_name(schema()) + " to " + role +
            "; grant execute on function eventstore.append_event, eventstore.append_events,"
            " eventstore.append_events_or_fail to " +
            role);
        writer.run("set role " + role);
    }
    ~writing_role() { writer.run("reset role"); }
    /// Each version of each stream is there once, in the order of positions, and its number is the stream's version.
    bool is_sound() {
        return value(
                   "select coalesce(bool_and(s.version = n.events and n.in_order), true) from eventstore.streams as s"
                   " left join (select e.stream_id, count(*) as events, bool_and(e.rank = e.stream_version) as in_order"
                   " from (select *, row_number() over (partition by stream_id order by position) as rank"
                   " from eventstore.events) as e group by e.stream_id) as n using (stream_id)") == "t";
    }

    session writer;

private:
    const fresh_role role_{schema() + "_writer"};
};

} // namespace

BOOST_AUTO_TEST_SUITE(writer_rules_test)

BOOST_FIXTURE_TEST_CASE(arguments_that_contradict_each_other_are_refused, writing_role) {
    const std::vector<arguments> bad{{{"stream_events", "array[1,1]"}}, {{"stream_events", "array[3,0]"}},
        {{"stream_events", "array[1000000,1]"}}, {{"stream_events", "array[-1,4]"}}, {{"stream_events", "array[2]"}},
        {{"stream_events", "array[2,null]"}}, {{"stream_events", "array[2,1,1]"}}, {{"stream_names", "array['a']"}},
        {{"stream_names", "null"}}, {{"stream_names", "array['a','']"}}, {{"stream_names", "array['a','$all']"}},
        {{"stream_names", "array['a','$deleted 1']"}}, {{"stream_names", "array['a','a']"}},
        {{"stream_names", "array['a'," + too_long + "]"}}, {{"stream_names", "array['a',null]"}},
        {{"new_streams", "3"}}, {{"new_streams", "-1"}}, {{"new_streams", "null"}}, {{"append_size", "array[1,1,2]"}},
        {{"append_size", "array[2,0,1]"}}, {{"append_size", "array[1,1,null]"}},
        {{"append_size", "array[1,1,2147483647]"}}, {{"append_size", "array[2,-1,2]"}},
        {{"append_stream", "array[1,2,2]"}}, {{"append_stream", "array[1,2,9]"}}, {{"append_stream", "array[1,2]"}},
        {{"append_stream", "'[0:2]={1,2,1}'"}}, {{"append_stream", "'{{1,2,1}}'"}},
        {{"append_expected", "array[-1,-1,-3]::bigint[]"}}, {{"append_is_retry", "array[true]"}},
        {{"append_unit", "array[1]"}}, {{"event_stream", "array[1,1,2]"}}, {{"event_stream", "array[1,2,9]"}},
        {{"event_stream", "array[1,2,null]"}}, {{"event_offset", "array[1,1,1]"}}, {{"event_offset", "array[2,1,1]"}},
        {{"event_offset", "array[0,1,1]"}}, {{"event_offset", "array[1,1,3]"}}, {{"event_offset", "array[1,2,2]"}},
        {{"event_offset", "array[1,1,1000000]"}}, {{"event_offset", "array[1,1,null]"}},
        {{"event_ids", "array[gen_random_uuid(),gen_random_uuid()," + nil + "]"}},
        {{"event_ids", "array[gen_random_uuid(),gen_random_uuid(),null]"}}, {{"event_ids", "array[]::uuid[]"}},
        {{"event_types", "array['T','T','']"}}, {{"event_types", "array['T','T',null]"}},
        {{"event_types", "array['T','T'," + too_long + "]"}}, {{"event_data", "array['1']::bytea[]"}},
        {{"event_metadata", "array['1']::bytea[]"}}, {{"correlations", "array[gen_random_uuid()]"}},
        {{"created", "array['infinity',null,null]::timestamptz[]"}},
        {{"created", "array['10000-01-01 00:00:00+00',null,null]::timestamptz[]"}},
        {{"event_links", "array[null,null," + fresh + "]"}}};
    for (const bool exist : {false, true}) {
        if (exist) BOOST_TEST(writer.state_of(here(append_with({}))) == "");
        for (const arguments& each : bad) {
            for (const bool careful : {false, true}) {
                arguments all = each;
                if (all.begin()->first == "event_links") continue;
                if (careful) all.emplace("careful", "true");
                const std::string text = append_with(all);
                BOOST_TEST(writer.state_of(here(text)) == wrong_argument, text);
            }
        }
        BOOST_TEST(
            writer.state_of(here(append_with({{"event_links", "array[null,null," + fresh + "]"}}))) == wrong_argument);
    }
    BOOST_TEST(events_stored() == 3);
    BOOST_TEST(is_sound());
    for (const char* const careful : {"false", "true", "null"})
        BOOST_TEST(writer.state_of(here(append_with({{"careful", careful}}))) == "");
    BOOST_TEST(events_stored() == 12);
    BOOST_TEST(is_sound());
}

BOOST_FIXTURE_TEST_CASE(the_short_way_is_for_an_event_for_each_stream, writing_role) {
    const arguments plain{{"stream_events", "null"}, {"append_stream", "null"}, {"append_expected", "null"},
        {"append_size", "null"}, {"append_is_retry", "null"}, {"event_stream", "null"}, {"event_offset", "null"},
        {"event_ids", "array[gen_random_uuid(),gen_random_uuid()]"}, {"event_types", "array['T','T']"},
        {"event_data", "array['1','2']::bytea[]"}};
    const std::vector<std::pair<std::string, std::string>> bad{{"stream_events", "array[1,1]"},
        {"append_expected", "array[-1,-1]::bigint[]"}, {"append_size", "array[1,1]"},
        {"append_is_retry", "array[false,false]"}, {"event_stream", "array[1,2]"}, {"event_offset", "array[1,1]"},
        {"append_unit", "array[1,2]"}, {"stream_expected", "array[-1,-3]::bigint[]"},
        {"stream_expected", "array[-1,null]::bigint[]"}, {"stream_names", "array['a','b','c']"},
        {"stream_names", "array['a','a']"}, {"event_types", "array['T','']"}, {"new_streams", "3"}};
    for (const bool exist : {false, true}) {
        for (const char* const careful : {"false", "true", "null"}) {
            arguments all = plain;
            all["careful"] = careful;
            for (const auto& [name, value] : bad) {
                arguments other = all;
                other[name] = value;
                BOOST_TEST(writer.state_of(here(append_with(other))) == wrong_argument, append_with(other));
            }
            if (exist) BOOST_TEST(writer.state_of(here(append_with(all))) == "", append_with(all));
        }
        if (exist) break;
        arguments first = plain; // which makes the streams
        first["stream_expected"] = "array[0,0]::bigint[]";
        first["new_streams"] = "2";
        BOOST_TEST(writer.state_of(here(append_with(first))) == "");
    }
    BOOST_TEST(events_stored() == 8);
    BOOST_TEST(is_sound());
}

BOOST_FIXTURE_TEST_CASE(an_id_that_is_stored_raises_unless_it_is_looked_for, writing_role) {
    BOOST_TEST(writer.state_of(here(append_with({}))) == "");
    const std::string known = value("select event_id from eventstore.events where position = 1");
    const std::string ids = "array[gen_random_uuid(),'" + known + "'::uuid,gen_random_uuid()]";
    BOOST_TEST(writer.state_of(here(append_with({{"event_ids", ids}}))) == "23505");
    for (const arguments& way :
        {arguments{{"careful", "null"}}, {{"careful", "true"}}, {{"append_is_retry", "array[false,false,true]"}}}) {
        arguments all = way;
        all.emplace("event_ids", ids);
        const std::string answer = writer.value(here(append_with(all)));
        BOOST_TEST(answer.starts_with("{1,"), answer);
    }
    BOOST_TEST(events_stored() == 9);
    BOOST_TEST(is_sound());
}

BOOST_FIXTURE_TEST_CASE(streams_of_which_two_are_one_for_the_index_alone_are_refused, writing_role) {
    // All counts are the same, and only the places differ: nothing but the unique index tells.
    const arguments two{{"stream_events", "array[1,1]"}, {"append_stream", "array[1,1]"},
        {"append_expected", "array[-1,-1]::bigint[]"}, {"append_size", "array[1,1]"},
        {"append_is_retry", "array[false,false]"}, {"event_stream", "array[1,1]"}, {"event_offset", "array[1,1]"},
        {"event_ids", "array[gen_random_uuid(),gen_random_uuid()]"}, {"event_types", "array['T','T']"},
        {"event_data", "array['1','2']::bytea[]"}};
    BOOST_TEST(writer.state_of(here(append_with({}))) == "");
    BOOST_TEST(writer.state_of(here(append_with(two))) != "");
    BOOST_TEST(events_stored() == 3);
    BOOST_TEST(is_sound());
}

BOOST_FIXTURE_TEST_CASE(a_lone_event_is_checked_as_well, writing_role) {
    for (const std::string& text : {append_of_one("''", fresh, "'T'"), append_of_one("'$all'", fresh, "'T'"),
             append_of_one("'$deleted 1'", fresh, "'T'"), append_of_one(too_long, fresh, "'T'"),
             append_of_one("null", fresh, "'T'"), append_of_one("'a'", nil, "'T'"), append_of_one("'a'", "null", "'T'"),
             append_of_one("'a'", fresh, "''"), append_of_one("'a'", fresh, too_long),
             append_of_one("'a'", fresh, "null"), append_of_one("'a'", fresh, "'T'", "'infinity'"),
             append_of_one("'a'", fresh, "'T'", "'0001-12-31 BC'"), append_of_one("'a'", fresh, "'T'", "null", "-3"),
             append_of_one("'a'", fresh, "'T'", "null", "null")})
        BOOST_TEST(writer.state_of(here(text)) == wrong_argument, text);
    BOOST_TEST(events_stored() == 0);
    BOOST_TEST(writer.state_of(here(append_of_one("'a'", fresh, "'T'"))) == "");
}

// The usual shapes of a flush are checked by other means: all of one stream, an event for each, an append for each.
BOOST_FIXTURE_TEST_CASE(arguments_of_each_shape_that_contradict_each_other_are_refused, writing_role) {
    const arguments of_one{{"stream_names", "array['a']"}, {"stream_expected", "array[-1]::bigint[]"},
        {"stream_events", "array[3]"}, {"append_stream", "array[1,1,1]"}, {"append_size", "array[1,1,1]"},
        {"event_stream", "array[1,1,1]"}, {"event_offset", "array[1,2,3]"}};
    arguments of_one_append = of_one;
    of_one_append["append_stream"] = "array[1]";
    of_one_append["append_expected"] = "array[-1]::bigint[]";
    of_one_append["append_size"] = "array[3]";
    of_one_append["append_is_retry"] = "array[false]";
    const arguments of_each{{"stream_names", "array['a','b','c']"}, {"stream_expected", "array[-1,-1,-1]::bigint[]"},
        {"stream_events", "array[1,1,1]"}, {"append_stream", "array[2,1,3]"}, {"append_size", "array[1,1,1]"},
        {"event_stream", "array[2,1,3]"}, {"event_offset", "array[1,1,1]"}};
    const arguments of_appends{{"stream_events", "array[2,1]"}, {"append_stream", "array[2,1]"},
        {"append_expected", "array[-1,-1]::bigint[]"}, {"append_size", "array[1,2]"},
        {"append_is_retry", "array[false,false]"}, {"event_stream", "array[2,1,1]"}, {"event_offset", "array[1,1,2]"}};
    const texts values{"array[1,1,1]", "array[1,2,1]", "array[1,1,2]", "array[1,2,2]", "array[2,1,1]", "array[2,1,2]",
        "array[2,1,3]", "array[1,2,3]", "array[3,2,1]", "array[0,1,2]", "array[1,2,4]", "array[1,null,1]",
        "array[-1,2,2]", "array[1,1,1,1]", "array[1,1]", "array[3]", "array[2,1]", "array[1,2]", "array[1]", "array[2]",
        "array[0,3]", "array[1,null]", "array[2,2]"};
    for (const arguments& right : {of_one, of_one_append, of_each, of_appends}) {
        for (const char* const which :
            {"stream_events", "append_stream", "append_size", "event_stream", "event_offset"}) {
            for (const std::string& value : values) {
                arguments all = right;
                all[which] = value;
                const std::string expected = all == right ? "" : wrong_argument;
                for (const char* const careful : {"false", "true"}) {
                    all["careful"] = careful;
                    BOOST_TEST(writer.state_of(here(append_with(all))) == expected, append_with(all));
                }
            }
        }
    }
    BOOST_TEST(events_stored() > 0);
    BOOST_TEST(is_sound());
}

// Whoever may write to the table itself, the owner and what restores a backup, is held to that, too.
BOOST_FIXTURE_TEST_CASE(a_table_holds_no_stream_whose_name_is_none, writing_role) {
    for (const std::string name : {"''", "'$all'", "'$other'", "repeat('x', 513)"}) {
        session owner(test_server::url());
        BOOST_TEST(owner.state_of(here("insert into eventstore.streams (name, version, created_at) values (" + name +
                       ", 0, now())")) == "23514",
            name);
    }
}

// What a reader sizes its pages by is what is stored, and nothing that a caller says.
BOOST_FIXTURE_TEST_CASE(the_largest_event_is_measured_by_the_server, writing_role) {
    writer.run(here(append_with({{"largest", "9000000000000000000"}})));
    writer.run(here(append_with({{"largest", "9000000000000000000"}, {"careful", "true"}})));
    BOOST_TEST(number("select largest_event from eventstore.log_state") == 4096);
    const std::string large = "array['1', convert_to(repeat('x', 5000), 'UTF8'), '3']::bytea[]";
    // One that is refused is not stored.
    writer.run(here(append_with({{"event_data", large}, {"append_expected", "array[-1,77,-1]::bigint[]"},
        {"stream_expected", "array[-1,77]::bigint[]"}})));
    BOOST_TEST(number("select largest_event from eventstore.log_state") == 4096);
    BOOST_TEST(writer.state_of(here(append_with({{"event_data", large}}))) == wrong_argument); // largest says 0
    writer.run(here(append_with({{"event_data", large}, {"largest", "4097"}})));
    BOOST_TEST(number("select largest_event from eventstore.log_state") == 5000);
    writer.run(here(append_with({{"event_data", large}, {"largest", "null"}})));
    writer.run(here(append_with({{"event_data", large}, {"event_metadata", large}, {"careful", "true"}})));
    BOOST_TEST(number("select largest_event from eventstore.log_state") == 10000);
}

BOOST_FIXTURE_TEST_CASE(an_event_that_is_too_large_fails_alone, writing_role) {
    writer.run(here(append_with({})));
    const std::string large = "array['1', convert_to(repeat('x', 67108865), 'UTF8'), '3']::bytea[]";
    const std::string answer = writer.value(here(append_with({{"event_data", large}, {"largest", "null"}})));
    // Two are appended; of the second, which is 9, come the place and the bytes.
    BOOST_TEST(answer.find(",9,1,67108865,1,") != std::string::npos, answer);
    BOOST_TEST(events_stored() == 5);
    BOOST_TEST(number("select largest_event from eventstore.log_state") == 4096);
    BOOST_TEST(is_sound());
}

// Whoever has seen what this log does not hold writes nothing into it.
BOOST_FIXTURE_TEST_CASE(a_writer_that_has_seen_another_log_is_refused, writing_role) {
    writer.run(here(append_with({})));
    writer.run(here(append_with({})));
    const auto id_at = [&](int position) {
        return "'" + value("select event_id from eventstore.events where position = " + std::to_string(position)) + "'";
    };
    const std::string other = "'11111111-1111-4111-8111-111111111111'";
    const auto one = [&](const std::string& position, const std::string& event) {
        return writer.state_of(
            here(append_of_one("'a'", fresh, "'T'", "null", "-1", ", " + position + "::bigint, " + event + "::uuid")));
    };
    const auto batch = [&](const std::string& position, const std::string& event, const std::string& careful) {
        return writer.state_of(
            here(append_with({{"seen_position", position}, {"seen_event", event}, {"careful", careful}})));
    };
    const std::string cut = "ES002";
    const std::int64_t before = events_stored();
    for (const auto& [position, event] : {std::pair<std::string, std::string>("7", other), {"7", "null"}, {"6", other},
             {"3", other}, {"1", other}, {"5000000000", "null"}}) {
        BOOST_TEST(one(position, event) == cut, position << ' ' << event);
        for (const char* const careful : {"false", "true"})
            BOOST_TEST(batch(position, event, careful) == cut, position << ' ' << event);
    }
    BOOST_TEST(events_stored() == before);
    BOOST_TEST(is_sound());
    BOOST_TEST(one("6", id_at(6)) == ""); // the head
    BOOST_TEST(one("2", id_at(2)) == "");
    BOOST_TEST(one("8", "null") == "");
    BOOST_TEST(one("null", "null") == "");
    BOOST_TEST(batch("10", id_at(10), "false") == "");
    BOOST_TEST(batch("3", id_at(3), "true") == "");
    // What was deleted for good is no sign of another log.
    delete_events("position in (4, 5)");
    expect_holes();
    BOOST_TEST(one("4", other) == "");
    BOOST_TEST(batch("5", other, "false") == "");
    BOOST_TEST(is_sound() == false); // as deleting behind the functions' back leaves it
}

BOOST_FIXTURE_TEST_CASE(the_event_proves_that_the_log_is_the_same_one, writing_role) {
    writer.run(here(append_with({})));
    const std::string id = "'" + value("select event_id from eventstore.events where position = 3") + "'";
    const auto held = [&](const std::string& timeline, const std::string& position, const std::string& event) {
        return value("select eventstore.is_held(" + timeline + ", " + position + ", " + event + ")");
    };
    const std::string other = "'11111111-1111-4111-8111-111111111111'";
    BOOST_TEST(held("eventstore.timeline()", "3", id) == "t");
    BOOST_TEST(held("999", "3", id) == "t"); // of a cluster that counts its timelines anew
    BOOST_TEST(held("999", "3", "null") == "f");
    BOOST_TEST(held("eventstore.timeline()", "3", other) == "f");
    BOOST_TEST(held("eventstore.timeline()", "4", other) == "f");
    BOOST_TEST(held("eventstore.timeline()", "3", "null") == "t");
    BOOST_TEST(value("select eventstore.is_held(eventstore.timeline(), 3)") == "t");
    delete_events("position = 2");
    expect_holes();
    BOOST_TEST(held("eventstore.timeline()", "2", other) == "t");
    ask("insert into eventstore.forks (timeline, head) values (eventstore.timeline(), 1)");
    BOOST_TEST(held("eventstore.timeline() - 1", "2", other) == "f");
    BOOST_TEST(held("eventstore.timeline() - 1", "3", id) == "t");
}

// A function that was made for a name that another schema has by now would write there.
BOOST_FIXTURE_TEST_CASE(a_function_of_a_renamed_schema_writes_into_no_other, store_fixture) {
    const fresh_schema renamed;
    run(es::migrate(options()));
    ask("alter schema " + quoted_name(schema()) + " rename to " + quoted_name(renamed.name()));
    run(es::migrate(options()));
    session writer;
    const auto there = [&](std::string text) {
        return text.replace(text.find("eventstore."), 11, quoted_name(renamed.name()) + ".");
    };
    const std::string or_fail = "append_events_or_fail";
    std::string in_transaction = append_with({});
    in_transaction.replace(in_transaction.find("append_events"), 13, or_fail);
    for (const std::string& text : {append_of_one("'a'", fresh, "'T'"), append_with({}), in_transaction,
             std::string("select eventstore.delete_stream('a', -1, true, gen_random_uuid())"),
             std::string("select eventstore.restore_stream('a')"), std::string("select eventstore.purge_stream(1, 1)"),
             std::string("select eventstore.record_snapshot('a', 1, 'T', '', '')"),
             std::string("select eventstore.delete_snapshot('a')")})
        BOOST_TEST(writer.state_of(there(text)) == "55000", text);
    BOOST_TEST(events_stored() == 0);
    BOOST_TEST(number("select count(*) from eventstore.snapshots") == 0);
    run(es::migrate(options().schema(renamed.name())));
    BOOST_TEST(writer.state_of(there(append_of_one("'a'", fresh, "'T'"))) == "");
    BOOST_TEST(events_stored() == 0);
    writer.run("select count(*) from " + quoted_name(renamed.name()) + ".events");
}

BOOST_AUTO_TEST_SUITE_END()
