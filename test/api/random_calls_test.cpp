// Every function of the schema that a role may execute, called with random arguments: the log is sound afterwards.
#include "support/store_fixture.hpp"

#include <eventstore/roles.hpp>
#include <eventstore/verify.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

namespace {

constexpr int calls = 4000;

unsigned seed_of_run() {
    const char* const given = std::getenv("EVENTSTORE_FUZZ_SEED");
    return given == nullptr ? 1 : static_cast<unsigned>(std::strtoul(given, nullptr, 10));
}

struct function {
    std::string name;
    texts types; // of its arguments
};

/// Literals of a type: what is there, what is at the limits, and what is neither.
class random_values {
public:
    explicit random_values(unsigned seed) : random_(seed) {}

    std::size_t below(std::size_t end) { return random_() % end; }

    std::string of(const std::string& type) {
        if (below(12) == 0) return "null::" + type;
        if (type.ends_with("[]")) return array_of(type.substr(0, type.size() - 2));
        return scalar(type) + "::" + type;
    }

private:
    template <std::size_t N>
    const char* one_of(const char* const (&choices)[N]) {
        return choices[below(N)];
    }

    std::string scalar(const std::string& type) {
        if (type == "bigint" || type == "integer" || type == "smallint") return whole(type);
        if (type == "boolean") return one_of({"true", "false"});
        if (type == "uuid")
            return one_of({"gen_random_uuid()", "'00000000-0000-0000-0000-000000000000'",
                "'00000000-0000-0000-0000-000000000001'", "'00000000-0000-0000-0000-000000000002'"});
        if (type == "bytea") return one_of({"''", "'1'", "'\\xff00'", "'{\"a\":1}'", "repeat('x', 3000)"});
        if (type.starts_with("timestamp"))
            return one_of({"now()", "'infinity'", "'-infinity'", "'4713-01-01 BC'", "'2020-02-29 12:00'"});
        if (type == "interval") return one_of({"'1 day'", "'-1 day'", "'0'", "'178000000 years'"});
        if (type == "regclass") return below(4) == 0 ? "'pg_class'" : "'eventstore.log_state'";
        if (type == "jsonb" || type == "json") return one_of({"'{}'", "'null'", "'[1]'"});
        if (below(2) == 0) return one_of({"'a'", "'b'"});
        return one_of({"'s'", "'$all'", "''", "'$deleted 1'", "'all'", "repeat('x', 600)", "'log'",
            "'a ''quoted'' one'", "'\u00e9'"});
    }
    std::string whole(const std::string& type) {
        if (below(8) == 0)
            return type == "bigint" ? one_of({"'9223372036854775807'", "'-9223372036854775808'"})
                : type == "integer" ? one_of({"'2147483647'", "'-2147483648'"})
                                    : one_of({"'32767'", "'-32768'"});
        return "'" + std::to_string(static_cast<int>(below(9)) - 2) + "'";
    }
    std::string array_of(const std::string& element) {
        std::string list;
        for (std::size_t left = below(4); left > 0; --left) list += (list.empty() ? "" : ", ") + of(element);
        if (below(20) == 0) return "array[array[" + list + "]]::" + element + "[]";
        return "array[" + list + "]::" + element + "[]";
    }

    std::mt19937 random_;
};

/// Of append_events, whose arguments must fit each other: an append of one to three events, some of them spoilt.
std::string append_events(random_values& random, const texts& types) {
    const std::size_t events = 1 + random.below(3);
    const auto list = [&](const std::string& element, const std::string& type) {
        std::string all;
        for (std::size_t i = 0; i < events; ++i) all += (i == 0 ? "" : ", ") + element;
        return "array[" + all + "]::" + type + "[]";
    };
    std::string offsets;
    for (std::size_t i = 1; i <= events; ++i) offsets += (i == 1 ? "" : ", ") + std::to_string(i);
    const std::string count = std::to_string(events);
    const std::pair<const char*, std::string> usual[] = {// in the order of the function's

        {"stream_names", std::string("array['") + (random.below(2) == 0 ? "a" : "b") + "']"},
        {"stream_expected", "array[-1]::bigint[]"}, {"stream_events", "array[" + count + "]"},
        {"stream_created", "null"}, {"new_streams", "0"}, {"append_stream", "array[1]"},
        {"append_expected", "array[-1]::bigint[]"}, {"append_size", "array[" + count + "]"},
        {"append_is_retry", "array[false]"}, {"event_stream", list("1", "integer")},
        {"event_offset", "array[" + offsets + "]"}, {"event_ids", list("gen_random_uuid()", "uuid")},
        {"event_types", list("'T'", "text")}, {"event_data", list("'1'", "bytea")}, {"event_metadata", "null"},
        {"correlations", "null"}, {"causations", "null"}, {"created", "null"}, {"event_links", "null"},
        {"append_unit", "null"}, {"largest", "0"}, {"careful", random.below(2) == 0 ? "true" : "false"}};
    std::string text;
    for (std::size_t i = 0; i < std::size(usual); ++i) {
        const bool is_spoilt = random.below(20) == 0;
        text += (i == 0 ? "" : ", ") + std::string(usual[i].first) + " => ";
        text += is_spoilt ? random.of(types.at(i)) : usual[i].second;
    }
    return "select eventstore.append_events(" + text + ")";
}

class called_at_random : public store_fixture {
public:
    called_at_random() {
        run(es::migrate(options()));
        expect_holes();
        for (const char* const role :
            {"archivist", "keeper", "reader", "recorder", "scavenger", "subscriber", "writer"})
            administrator_.run("create role " + quoted_name(prefix() + '_' + role)); // the owner may not
        run(es::grant_roles(options(), prefix()));
        for (const char* const role : {"reader", "writer", "subscriber", "recorder"})
            administrator_.run("grant " + quoted_name(prefix() + '_' + role) + " to " + quoted_name(role_.name()));
        caller.run("set role " + quoted_name(role_.name()) + "; set statement_timeout = '200ms'");
        for (const auto& row :
            ask("select p.proname, coalesce((select string_agg(format_type(t.type, null), ';' order by "
                "t.n) from unnest(p.proargtypes) with ordinality as t (type, n)), '') from pg_proc as p"
                " where p.pronamespace = (select oid from pg_namespace where nspname = " +
                quoted_text(schema()) + ") and p.prokind = 'f' and has_function_privilege(" +
                quoted_text(role_.name()) + ", p.oid, 'execute') order by 1, 2"))
            functions.push_back({row[0], split(row[1])});
    }
    ~called_at_random() {
        caller.run("reset role");
        administrator_.run("drop schema " + quoted_name(schema()) +
            " cascade; do $$ declare made text; begin for made in select rolname from pg_roles where "
            "starts_with(rolname, '" +
            prefix() + "') loop execute format('drop owned by %I; drop role %I', made, made); end loop; end $$");
    }

    std::vector<function> functions;
    session caller;

    /// The SQLSTATE, empty where the call has succeeded.
    std::string call(random_values& random) {
        const function& called = functions[random.below(functions.size())];
        if (called.name == "append_events" && random.below(4) != 0)
            return caller.state_of(here(append_events(random, called.types)));
        std::string list;
        for (const std::string& type : called.types) list += (list.empty() ? "" : ", ") + random.of(type);
        return caller.state_of(here("select * from eventstore." + called.name + '(' + list + ')'));
    }

private:
    std::string prefix() const { return schema() + "_made"; }
    static texts split(const std::string& list) {
        texts parts;
        for (std::size_t begin = 0; begin < list.size();) {
            const std::size_t end = std::min(list.find(';', begin), list.size());
            parts.push_back(list.substr(begin, end - begin));
            begin = end + 1;
        }
        return parts;
    }

    const fresh_role role_{schema() + "_caller"};
    session administrator_{test_server::superuser_url()};
};

} // namespace

BOOST_AUTO_TEST_SUITE(random_calls_test)

BOOST_FIXTURE_TEST_CASE(no_call_of_a_function_breaks_the_log, called_at_random) {
    const unsigned seed = seed_of_run();
    BOOST_TEST_CONTEXT("EVENTSTORE_FUZZ_SEED=" << seed) {
        BOOST_TEST(functions.size() > 20u);
        random_values random(seed);
        std::map<std::string, int> outcomes;
        for (int i = 0; i < calls; ++i) ++outcomes[call(random)];
        for (const auto& [state, count] : outcomes)
            BOOST_TEST(state.substr(0, 2) != "XX", state << ", an internal error, " << count << " times");
        BOOST_TEST(outcomes[""] > calls / 20); // else the calls were not what they should be
        BOOST_TEST(events_stored() > 20);

        // Who may keep the checkpoints of subscriptions may put them where nothing is.
        const es::verify_report report = run(es::verify(options()));
        for (const es::finding& each : report.findings)
            if (each.message.find("subscription '") == std::string::npos)
                BOOST_TEST((each.severity != es::severity::problem), each.subject << ": " << each.message);
        BOOST_TEST(report.left_out == 0);

        // And it goes on for others.
        with_store([](es::store store) -> asio::awaitable<void> {
            const es::append_result result = co_await store.append("after", es::any_version, counted_one("1"));
            const es::event_page page = co_await store.read("after");
            BOOST_TEST(page.size() == 1u);
            BOOST_TEST(page[0].position() == result.last_position);
        });
    }
}

BOOST_AUTO_TEST_SUITE_END()
