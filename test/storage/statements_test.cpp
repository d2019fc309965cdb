#include "storage/statements.hpp"

#include "storage/sql.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cctype>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace eventstore::storage;
using eventstore::postgres::statement;

namespace {

constexpr std::string_view hard_name = "\"we'ird\"; drop";

std::vector<const statement*> all_of(const statements& store) {
    std::vector<const statement*> list{&store.append_event, &store.append_events, &store.append_events_or_fail,
        &store.lock_holders, &store.originals, &store.stream_names, &store.visible_streams, &store.find_event,
        &store.stream_info, &store.log_info, &store.log_progress, &store.announce, &store.claim_subscription,
        &store.settle_subscriptions, &store.checkpoint_or_fail, &store.park_events, &store.delete_subscription,
        &store.reset_subscription, &store.subscription_reached, &store.subscriptions, &store.parked_events,
        &store.release_parked, &store.unpark_events, &store.unpark_or_fail, &store.open_projection,
        &store.enter_projection, &store.hand_over_projection, &store.switch_projection, &store.drop_projection,
        &store.projections, &store.parked_to_replay, &store.delete_stream, &store.purge_stream, &store.restore_stream,
        &store.tombstones, &store.deletion_preview, &store.record_snapshot, &store.read_snapshot,
        &store.delete_snapshot, &store.set_retention, &store.remove_retention, &store.retentions,
        &store.stream_retention, &store.prepare_scavenging, &store.scavenge, &store.remove_before,
        &store.parked_summary};
    for (const auto* const pair : {&store.read_stream, &store.read_links, &store.read_stream_bounded, &store.read_all,
             &store.read_all_bounded, &store.read_stream_on, &store.read_links_on})
        for (const statement& each : *pair) list.push_back(&each);
    for (const auto* const pair :
        {&store.streams[0], &store.streams[1], &store.streams_by_age[0], &store.streams_by_age[1]})
        for (const statement& each : *pair) list.push_back(&each);
    return list;
}

std::vector<std::string> all_rendered(std::string_view schema) {
    std::vector<std::string> list;
    const statements store(schema);
    for (const statement* each : all_of(store)) list.push_back(each->text);
    for (const sql::migration& each : sql::migrations) list.push_back(for_schema(each.text, schema));
    for (const sql::functions_file& each : sql::functions) list.push_back(for_schema(each.text, schema));
    for (const std::string_view each : {sql::remember_grants, sql::grant_again})
        list.push_back(for_schema(each, schema));
    return list;
}

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::size_t count_of(std::string_view text, std::string_view part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
    return count;
}

/// The SQL without its comments.
std::string bare(std::string_view sql) {
    std::string out;
    while (!sql.empty()) {
        const auto end = std::min(sql.find('\n'), sql.size());
        const std::string_view line = sql.substr(0, end);
        out += line.substr(0, line.find("--"));
        out += '\n';
        sql.remove_prefix(std::min(end + 1, sql.size()));
    }
    return out;
}

/// The highest number of a $1, $2, ... in a statement, and whether all below it are used.
std::set<int> parameters_of(std::string_view sql) {
    std::set<int> numbers;
    for (std::size_t i = 0; i + 1 < sql.size(); ++i) {
        if (sql[i] == '$' && std::isdigit(static_cast<unsigned char>(sql[i + 1])))
            numbers.insert(std::atoi(std::string(sql.substr(i + 1, 3)).c_str()));
    }
    return numbers;
}

/// What stands between two quotation marks from here on, with doubled ones as one; moves past it.
std::string take_quoted(std::string_view& sql) {
    const char mark = sql[0];
    std::string text;
    for (std::size_t i = 1; i < sql.size(); ++i) {
        if (sql[i] != mark) {
            text += sql[i];
        } else if (i + 1 < sql.size() && sql[i + 1] == mark) {
            text += sql[i++];
        } else {
            sql.remove_prefix(i + 1);
            return text;
        }
    }
    BOOST_ERROR("a quotation is not closed: " << sql);
    sql = {};
    return text;
}

/// Reads SQL as PostgreSQL does, and returns the names in double quotes, those inside literals included.
std::set<std::string> quoted_names(std::string_view sql) {
    std::set<std::string> names;
    while (!sql.empty()) {
        if (sql[0] == '"')
            names.insert(take_quoted(sql));
        else if (sql[0] == '\'')
            names.merge(quoted_names(take_quoted(sql)));
        else
            sql.remove_prefix(1);
    }
    return names;
}

} // namespace

BOOST_AUTO_TEST_SUITE(statements_test)

BOOST_AUTO_TEST_CASE(an_identifier_is_quoted_with_the_quotation_marks_in_it_doubled) {
    BOOST_TEST(quoted_identifier("eventstore") == "\"eventstore\"");
    BOOST_TEST(quoted_identifier("") == "\"\"");
    BOOST_TEST(quoted_identifier("a\"b") == "\"a\"\"b\"");
    BOOST_TEST(quoted_identifier(hard_name) == "\"\"\"we'ird\"\"; drop\"");
}

BOOST_AUTO_TEST_CASE(the_schema_is_put_where_it_is_a_prefix) {
    BOOST_TEST(for_schema("select * from eventstore.events", "mine") == "select * from \"mine\".events");
    BOOST_TEST(for_schema("eventstore.a(eventstore.b)", "mine") == "\"mine\".a(\"mine\".b)");
    BOOST_TEST(for_schema("set search_path = eventstore, pg_temp", "mine") == "set search_path = \"mine\", pg_temp");
    BOOST_TEST(for_schema("", "mine") == "");
    BOOST_TEST(for_schema("select 1", "mine") == "select 1");
}

BOOST_AUTO_TEST_CASE(the_word_alone_and_the_setting_stay_as_they_are) {
    for (const std::string_view same : {"-- an eventstore", "eventstore", "eventstore, and more",
             "current_setting('eventstore.hard_delete', true)", "set local eventstore.hard_delete = 'on'"})
        BOOST_TEST(for_schema(same, "mine") == same);
}

BOOST_AUTO_TEST_CASE(inside_a_literal_the_schemas_single_quotes_are_doubled) {
    BOOST_TEST(for_schema("'eventstore.log_state'::regclass", "mine") == "'\"mine\".log_state'::regclass");
    BOOST_TEST(
        for_schema("'eventstore.log_state'::regclass", hard_name) == "'\"\"\"we''ird\"\"; drop\".log_state'::regclass");
    BOOST_TEST(for_schema("eventstore.log_state", hard_name) == "\"\"\"we'ird\"\"; drop\".log_state");
}

BOOST_AUTO_TEST_CASE(a_schema_whose_name_holds_the_word_is_put_in_once) {
    BOOST_TEST(for_schema("eventstore.events", "eventstore.events") == "\"eventstore.events\".events");
    BOOST_TEST(for_schema("eventstore.events", "eventstore") == "\"eventstore\".events");
}

BOOST_AUTO_TEST_CASE(a_direction_keeps_its_lines_and_drops_the_others) {
    const std::string_view sql = "select\n  where a >= 1 -- forward\n  where a <= 1 -- backward\norder by a";
    BOOST_TEST(for_direction(sql, false) == "select\n  where a >= 1\norder by a\n");
    BOOST_TEST(for_direction(sql, true) == "select\n  where a <= 1\norder by a\n");
    BOOST_TEST(for_direction("-- forward is said in words here\n", true) == "-- forward is said in words here\n");
    BOOST_TEST(for_direction("", true) == "");
}

BOOST_AUTO_TEST_CASE(a_state_keeps_its_lines_or_drops_them) {
    const std::string_view sql = "select\n  and a is not null -- deleted\n-- deleted ones\norder by a";
    BOOST_TEST(for_state(sql, true) == "select\n  and a is not null\n-- deleted ones\norder by a\n");
    BOOST_TEST(for_state(sql, false) == "select\n-- deleted ones\norder by a\n");
    BOOST_TEST(for_state("", true) == "");
}

BOOST_AUTO_TEST_CASE(what_links_need_is_kept_or_dropped) {
    const std::string_view sql = "select a\n    , b -- links\nfrom c";
    BOOST_TEST(for_links(sql, true) == "select a\n    , b\nfrom c\n");
    BOOST_TEST(for_links(sql, false) == "select a\nfrom c\n");
}

BOOST_AUTO_TEST_CASE(no_file_keeps_a_mark_of_the_schema_it_was_written_for) {
    for (const std::string& text : all_rendered("mine")) {
        std::string rest = bare(text);
        for (auto at = rest.find("eventstore.hard_delete"); at != std::string::npos;
             at = rest.find("eventstore.hard_delete"))
            rest.erase(at, 10);
        BOOST_TEST(!holds(rest, "eventstore."), text);
        BOOST_TEST(!holds(rest, "search_path = eventstore"), text);
        BOOST_TEST(holds(text, "\"mine\""), text);
    }
}

BOOST_AUTO_TEST_CASE(no_statement_keeps_a_mark_of_a_direction) {
    const statements store("mine");
    for (const statement* each : all_of(store)) {
        BOOST_TEST(!holds(each->text, "-- forward"), each->name);
        BOOST_TEST(!holds(each->text, "-- backward"), each->name);
        BOOST_TEST(!holds(each->text, "forward\n"), each->name);
        BOOST_TEST(!holds(each->text, "-- deleted\n"), each->name);
        BOOST_TEST(!holds(each->text, "-- links\n"), each->name);
    }
}

BOOST_AUTO_TEST_CASE(a_direction_orders_and_bounds_every_page) {
    const statements store("mine");
    for (const auto* const pair : {&store.read_stream, &store.read_links, &store.read_stream_bounded, &store.read_all,
             &store.read_all_bounded, &store.read_stream_on, &store.read_links_on}) {
        const std::string forward = bare((*pair)[0].text);
        const std::string backward = bare((*pair)[1].text);
        BOOST_TEST(!holds(forward, " desc\n"), forward);
        BOOST_TEST(!holds(backward, " asc"), backward);
        const auto looks = count_of(backward, " desc limit 1") + count_of(backward, " desc offset"); // for one row
        BOOST_TEST(count_of(forward, " asc") == count_of(backward, " desc") - looks);
        BOOST_TEST((*pair)[1].name == (*pair)[0].name + "_backward");
    }
}

BOOST_AUTO_TEST_CASE(a_name_that_needs_quoting_is_read_back_as_it_is) {
    for (const std::string_view schema : {hard_name, std::string_view("it's"), std::string_view("a\"b\"c")})
        for (const std::string& text : all_rendered(schema)) {
            auto names = quoted_names(bare(text));
            names.erase("C"); // the collation
            BOOST_TEST(names.size() == 1u, text);
            BOOST_TEST(names.contains(std::string(schema)), text);
        }
}

BOOST_AUTO_TEST_CASE(function_bodies_are_quoted_by_what_a_schema_name_must_not_contain) {
    std::vector<std::pair<std::string_view, std::string_view>> scripts{{"grant_again", sql::grant_again}};
    for (const sql::migration& each : sql::migrations) scripts.emplace_back(each.name, each.text);
    for (const sql::functions_file& each : sql::functions) scripts.emplace_back(each.name, each.text);
    for (const auto& [name, text] : scripts) {
        std::string rest(text);
        for (auto at = rest.find("$function$"); at != std::string::npos; at = rest.find("$function$"))
            rest.erase(at, 10);
        for (const std::string reserved : {"'$all'", "'$deleted ", "'$'"})
            for (auto at = rest.find(reserved); at != std::string::npos; at = rest.find(reserved))
                rest.erase(at, reserved.size());
        BOOST_TEST(!holds(rest, "$"), name);
    }
}

BOOST_AUTO_TEST_CASE(a_schema_named_like_the_default_renders_as_any_other) {
    const auto plain = all_rendered("eventstore");
    const auto other = all_rendered("x");
    BOOST_REQUIRE(plain.size() == other.size());
    for (std::size_t i = 0; i < plain.size(); ++i)
        BOOST_TEST(count_of(plain[i], "\"eventstore\"") == count_of(other[i], "\"x\""));
}

BOOST_AUTO_TEST_CASE(every_statement_has_a_name_and_an_index_of_its_own_and_says_what_it_does) {
    const statements store("mine");
    const auto all = all_of(store);
    std::set<std::string> names;
    std::set<std::size_t> indexes;
    for (const statement* each : all) {
        BOOST_TEST(names.insert(each->name).second, each->name);
        BOOST_TEST(indexes.insert(each->index).second, each->name);
        BOOST_TEST(!each->doing.empty(), each->name);
        BOOST_TEST(each->name.size() < 64u, each->name);
    }
    BOOST_TEST(*indexes.rbegin() == all.size() - 1); // connections keep a table by index
}

BOOST_AUTO_TEST_CASE(every_statement_declares_exactly_the_parameters_that_it_uses) {
    const statements store("mine");
    for (const statement* each : all_of(store)) {
        const auto used = parameters_of(bare(each->text));
        BOOST_TEST(used.size() == each->types.size(), each->name);
        if (!used.empty()) {
            BOOST_TEST(*used.begin() == 1, each->name);
            BOOST_TEST(*used.rbegin() == static_cast<int>(each->types.size()), each->name);
        }
    }
}

BOOST_AUTO_TEST_CASE(migrations_count_from_one_without_gaps) {
    int version = 0;
    for (const sql::migration& each : sql::migrations) {
        BOOST_TEST(each.version == ++version);
        BOOST_TEST(!each.name.empty());
        BOOST_TEST(!each.text.empty());
    }
    BOOST_TEST(version > 0);
}

// What it cannot change in a schema that exists would be missing there, and what it does not take away is left open.
BOOST_AUTO_TEST_CASE(every_function_can_be_made_again_and_is_nobodys_but_for_those_of_readers_and_triggers) {
    const std::set<std::string> open{"timeline", "payload_size", "is_held", "refuse_change", "refuse_new_identity"};
    for (const sql::functions_file& each : sql::functions) {
        const std::string text = bare(each.text);
        BOOST_TEST(!holds(text, "create function"), each.name);
        BOOST_TEST(holds(text, "create or replace function"), each.name);
        const std::string_view start = "create or replace function eventstore.";
        const auto revoked = text.find("revoke execute on function");
        for (auto at = text.find(start); at != std::string::npos; at = text.find(start, at + 1)) {
            const auto from = at + start.size();
            const std::string name = text.substr(from, text.find('(', from) - from);
            const auto found = text.find("eventstore." + name, std::min(revoked, text.size()));
            BOOST_TEST((found != std::string::npos) == !open.contains(name), name);
        }
    }
}

// Only a superuser may make a function that sets a parameter which is not PostgreSQL's own.
BOOST_AUTO_TEST_CASE(no_function_sets_a_custom_parameter_in_its_head) {
    const auto check = [](std::string_view name, std::string_view text) {
        const std::string sql = bare(text);
        for (auto at = sql.find("\nset "); at != std::string::npos; at = sql.find("\nset ", at + 1)) {
            const std::string setting = sql.substr(at + 5, sql.find('=', at) - at - 5);
            BOOST_TEST(!holds(setting, "."), name << " sets " << setting);
        }
    };
    for (const sql::migration& each : sql::migrations) check(each.name, each.text);
    for (const sql::functions_file& each : sql::functions) check(each.name, each.text);
}

BOOST_AUTO_TEST_SUITE_END()
