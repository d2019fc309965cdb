// Two schemas compared, without a server.
#include "maintenance/schema_comparison.hpp"

#include <boost/test/unit_test.hpp>

namespace eventstore::maintenance {

namespace {

using facts = std::vector<schema_fact>;

finding only(const facts& expected, const facts& actual) {
    const auto found = compare_schemas(expected, actual, "shop");
    BOOST_TEST_REQUIRE(found.size() == 1u);
    return found[0];
}

} // namespace

BOOST_AUTO_TEST_SUITE(schema_comparison_test)

BOOST_AUTO_TEST_CASE(schemas_that_are_the_same_have_no_findings) {
    const facts same{{"table", "events", "table", "", ""}, {"function", "f()", "returns void", "", "execute"}};
    BOOST_TEST(compare_schemas(same, same, "shop").empty());
}

BOOST_AUTO_TEST_CASE(facts_are_moved_to_another_name) {
    const facts made{
        {"trigger", "events.t", "CREATE TRIGGER t ON scratch_1.events EXECUTE FUNCTION scratch_1.f()", "", ""},
        {"body", "f()", "update \"scratch_1\".streams; '\"scratch_1\".log_state'::regclass", "", ""},
        {"function", "g(own regclass)", "set search_path=scratch_1, pg_temp", "", ""}};
    const facts plain = under_name(made, "scratch_1", "shop", "shop");
    BOOST_TEST(plain[0].fact == "CREATE TRIGGER t ON shop.events EXECUTE FUNCTION shop.f()");
    BOOST_TEST(plain[1].fact == "update \"shop\".streams; '\"shop\".log_state'::regclass");
    BOOST_TEST(plain[2].fact == "set search_path=shop, pg_temp");
    const facts odd = under_name(made, "scratch_1", "it's \"odd\"", "\"it's \"\"odd\"\"\"");
    BOOST_TEST(
        odd[0].fact == "CREATE TRIGGER t ON \"it's \"\"odd\"\"\".events EXECUTE FUNCTION \"it's \"\"odd\"\"\".f()");
    BOOST_TEST(odd[1].fact == "update \"it's \"\"odd\"\"\".streams; '\"it''s \"\"odd\"\"\".log_state'::regclass");
    const facts keyword = under_name(made, "scratch_1", "order", "\"order\"");
    BOOST_TEST(keyword[2].fact == "set search_path=\"order\", pg_temp");
    BOOST_TEST(name_as_server_writes_it(
                   {{"table", "events", "table", "", ""}, {"schema", "schema", "\"order\"", "", ""}}) == "\"order\"");
    const facts temporary{
        {"index", "i", "CREATE INDEX i ON pg_temp.events; set search_path=pg_temp_3, pg_temp", "", ""}};
    BOOST_TEST(under_name(temporary, "pg_temp_3", "shop", "shop")[0].fact ==
        "CREATE INDEX i ON shop.events; set search_path=shop, pg_temp");
}

BOOST_AUTO_TEST_CASE(names_of_the_schema_are_left_out_where_they_stand_by_themselves) {
    const facts all{{"column", "streams.name", "shop.stream_name not null", "", ""},
        {"index", "i", "CREATE INDEX i ON shop.events; workshop.x; a.shop.x", "", ""},
        {"body", "f()", "shop.x", "", ""}};
    const facts left = without_name(all, "shop");
    BOOST_TEST(left[0].fact == "stream_name not null");
    BOOST_TEST(left[1].fact == "CREATE INDEX i ON events; workshop.x; a.shop.x");
    BOOST_TEST(left[2].fact == "shop.x");
    const auto found = compare_schemas(left, {}, "shop", true);
    BOOST_TEST(found[1].command == "set search_path = \"shop\"; CREATE INDEX i ON events; workshop.x; a.shop.x;");
}

BOOST_AUTO_TEST_CASE(what_is_missing_is_a_problem_with_a_command) {
    const finding index = only({{"index", "events.i", "CREATE INDEX i ON shop.events USING btree (type)", "", ""}}, {});
    BOOST_TEST((index.severity == severity::problem));
    BOOST_TEST(index.check == "missing_index");
    BOOST_TEST(index.command == "CREATE INDEX i ON shop.events USING btree (type);");
    BOOST_TEST(only({{"constraint", "events.c", "UNIQUE (event_id)", "", ""}}, {}).command ==
        "alter table \"shop\".\"events\" add constraint \"c\" UNIQUE (event_id);");
    // A function and its body are one thing.
    const finding function =
        only({{"function", "f()", "returns void", "", ""}, {"body", "f()", "begin end", "", ""}}, {});
    BOOST_TEST(function.command == "eventstore migrate --functions --sql --schema shop | psql");
}

BOOST_AUTO_TEST_CASE(what_is_changed_is_a_problem_that_names_both) {
    const finding column =
        only({{"column", "events.type", "text not null", "", ""}}, {{"column", "events.type", "text", "", ""}});
    BOOST_TEST(column.check == "changed_column");
    BOOST_TEST(column.message == "the column events.type is: text; it should be: text not null");
    const finding trigger =
        only({{"trigger", "events.t", "X", "", ""}}, {{"trigger", "events.t", "X disabled", "", ""}});
    BOOST_TEST(trigger.command == "alter table \"shop\".\"events\" enable trigger \"t\";");
    BOOST_TEST(only({{"body", "f()", "a", "", ""}}, {{"body", "f()", "b", "", ""}}).check == "changed_function");
}

BOOST_AUTO_TEST_CASE(what_is_there_besides_is_no_problem) {
    BOOST_TEST((only({}, {{"index", "events.mine", "X", "", ""}}).severity == severity::note));
    BOOST_TEST((only({}, {{"table", "mine", "table", "", "select"}}).severity == severity::note));
    BOOST_TEST((only({}, {{"trigger", "events.mine", "X", "", ""}}).severity == severity::warning));
    BOOST_TEST((only({}, {{"column", "events.mine", "text", "", ""}}).severity == severity::warning));
}

BOOST_AUTO_TEST_CASE(other_owners_and_what_every_role_may_do_are_problems) {
    BOOST_TEST(
        only({{"table", "events", "table", "", ""}}, {{"table", "events", "table", "mallory", ""}}).check == "owner");
    const finding open =
        only({{"table", "events", "table", "", ""}}, {{"table", "events", "table", "", "insert, select"}});
    BOOST_TEST(open.command == "revoke insert, select on table \"shop\".\"events\" from public;");
    BOOST_TEST(
        only({{"function", "f(a integer)", "X", "", ""}}, {{"function", "f(a integer)", "X", "", "execute"}}).command ==
        "revoke execute on function \"shop\".f(a integer) from public;");
    BOOST_TEST(only({{"schema", "schema", "shop", "", ""}}, {{"schema", "schema", "shop", "", "create"}}).command ==
        "revoke create on schema \"shop\" from public;");
    // Less than every role has by default is fine.
    BOOST_TEST(
        compare_schemas({{"function", "f()", "X", "", "execute"}}, {{"function", "f()", "X", "", ""}}, "shop").empty());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace eventstore::maintenance
