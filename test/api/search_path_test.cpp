// What somebody else has put where the store's role looks for functions and operators is not called in the role's name.
#include "support/conditions.hpp"
#include "support/receive.hpp"

#include <eventstore/transaction.hpp>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

namespace {

/// A schema in which everything fits the arguments of the library's statements better than what PostgreSQL has, and keeps
/// a note of each call.
class hostile_schema : public store_fixture {
public:
    hostile_schema() {
        drop();
        std::string all = "create schema " + name() + ";create table " + in_it("called") + " (what text);";
        for (const std::string type : {"bigint", "integer", "text", "uuid", "boolean", "bytea", "timestamptz"}) {
            const std::string array = type + "[]";
            all += function("unnest", array, "setof " + type, "return query select pg_catalog.unnest($1)");
            all += function("cardinality", array, "integer", "return pg_catalog.cardinality($1)");
            all += function("array_length", array + ", integer", "integer", "return pg_catalog.array_length($1, $2)");
            all += function("array_fill", type + ", integer[]", array, "return pg_catalog.array_fill($1, $2)");
            all += function("generate_subscripts", array + ", integer", "setof integer",
                "return query select pg_catalog.generate_subscripts($1, $2)");
            all += join(array, type, array, "return pg_catalog.array_append($1, $2)");
            if (type != "text") all += join("text", type, "text", "return pg_catalog.concat($1, $2)");
        }
        ask(all + "grant usage on schema " + name() + " to public; grant all on " + in_it("called") + " to public");
    }
    ~hostile_schema() { drop(); }

    /// The options of a role that looks there.
    es::store_options misled() const {
        return options(url_with(url(), {{"options", "-c search_path=" + plain_name()}}));
    }

    std::string called() { return value("select string_agg(distinct what, ', ') from " + in_it("called")); }

    /// That the schema is what it says it is.
    std::string called_by(const std::string& statement) {
        session(url_with(url(), {{"options", "-c search_path=" + plain_name()}})).run(statement);
        const std::string all = called();
        ask("truncate " + in_it("called"));
        return all;
    }

private:
    std::string plain_name() const { return schema() + "_theirs"; }
    std::string name() const { return quoted_name(plain_name()); }
    std::string in_it(const std::string& what) const { return name() + "." + what; }
    void drop() { ask("drop schema if exists " + name() + " cascade"); }

    std::string function(
        const std::string& what, const std::string& takes, const std::string& returns, const std::string& body) const {
        return "create function " + in_it(what) + "(" + takes + ") returns " + returns +
            " language plpgsql as $$ begin insert into " + in_it("called") + " values ('" + what + " of " + takes +
            "'); " + body + "; end $$;";
    }
    std::string join(
        const std::string& left, const std::string& right, const std::string& returns, const std::string& body) const {
        return function("join", left + ", " + right, returns, body) + "create operator " + in_it("||") +
            " (function = " + in_it("join") + ", leftarg = " + left + ", rightarg = " + right + ");";
    }
};

asio::awaitable<void> use_everything(es::store store) {
    co_await store.append("a", es::no_stream, counted(5));
    co_await store.append("a", 5, counted_one("6"));
    const es::event_page page = co_await store.read("a");
    co_await store.link("links", es::no_stream, ids_of(page));
    const es::event_page linked = co_await store.read("links");
    BOOST_TEST(linked.size() == 6u);
    const es::event_page all = co_await store.read_all();
    BOOST_TEST(all.size() == 6u);
    const std::vector<es::stream_info> list = co_await store.streams();
    BOOST_TEST(list.size() == 2u);

    es::subscription subscription = co_await store.subscribe("links", "reader");
    const texts received = co_await receive(subscription, 6);
    BOOST_TEST(received.size() == 6u);
    co_await subscription.unsubscribe();

    es::transaction tx = co_await store.begin();
    tx.append("a", 6, counted(3));
    tx.append("b", es::no_stream, counted(3));
    co_await tx.commit();
    co_await store.delete_stream("b", es::any_version);
}

} // namespace

BOOST_AUTO_TEST_SUITE(search_path_test, *own_sessions())

BOOST_FIXTURE_TEST_CASE(what_others_have_put_where_the_role_looks_is_not_called, hostile_schema) {
    BOOST_TEST(called_by("select sum(x) from unnest(array[1::bigint]) as x") == "unnest of bigint[]");
    BOOST_TEST(called_by("select 'log '::text || 1::bigint") == "join of text, bigint");
    with_store(misled(), use_everything);
    BOOST_TEST(called() == "NULL");
}

// Which gets no options: there the statements say themselves whose functions they mean.
BOOST_FIXTURE_TEST_CASE(nor_is_it_behind_a_pooler, hostile_schema, *told_warnings()) {
    with_store(misled().pooled(), use_everything);
    BOOST_TEST(called() == "NULL");
}

BOOST_AUTO_TEST_SUITE_END()
