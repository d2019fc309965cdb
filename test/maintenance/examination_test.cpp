// What the rows of an examination mean, without a server.
#include "maintenance/examination.hpp"
#include "maintenance/number_text.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace eventstore::maintenance {

namespace {

server_row usual_server() {
    server_row server;
    server.version = 150099;
    server.version_text = "15.99";
    server.now = 1'700'000'000;
    server.role = "shop";
    server.database = "shop";
    server.max_connections = 100;
    server.reserved_connections = 3;
    server.backends = 10;
    server.encoding = "UTF8";
    return server;
}

struct examined {
    explicit examined(server_row server = usual_server()) { by.take(server); }

    doctor_report finish() { return by.finish(); }
    /// The only finding.
    finding only() {
        const doctor_report report = by.finish();
        BOOST_TEST_REQUIRE(report.findings.size() == 1u);
        return report.findings[0];
    }
    bool finds_nothing() { return by.finish().findings.empty(); }

    examination by{"shop", doctor_options()};
};

template <class Row>
finding only(const Row& row, const server_row& server = usual_server()) {
    examined all(server);
    all.by.take(row);
    return all.only();
}

template <class Row>
bool is_fine(const Row& row) {
    examined all;
    all.by.take(row);
    return all.finds_nothing();
}

finding only_of_server(const server_row& server) { return examined(server).only(); }

session_row session_with(std::int64_t age, const std::string& state) {
    session_row row;
    row.pid = 123;
    row.role = "analyst";
    row.application = "psql";
    row.state = state;
    row.age = age;
    row.query = "select 1";
    return row;
}

std::vector<index_row> indexes_of_fresh_schema() {
    return {{"events", "events_pkey", "position", true, "", true, 8192, 0, 8},
        {"events", "events_stream_version_key", "stream_id,stream_version", true, "", true, 8192, 0, 16},
        {"events", "events_event_id_key", "event_id", true, "", true, 8192, 0, 16},
        {"events", "events_link_key", "link_to,stream_id", true, "(link_to IS NOT NULL)", true, 8192, 0, 16},
        {"streams", "streams_pkey", "stream_id", true, "", true, 8192, 0, 8},
        {"streams", "streams_name_key", "name", true, "", true, 8192, 0, 32},
        {"streams", "streams_deletion_key", "deletion", false, "(deletion IS NOT NULL)", true, 8192, 0, 16},
        {"streams", "deleted_streams_by_name", "name", false, "(deleted_at IS NOT NULL)", true, 8192, 0, 32},
        {"streams", "deleted_streams_by_age", "stream_id", false, "(deleted_at IS NOT NULL)", true, 8192, 0, 8},
        {"subscriptions", "subscriptions_pkey", "subscription_id", true, "", true, 8192, 0, 8},
        {"subscriptions", "subscriptions_stream_name_key", "stream,name", true, "", true, 8192, 0, 64},
        {"parked_events", "parked_events_pkey", "subscription_id,position", true, "", true, 8192, 0, 16},
        {"parked_events", "parked_events_to_replay", "subscription_id,position", false, "replay", true, 8192, 0, 16},
        {"parked_events", "parked_events_by_position", "position", false, "", true, 8192, 0, 8},
        {"projections", "projections_pkey", "name,version", true, "", true, 8192, 0, 32},
        {"retentions", "retentions_pkey", "is_prefix,name", true, "", true, 8192, 0, 32},
        {"snapshots", "snapshots_pkey", "source", true, "", true, 8192, 0, 32},
        {"forks", "forks_pkey", "timeline", true, "", true, 8192, 0, 4},
        {"log_state", "log_state_pkey", "only_row", true, "", true, 8192, 0, 1}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(examination_test)

BOOST_AUTO_TEST_CASE(a_usual_server_has_nothing) { BOOST_TEST(examined().finds_nothing()); }

BOOST_AUTO_TEST_CASE(settings_that_lose_data_are_problems) {
    for (const char* const name : {"fsync", "full_page_writes", "synchronous_commit", "autovacuum", "track_counts"}) {
        const finding one = only(setting_row{name, "off", "configuration file", "sighup"});
        BOOST_TEST((one.severity == severity::problem), name);
        BOOST_TEST(one.check == name);
        BOOST_TEST(one.command == std::string("alter system set ") + name + " = on; select pg_reload_conf();");
        BOOST_TEST(is_fine(setting_row{name, "on", "configuration file", "sighup"}));
    }
}

BOOST_AUTO_TEST_CASE(sizes_are_compared_in_their_units) {
    BOOST_TEST((only(setting_row{"work_mem", "1024", "configuration file", "user"}).severity == severity::warning));
    BOOST_TEST(is_fine(setting_row{"work_mem", "4096", "default", "user"}));
    BOOST_TEST(
        (only(setting_row{"max_wal_size", "256", "configuration file", "sighup"}).severity == severity::warning));
    BOOST_TEST(is_fine(setting_row{"max_wal_size", "1024", "default", "sighup"}));
    // Of roles and databases they come as they were written.
    BOOST_TEST(is_fine(role_setting_row{"", "writer", "work_mem", "64MB"}));
    BOOST_TEST(is_fine(role_setting_row{"", "writer", "work_mem", "5000"}));
    BOOST_TEST((only(role_setting_row{"", "writer", "work_mem", "1MB"}).severity == severity::warning));
    BOOST_TEST(only(role_setting_row{"", "writer", "statement_timeout", "500ms"}).check == "statement_timeout");
    BOOST_TEST(is_fine(role_setting_row{"", "writer", "statement_timeout", "1min"}));
    BOOST_TEST(is_fine(role_setting_row{"", "writer", "idle_in_transaction_session_timeout", "10min"}));
    BOOST_TEST(is_fine(role_setting_row{"", "writer", "no_such_setting", "x"}));
}

BOOST_AUTO_TEST_CASE(notes_are_no_more_than_notes) {
    for (const setting_row& row :
        {setting_row{"jit", "on", "default", "user"}, setting_row{"random_page_cost", "4", "default", "user"},
            setting_row{"idle_in_transaction_session_timeout", "0", "default", "user"},
            setting_row{"data_checksums", "off", "default", "internal"}})
        BOOST_TEST((only(row).severity == severity::note), row.name);
    BOOST_TEST(only(setting_row{"data_checksums", "off", "default", "internal"}).command == "");
}

BOOST_AUTO_TEST_CASE(the_command_names_what_the_setting_was_made_for) {
    const finding role = only(role_setting_row{"", "My role", "synchronous_commit", "off"});
    BOOST_TEST(role.command == "alter role \"My role\" reset synchronous_commit;");
    BOOST_TEST((role.severity == severity::problem));
    BOOST_TEST(only(role_setting_row{"shop", "", "synchronous_commit", "false"}).command ==
        "alter database \"shop\" reset synchronous_commit;");
    BOOST_TEST(only(role_setting_row{"shop", "writer", "synchronous_commit", "off"}).command ==
        "alter role \"writer\" in database \"shop\" reset synchronous_commit;");
    // What comes with the other rows is told once, and what the url sets is the session's own.
    BOOST_TEST(is_fine(setting_row{"synchronous_commit", "off", "user", "user"}));
    BOOST_TEST(is_fine(setting_row{"jit", "on", "client", "user"}));
}

BOOST_AUTO_TEST_CASE(a_commit_that_does_not_wait_for_the_standby_is_told) {
    server_row server = usual_server();
    server.standby_names = "*";
    BOOST_TEST(only(setting_row{"synchronous_commit", "local", "configuration file", "user"}, server).check ==
        "synchronous_commit");
    BOOST_TEST(is_fine(setting_row{"synchronous_commit", "local", "configuration file", "user"}));
}

BOOST_AUTO_TEST_CASE(checkpoints_by_size_are_told_when_they_are_many) {
    examined few;
    few.by.take_checkpoints(0, 19);
    few.by.take_checkpoints(100, 50);
    BOOST_TEST(few.finds_nothing());
    examined many;
    many.by.take_checkpoints(10, 20);
    BOOST_TEST(many.only().check == "max_wal_size");
}

BOOST_AUTO_TEST_CASE(old_servers_are_told) {
    server_row server = usual_server();
    server.version = 150003;
    server.version_text = "15.3";
    BOOST_TEST(only_of_server(server).message.starts_with("the server is PostgreSQL 15.3; 15.18 and later"));
    server.version = 130020;
    BOOST_TEST((only_of_server(server).severity == severity::problem));
    server.version = 140099;
    server.now = 1'800'000'000;
    BOOST_TEST(only_of_server(server).message == "PostgreSQL 14 has not been maintained since November 12, 2026");
    server.version = 990000; // newer than the library
    BOOST_TEST(examined(server).finds_nothing());
}

BOOST_AUTO_TEST_CASE(connections_near_their_limits_are_told) {
    server_row server = usual_server();
    server.backends = 77; // of 97
    BOOST_TEST(examined(server).finds_nothing());
    server.backends = 78;
    BOOST_TEST((only_of_server(server).severity == severity::warning));
    server.backends = 96;
    BOOST_TEST((only_of_server(server).severity == severity::problem));
    server = usual_server();
    server.role_limit = 10;
    server.role_backends = 8;
    BOOST_TEST(only_of_server(server).command == "alter role \"shop\" connection limit 20;");
    server = usual_server();
    server.database_limit = 10;
    server.database_backends = 9;
    BOOST_TEST(only_of_server(server).command == "alter database \"shop\" connection limit 20;");
}

BOOST_AUTO_TEST_CASE(wraparound_is_told_in_time) {
    server_row server = usual_server();
    server.xid_age = 1'000'000'000;
    BOOST_TEST((only_of_server(server).severity == severity::warning));
    server.xid_age = 1'600'000'000;
    const finding one = only_of_server(server);
    BOOST_TEST((one.severity == severity::problem));
    BOOST_TEST(one.command == "vacuumdb --freeze --dbname=shop");
    server.xid_age = 0;
    server.multixact_age = 1'000'000'000;
    BOOST_TEST(only_of_server(server).check == "wraparound");
    table_row table;
    table.table = "events";
    table.xid_age = 1'200'000'000;
    BOOST_TEST(only(table).check == "wraparound");
}

BOOST_AUTO_TEST_CASE(an_encoding_that_open_refuses_and_a_standby_are_told) {
    server_row server = usual_server();
    server.encoding = "LATIN1";
    BOOST_TEST((only_of_server(server).severity == severity::problem));
    server = usual_server();
    server.is_standby = true;
    BOOST_TEST((only_of_server(server).severity == severity::note));
}

BOOST_AUTO_TEST_CASE(indexes_that_are_missing_or_not_valid_are_told) {
    std::vector<index_row> indexes = indexes_of_fresh_schema();
    BOOST_TEST(is_fine(indexes));
    indexes[2].name = "another_name"; // which says nothing
    BOOST_TEST(is_fine(indexes));
    indexes.erase(indexes.begin() + 3);
    const finding missing = only(indexes);
    BOOST_TEST((missing.severity == severity::problem));
    BOOST_TEST(missing.command ==
        "create unique index concurrently events_link_key on \"shop\".events (link_to, stream_id) where (link_to IS "
        "NOT NULL);");
    indexes = indexes_of_fresh_schema();
    indexes[0].is_valid = false;
    examined broken;
    broken.by.take(indexes);
    const doctor_report report = broken.finish();
    BOOST_TEST_REQUIRE(report.findings.size() == 2u);
    BOOST_TEST(report.findings[0].check == "missing_index");
    BOOST_TEST(report.findings[1].command == "drop index concurrently \"shop\".\"events_pkey\";");
    indexes = indexes_of_fresh_schema();
    indexes[0].is_unique = false;
    BOOST_TEST(only(indexes).subject == "events_pkey");
}

BOOST_AUTO_TEST_CASE(bloated_indexes_and_tables_are_told) {
    std::vector<index_row> indexes = indexes_of_fresh_schema();
    indexes[0].tuples = 10'000'000;
    indexes[0].bytes = std::int64_t{300} << 20; // about what it takes
    BOOST_TEST(is_fine(indexes));
    indexes[0].bytes = std::int64_t{900} << 20;
    BOOST_TEST(only(indexes).command == "reindex index concurrently \"shop\".\"events_pkey\";");
    indexes[0].tuples = -1; // not known
    BOOST_TEST(is_fine(indexes));

    table_row table;
    table.table = "subscriptions";
    table.tuples = 10;
    table.width = 200;
    table.fill = 50;
    table.bytes = 8192;
    BOOST_TEST(is_fine(table));
    table.bytes = std::int64_t{17} << 20;
    BOOST_TEST(only(table).check == "table_bloat");
    table.table = "events"; // whose payloads are elsewhere
    BOOST_TEST(is_fine(table));
    table.dead = 10'001;
    table.live = 10'000;
    const finding dead = only(table);
    BOOST_TEST(dead.check == "dead_rows");
    BOOST_TEST(dead.message.find("never vacuumed") != std::string::npos);
    table.live = 20'000;
    BOOST_TEST(is_fine(table));
    table.is_vacuumed = false;
    BOOST_TEST(only(table).command == "alter table \"shop\".\"events\" reset (autovacuum_enabled);");
}

BOOST_AUTO_TEST_CASE(sequences_behind_the_largest_id_are_told) {
    BOOST_TEST(is_fine(sequence_row{"shop.s", "streams", 5, 5}));
    BOOST_TEST((only(sequence_row{"shop.s", "streams", 4, 5}).severity == severity::note));
    const finding one = only(sequence_row{"shop.s", "subscriptions", 4, 5});
    BOOST_TEST((one.severity == severity::problem));
    BOOST_TEST(one.command == "select setval('shop.s', 5);");
}

BOOST_AUTO_TEST_CASE(subscriptions_that_lag_or_that_nobody_has_are_told) {
    lagging_row row;
    row.stream = "$all";
    row.name = "mailer";
    row.is_owned = true;
    row.owner = "host 7";
    row.lag = 300;
    BOOST_TEST(is_fine(row));
    row.lag = 301;
    row.lag_events = 9;
    const finding lag = only(row);
    BOOST_TEST(lag.check == "lag");
    BOOST_TEST(lag.message.find("its owner is host 7") != std::string::npos);
    row.lag = 4 * 86400; // its owner is there, and slow
    BOOST_TEST(only(row).check == "lag");
    row.is_owned = false;
    const finding abandoned = only(row);
    BOOST_TEST(abandoned.check == "abandoned_subscription");
    BOOST_TEST(abandoned.message.find("for 4 days") != std::string::npos);
    BOOST_TEST(abandoned.command == "eventstore subscriptions delete '$all' mailer --schema shop");
    row.lag = 0;
    BOOST_TEST(is_fine(row)); // let go of in order, and nothing to do
    row.unrenewed = 4 * 86400;
    BOOST_TEST(only(row).check == "abandoned_subscription");
    row.unrenewed = 10;
    row.parked = 1;
    BOOST_TEST(only(row).check == "parked_events");
}

BOOST_AUTO_TEST_CASE(streams_whose_hard_delete_was_broken_off_are_told) {
    examined none;
    none.by.take_tombstones(0);
    BOOST_TEST(none.finds_nothing());
    examined two;
    two.by.take_tombstones(2);
    BOOST_TEST(two.only().command.find("\"shop\".purge_stream(s.stream_id, 1000)") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(sessions_that_hold_the_log_or_hold_back_vacuum_are_told) {
    BOOST_TEST(is_fine(session_with(299, "active")));
    const finding active = only(session_with(301, "active"));
    BOOST_TEST(active.check == "long_transaction");
    BOOST_TEST(active.command == "select pg_terminate_backend(123);");
    BOOST_TEST(active.message.find(
                   "session 123 of the role 'analyst' ('psql') has had a transaction open for 5 min 1 s") == 0u,
        active.message);
    BOOST_TEST(only(session_with(301, "idle in transaction (aborted)")).check == "idle_in_transaction");

    session_row holder = session_with(5, "active");
    holder.holds_log = true;
    BOOST_TEST(is_fine(holder)); // an append
    holder.age = 11;
    BOOST_TEST((only(holder).severity == severity::problem));
    holder.is_here = false;
    BOOST_TEST(only(holder).check == "log_lock");

    session_row elsewhere = session_with(4000, "active");
    elsewhere.is_here = false;
    BOOST_TEST(is_fine(elsewhere));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_seen_is_said) {
    session_row hidden = session_with(-1, "");
    hidden.is_hidden = true;
    hidden.xmin_age = 2'000'000;
    examined all;
    all.by.take(hidden);
    hidden.xmin_age = 5;
    all.by.take(hidden);
    const doctor_report report = all.finish();
    BOOST_TEST_REQUIRE(report.findings.size() == 1u);
    BOOST_TEST(report.findings[0].check == "old_snapshot"); // so much is to be seen
    BOOST_TEST(report.findings[0].message.find("select 1") == std::string::npos);
    BOOST_TEST_REQUIRE(report.unseen.size() == 1u);
    BOOST_TEST(
        report.unseen[0] == "what 2 sessions of other roles do, and since when: grant pg_read_all_stats to \"shop\";");

    session_row holder = hidden;
    holder.holds_log = true;
    const finding one = only(holder);
    BOOST_TEST((one.severity == severity::warning)); // it may be an append
    BOOST_TEST(one.message.find("for a time that this role may not see") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(prepared_transactions_are_told) {
    prepared_row row{"it's", "shop", 299, true, 10, false};
    BOOST_TEST(is_fine(row));
    row.age = 301;
    BOOST_TEST(only(row).command == "rollback prepared 'it''s';");
    row.is_here = false;
    BOOST_TEST(is_fine(row));
    row.is_here = true;
    row.age = 1;
    row.holds_log = true;
    BOOST_TEST((only(row).severity == severity::problem));
}

BOOST_AUTO_TEST_CASE(replication_slots_that_keep_too_much_are_told) {
    BOOST_TEST(is_fine(slot_row{"s", true, 5, -1, 0, "reserved"}));
    BOOST_TEST(is_fine(slot_row{"s", false, -1, -1, 1000, "reserved"}));
    BOOST_TEST(only(slot_row{"s", false, -1, -1, std::int64_t{2} << 30, "extended"}).command ==
        "select pg_drop_replication_slot('s');");
    BOOST_TEST(only(slot_row{"s", false, 5, -1, 0, "reserved"}).check == "replication_slot");
    BOOST_TEST(only(slot_row{"s", true, 20'000'000, -1, 0, "reserved"}).check == "replication_slot");
    BOOST_TEST(only(slot_row{"s", false, -1, -1, 0, "lost"}).message.find("is lost") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_synchronous_standby_that_is_not_there_is_a_problem) {
    BOOST_TEST(is_fine(replication_row{0, 0, 0, 0}));
    server_row server = usual_server();
    server.standby_names = "berlin";
    const finding gone = only(replication_row{0, 0, 0, 3}, server);
    BOOST_TEST((gone.severity == severity::problem));
    BOOST_TEST(gone.message.find("3 sessions wait") != std::string::npos);
    BOOST_TEST((only(replication_row{1, 0, 0, 0}, server).severity == severity::problem)); // an asynchronous one
    examined there(server);
    there.by.take(replication_row{2, 1, 0, 0});
    BOOST_TEST(there.finds_nothing());
    examined hidden(server);
    hidden.by.take(replication_row{1, 0, 1, 0});
    BOOST_TEST(hidden.finish().unseen.size() == 1u);
    server.is_standby = true; // with the settings of its primary
    examined standby(server);
    standby.by.take(replication_row{0, 0, 0, 0});
    const doctor_report report = standby.finish();
    BOOST_TEST(
        std::ranges::none_of(report.findings, [](const finding& one) { return one.check == "synchronous_standby"; }));
}

BOOST_AUTO_TEST_CASE(the_worst_comes_first) {
    examined all;
    all.by.take(setting_row{"jit", "on", "default", "user"});
    all.by.take(setting_row{"work_mem", "64", "default", "user"});
    all.by.take(setting_row{"fsync", "off", "default", "sighup"});
    const doctor_report report = all.finish();
    BOOST_TEST_REQUIRE(report.findings.size() == 3u);
    BOOST_TEST(report.findings[0].check == "fsync");
    BOOST_TEST(report.findings[2].check == "jit");
    BOOST_TEST((report.worst() == severity::problem));
    BOOST_TEST((doctor_report().worst() == severity::note));
}

BOOST_AUTO_TEST_CASE(times_are_told_in_their_two_largest_units) {
    BOOST_TEST(duration_text(5) == "5 s");
    BOOST_TEST(duration_text(60) == "1 min");
    BOOST_TEST(duration_text(125) == "2 min 5 s");
    BOOST_TEST(duration_text(7260) == "2 h 1 min");
    BOOST_TEST(duration_text(86400) == "1 day");
    BOOST_TEST(duration_text(3 * 86400 + 3600 * 4 + 59) == "3 days 4 h");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace eventstore::maintenance
