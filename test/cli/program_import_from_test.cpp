// `import --from`: the logs of other event stores, made here from what is known of their tables.
#include "cli/two_stores.hpp"

#include "support/store_fixture.hpp"

#include <csignal>
#include <random>
#include <thread>

using namespace eventstore::test;

namespace {

/// A schema as another store makes it, and a schema to import into.
class foreign_fixture {
public:
    explicit foreign_fixture(std::string kind) : kind_(std::move(kind)) {
        BOOST_REQUIRE(two_stores::run(target.name(), {"init"}).exit_code == 0);
    }

    words command() const { return {"import", "--from", kind_, test_server::url(), "--source-schema", source.name()}; }
    outcome import_now(words more = {}) const {
        words all = command();
        all.insert(all.end(), more.begin(), more.end());
        return two_stores::run(target.name(), all);
    }
    void in_source(const std::string& text) const { sql(in_schema(source.name(), text)); }
    rows from_target(const std::string& text) const { return sql(in_schema(target.name(), text)); }
    std::string value(const std::string& text) const { return from_target(text).at(0).at(0); }

    const fresh_schema source, target;

private:
    const std::string kind_;
};

class elixir_fixture : public foreign_fixture {
public:
    explicit elixir_fixture(const std::string& type = "bytea") : foreign_fixture("elixir-eventstore"), type_(type) {
        sql("create schema " + quoted_name(source.name()));
        in_source(R"sql(
            create table eventstore.streams (stream_id bigserial primary key, stream_uuid text not null unique,
                stream_version bigint not null default 0, created_at timestamptz not null default clock_timestamp(),
                deleted_at timestamptz);
            create table eventstore.events (event_id uuid primary key, event_type text not null, causation_id uuid,
                correlation_id uuid, data TYPE not null, metadata TYPE, created_at timestamptz not null
                default clock_timestamp());
            create table eventstore.stream_events (event_id uuid not null, stream_id bigint not null,
                stream_version bigint not null, original_stream_id bigint, original_stream_version bigint,
                primary key (event_id, stream_id), unique (stream_id, stream_version));
            create table eventstore.subscriptions (subscription_id bigserial primary key, stream_uuid text not null,
                subscription_name text not null, last_seen bigint, created_at timestamptz not null default now());
            create table eventstore.snapshots (source_uuid text primary key, source_version bigint not null,
                source_type text not null, data TYPE not null, metadata TYPE, created_at timestamptz not null
                default now());
            insert into eventstore.streams (stream_id, stream_uuid) values (0, '$all'))sql");
    }

    void append(const std::string& stream, int count = 1, const std::string& data = R"({"a": 1})") const {
        for (int i = 0; i < count; ++i)
            in_source("with s as (insert into eventstore.streams as s (stream_uuid, stream_version) values (" +
                quoted_text(stream) +
                ", 1) on conflict (stream_uuid) do update set stream_version = s.stream_version + 1 returning *), "
                "a as (update eventstore.streams set stream_version = stream_version + 1 where stream_id = 0 returning "
                "*), "
                "e as (insert into eventstore.events (event_id, event_type, causation_id, correlation_id, data, "
                "metadata) "
                "values (gen_random_uuid(), 'Elixir.Opened', gen_random_uuid(), null, " +
                payload(data) +
                ", null) returning *) insert into eventstore.stream_events select e.event_id, "
                "s.stream_id, s.stream_version, s.stream_id, s.stream_version from e, s union all select e.event_id, "
                "0, "
                "a.stream_version, s.stream_id, s.stream_version from e, s, a");
    }
    /// A link to the event with this number.
    void link(const std::string& stream, int number) const {
        in_source("with s as (insert into eventstore.streams as s (stream_uuid, stream_version) values (" +
            quoted_text(stream) +
            ", 1) on conflict (stream_uuid) do update set stream_version = s.stream_version + 1 returning *) insert "
            "into "
            "eventstore.stream_events select o.event_id, s.stream_id, s.stream_version, o.original_stream_id, "
            "o.original_stream_version from s, eventstore.stream_events as o where o.stream_id = 0 and "
            "o.stream_version = " +
            std::to_string(number));
    }
    std::string payload(const std::string& data) const {
        return type_ == "bytea" ? "convert_to(" + quoted_text(data) + ", 'UTF8')" : quoted_text(data) + "::" + type_;
    }
    void in_source(std::string text) const {
        for (auto at = text.find("TYPE"); at != text.npos; at = text.find("TYPE")) text.replace(at, 4, type_);
        foreign_fixture::in_source(text);
    }

    /// Each event of each stream: stream, version, id of the original.
    rows streams_there() const {
        return sql(in_schema(source.name(),
            "select s.stream_uuid, l.stream_version::text, l.event_id::text from eventstore.stream_events as l join "
            "eventstore.streams as s using (stream_id) where s.stream_id > 0 order by 1, l.stream_version"));
    }
    rows streams_here() const {
        return from_target(
            "select s.name, e.stream_version::text, coalesce(o.event_id, e.event_id)::text from eventstore.events as e "
            "join eventstore.streams as s using (stream_id) left join eventstore.events as o on o.position = e.link_to "
            "order by 1, e.stream_version");
    }
    void compare() const {
        const rows there = streams_there(), here = streams_here();
        BOOST_TEST(there.size() == here.size());
        for (std::size_t i = 0; i < std::min(there.size(), here.size()); ++i)
            BOOST_TEST(there[i] == here[i], boost::test_tools::per_element());
        // The order of all, and of each stream, is that of the positions.
        BOOST_TEST(
            value("select count(*) from (select e.position < lag(e.position) over (partition by e.stream_id order by "
                  "e.stream_version) as is_wrong from eventstore.events as e) as w where is_wrong") == "0");
        BOOST_TEST(value("select count(*) from eventstore.events as e where e.link_to >= e.position") == "0");
        BOOST_TEST(
            value("select count(*) from eventstore.streams as s where s.version <> (select max(e.stream_version) "
                  "from eventstore.events as e where e.stream_id = s.stream_id)") == "0");
        const rows order_there = sql(in_schema(source.name(),
            "select event_id::text from eventstore.stream_events where stream_id = 0 order by stream_version"));
        const rows order_here =
            from_target("select event_id::text from eventstore.events where link_to is null order by position");
        BOOST_TEST((order_there == order_here));
    }

private:
    const std::string type_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(program_import_from_test)

BOOST_AUTO_TEST_CASE(a_log_of_the_elixir_library_is_imported_with_all_that_belongs_to_it) {
    const elixir_fixture both;
    both.append("account-1", 3);
    both.append("account-2", 2, "no JSON");
    both.link("category", 1);
    both.link("category", 4);
    both.link("account-2", 1); // a link between events of its own
    both.link("account-2", 2);
    both.append("account-2", 2);
    both.link("account-1", 5);
    both.append("Zoë");
    both.in_source(R"sql(
        insert into eventstore.subscriptions (stream_uuid, subscription_name, last_seen) values
            ('$all', 'mailer', 4), ('account-2', 'reports', 3), ('$all', 'fresh', null), ('$all', 'at the end', 8);
        insert into eventstore.snapshots (source_uuid, source_version, source_type, data)
            values ('account-1', 3, 'Account', 'state');
        update eventstore.streams set deleted_at = '2024-01-02 03:04:05+00' where stream_uuid = 'Zoë')sql");
    const outcome done = both.import_now();
    BOOST_TEST(done.exit_code == 0, done.err);
    BOOST_TEST(done.out == "{\"stored\":13,\"last_position\":13}\n");
    both.compare();
    BOOST_TEST(
        both.value("select deleted_at = '2024-01-02 03:04:05+00' from eventstore.streams where name = 'Zoë'") == "t");
    BOOST_TEST(both.value("select convert_from(data, 'UTF8') from eventstore.snapshots where source = 'account-1' and "
                          "version = 3") == "state");
    const rows checkpoints =
        both.from_target("select s.name, s.version::text, (select count(*) from eventstore.events as e where "
                         "e.position <= s.position and "
                         "e.link_to is null)::text from eventstore.subscriptions as s order by s.name");
    const rows expected = {{"at the end", "0", "8"}, {"fresh", "0", "0"}, {"mailer", "0", "4"}, {"reports", "3", "5"}};
    BOOST_REQUIRE(checkpoints.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
        BOOST_TEST(checkpoints[i] == expected[i], boost::test_tools::per_element());

    // Again: nothing is done twice. More: it goes on.
    BOOST_TEST(both.import_now().out == "{\"stored\":0,\"last_position\":13}\n");
    both.append("account-1", 2);
    both.link("category", 9);
    both.in_source("update eventstore.subscriptions set last_seen = 9 where subscription_name = 'mailer'");
    BOOST_TEST(both.import_now().out == "{\"stored\":3,\"last_position\":16}\n");
    both.compare();
    // What was acquired here belongs to this store.
    sql(in_schema(both.target.name(),
        "select eventstore.claim_subscription('$all', 'mailer', gen_random_uuid(), 'me', 1, 0, null)"));
    both.in_source("update eventstore.subscriptions set last_seen = 1 where subscription_name = 'mailer'");
    BOOST_TEST(both.import_now().exit_code == 0);
    BOOST_TEST(
        both.value("select count(*) from eventstore.events as e join eventstore.subscriptions as s on e.position <= "
                   "s.position where s.name = 'mailer' and e.link_to is null") == "9");
}

BOOST_AUTO_TEST_CASE(links_before_a_version_that_is_missing_are_imported) {
    const elixir_fixture both;
    both.append("account-1");
    both.append("account-2");
    both.append("mixed");
    both.link("mixed", 1);
    both.link("mixed", 2);
    both.append("mixed");
    both.append("account-1");
    // The event of account-2 is deleted for good, and the link to it, which is next to an event.
    both.in_source(R"sql(
        delete from eventstore.stream_events as l using eventstore.stream_events as o
        where o.stream_id = 0 and o.stream_version = 2 and l.event_id = o.event_id)sql");
    const outcome done = both.import_now();
    BOOST_TEST(done.exit_code == 0, done.err);
    BOOST_TEST(done.out == "{\"stored\":5,\"last_position\":5}\n");
    both.compare();
    BOOST_TEST(both.value("select e.stream_version from eventstore.events as e where e.link_to is not null") == "2");
}

BOOST_AUTO_TEST_CASE(large_events_are_imported_in_transactions_of_their_bytes) {
    const elixir_fixture both;
    both.in_source(R"sql(
        insert into eventstore.streams (stream_uuid, stream_version) values ('large', 40);
        update eventstore.streams set stream_version = 40 where stream_id = 0;
        insert into eventstore.events (event_id, event_type, data)
            select md5(n::text)::uuid, 'T', convert_to(repeat('large ', 150000), 'UTF8') from generate_series(1, 40) as n;
        insert into eventstore.stream_events select md5(n::text)::uuid, 0, n, 1, n from generate_series(1, 40) as n;
        insert into eventstore.stream_events select event_id, original_stream_id, original_stream_version,
            original_stream_id, original_stream_version from eventstore.stream_events where stream_id = 0)sql");
    const outcome done = both.import_now();
    BOOST_TEST(done.out == "{\"stored\":40,\"last_position\":40}\n", done.err);
    both.compare();
    // 0.9 MB each: ten of them are more than 8 MB.
    BOOST_TEST(
        both.value("select max(count) from (select count(*) from eventstore.events group by xmin::text) as t") == "10");
}

BOOST_AUTO_TEST_CASE(payloads_of_jsonb_are_imported_as_text) {
    for (const char* const type : {"jsonb", "json"}) {
        const elixir_fixture both(type);
        both.append("a", 1, R"({"a":1})");
        BOOST_TEST(both.import_now().exit_code == 0);
        BOOST_TEST(both.value("select convert_from(data, 'UTF8')::jsonb = '{\"a\":1}' from eventstore.events") == "t");
        BOOST_TEST(both.value("select length(metadata) from eventstore.events") == "0");
    }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_stored_is_told) {
    const elixir_fixture both;
    both.append("$mine");
    const outcome refused = both.import_now();
    BOOST_TEST(refused.exit_code == 1);
    BOOST_TEST(says(refused, "'$mine' cannot be stored: names of streams that begin with $ are reserved"), refused.err);
    // A store with other events is no target.
    const elixir_fixture other;
    other.append("a");
    append_many(other.target, 1, 1);
    BOOST_TEST(says(other.import_now(), "were not imported from there"));
}

BOOST_AUTO_TEST_CASE(message_db_is_imported_with_its_positions) {
    const foreign_fixture both("message-db");
    sql("create schema " + quoted_name(both.source.name()));
    both.in_source(R"sql(
        create table eventstore.messages (global_position bigserial primary key, position bigint not null,
            id uuid not null default gen_random_uuid() unique, time timestamp not null default
            (now() at time zone 'utc'), stream_name text not null, type text not null, data jsonb, metadata jsonb,
            unique (stream_name, position));
        insert into eventstore.messages (stream_name, position, type, data, metadata, time) values
            ('account-1', 0, 'Opened', '{"a": 1}', '{"causation": "x"}', '2020-02-29 12:00:00.000001'),
            ('account:command-1', 0, 'Open', null, null, '1970-01-01'), ('account-1', 1, 'Closed', '[]', null, now());
        select setval('eventstore.messages_global_position_seq', 10);
        insert into eventstore.messages (stream_name, position, type) values ('account-1', 2, 'Late'))sql");
    const outcome done = both.import_now();
    BOOST_TEST(done.exit_code == 0, done.err);
    BOOST_TEST(done.out == "{\"stored\":4,\"last_position\":11}\n");
    const rows here = both.from_target(
        "select e.position::text, s.name, e.stream_version::text, e.type, convert_from(e.data, 'UTF8'), "
        "convert_from(e.metadata, 'UTF8') from eventstore.events as e join eventstore.streams as s using (stream_id) "
        "order "
        "by e.position");
    BOOST_TEST((here ==
        rows{{"1", "account-1", "1", "Opened", R"({"a": 1})", R"({"causation": "x"})"},
            {"2", "account:command-1", "1", "Open", "", ""}, {"3", "account-1", "2", "Closed", "[]", ""},
            {"11", "account-1", "3", "Late", "", ""}}));
    BOOST_TEST(
        both.value("select created_at = '2020-02-29 12:00:00.000001+00' from eventstore.events where position = 1") ==
        "t");
    // A message of a transaction that was open has a position below others that came earlier: it is waited for.
    session late;
    late.run(in_schema(both.source.name(),
        "begin; insert into eventstore.messages (stream_name, position, type) values ('slow', 0, 'T')"));
    both.in_source("insert into eventstore.messages (stream_name, position, type) values ('quick', 0, 'T')");
    words follow = both.command();
    for (const std::string& word : {std::string("--follow"), std::string("--url"), test_server::url(),
             std::string("--schema"), both.target.name()})
        follow.push_back(word);
    running_program following(follow);
    std::this_thread::sleep_for(
        std::chrono::milliseconds(200)); // that nothing is taken meanwhile is what this is about
    BOOST_TEST(both.value("select count(*) from eventstore.events") == "4");
    late.run("commit");
    BOOST_TEST((following.line() == R"({"caught_up_at":13,"stored":2})"));
    both.in_source("insert into eventstore.messages (stream_name, position, type) values ('quick', 1, 'T')");
    BOOST_TEST((following.line() == R"({"caught_up_at":14,"stored":3})"));
    following.send_signal(SIGINT);
    BOOST_TEST(following.exit_code() == 0);
    BOOST_TEST(both.import_now().out == "{\"stored\":0,\"last_position\":14}\n");
    both.in_source("update eventstore.messages set id = gen_random_uuid() where global_position = 14");
    BOOST_TEST(says(both.import_now(), "it was not imported from there"));
}

BOOST_AUTO_TEST_CASE(an_import_that_is_killed_again_and_again_is_exact) {
    const elixir_fixture both;
    both.in_source(R"sql(
        insert into eventstore.streams (stream_uuid, stream_version) select 's' || n, 100 from generate_series(1, 20) as n;
        update eventstore.streams set stream_version = 2000 where stream_id = 0;
        insert into eventstore.events (event_id, event_type, data)
            select md5(n::text)::uuid, 'T', convert_to(n::text, 'UTF8') from generate_series(1, 2000) as n;
        insert into eventstore.stream_events select md5(n::text)::uuid, 0, n, n % 20 + 1, (n - 1) / 20 + 1
            from generate_series(1, 2000) as n;
        insert into eventstore.stream_events select event_id, original_stream_id, original_stream_version,
            original_stream_id, original_stream_version from eventstore.stream_events where stream_id = 0)sql");
    for (int number = 1; number <= 30; ++number) both.link("links", number * 50);
    words command = both.command();
    for (const std::string& word : {std::string("--transaction-events"), std::string("100"), std::string("--url"),
             test_server::url(), std::string("--schema"), both.target.name()})
        command.push_back(word);
    std::mt19937 random(std::random_device{}());
    for (int round = 0; round < 20; ++round) {
        running_program running(command);
        std::this_thread::sleep_for(
            std::chrono::milliseconds(random() % 60)); // when it is killed is what this is about
        running.send_signal(SIGKILL);
        running.exit_code();
    }
    BOOST_TEST(run_program(command).exit_code == 0);
    both.compare();
    BOOST_TEST(both.value("select count(*) from eventstore.events") == "2030");
}

BOOST_AUTO_TEST_SUITE_END()
