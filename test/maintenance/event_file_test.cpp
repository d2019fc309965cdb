// Files of events by the public interface.
#include "async/run_apart.hpp"
#include "maintenance/exporter.hpp"
#include "runtime/open.hpp"
#include "storage/sql.hpp"

#include "support/replicated_server.hpp"
#include "support/store_fixture.hpp"

#include <eventstore/event_file.hpp>
#include <eventstore/import_source.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

BOOST_AUTO_TEST_SUITE(event_file_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {

/// A store with events, and a file.
class file_fixture : public store_fixture {
public:
    ~file_fixture() { std::remove(path().c_str()); }

    const std::string& path() const noexcept { return path_; }
    void make_store() {
        with_store([](es::store) -> asio::awaitable<void> { co_return; });
    }
    void append_some() {
        with_store([](es::store store) -> asio::awaitable<void> {
            for (const char* const stream : {"a", "b", "c"}) {
                auto events = counted(10);
                co_await store.append(stream, es::no_stream, std::move(events));
            }
        });
    }

private:
    const std::string path_ =
        (std::filesystem::temp_directory_path() / ("events-" + es::to_string(es::make_uuid()))).string();
};

/// A named pipe into which nobody writes anything.
class silent_pipe {
public:
    explicit silent_pipe(const std::string& path) : path_(path) { BOOST_REQUIRE(::mkfifo(path.c_str(), 0600) == 0); }
    ~silent_pipe() {
        if (writer_ >= 0) ::close(writer_);
        ::unlink(path_.c_str());
    }
    silent_pipe(const silent_pipe&) = delete;
    silent_pipe& operator=(const silent_pipe&) = delete;

    /// Becomes the writer, if somebody reads it.
    bool is_read() {
        if (writer_ < 0) writer_ = ::open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        return writer_ >= 0;
    }

private:
    const std::string path_;
    int writer_ = -1;
};

/// On the strand. The events come from the standby, and what is asked meanwhile is asked of the primary.
asio::awaitable<es::result<es::event_file_summary>> export_from(
    const replicated_server& servers, es::postgres::connection::strand strand, std::string path) {
    const auto where = es::detail::environment::make(strand.get_inner_executor(), {});
    es::maintenance::export_sessions sessions;
    const auto by_standby = es::detail::administrator(es::store_options(servers.standby.url()), where);
    auto connecting = es::postgres::connector::connect(by_standby, strand, nullptr);
    const auto rows = co_await std::move(connecting);
    const auto by_primary = es::detail::administrator(es::store_options(servers.primary.url()), where);
    auto connecting_other = es::postgres::connector::connect(by_primary, strand, nullptr);
    const auto questions = co_await std::move(connecting_other);
    if (!rows) co_return rows.error();
    if (!questions) co_return questions.error();
    sessions.rows = *rows;
    sessions.questions = *questions;
    const auto is_stopped = std::make_shared<const std::atomic<bool>>(false);
    auto exporting = es::maintenance::export_log(
        std::move(sessions), "eventstore", std::move(path), es::export_options(), where, strand, is_stopped);
    co_return co_await std::move(exporting);
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_range_is_exported_checked_and_told, file_fixture) {
    append_some();
    std::vector<es::transfer_progress> told;
    run([&]() -> asio::awaitable<void> {
        const auto hear = [&told](const es::transfer_progress& now) { told.push_back(now); };
        es::export_options range;
        range.from_position(11).through_position(25).on_progress(hear);
        const es::event_file_summary made = co_await es::export_events(options(), path(), range);
        BOOST_TEST(made.events == 15);
        BOOST_TEST(made.after_position == 10);
        BOOST_TEST(made.last_position == 25);
        const es::event_file_summary found = co_await es::check_event_file(path());
        BOOST_TEST(found.events == 15);
        BOOST_TEST(found.checksum == made.checksum);
        BOOST_TEST(found.bytes == made.bytes);
        // The archive is removed from the log, and brought back.
        expect_holes();
        delete_events("position between 11 and 25");
        const es::event_file_summary back = co_await es::import_events(options(), path());
        BOOST_TEST(back.new_events == 15);
        BOOST_TEST(events_stored() == 30);
    }());
    BOOST_REQUIRE(!told.empty());
    BOOST_TEST(told.back().position == 25);
    BOOST_TEST(told.back().end == 25);
    BOOST_TEST(told.back().events == 15);
}

// A hash of all events is quick in a small log, and takes the memory and the time of all of it in a large one.
BOOST_FIXTURE_TEST_CASE(an_export_looks_for_the_ends_of_streams_by_an_index, file_fixture) {
    make_store();
    ask("with s as (insert into eventstore.streams (name, version, created_at)"
        " select 's' || n, 20, now() from generate_series(1, 500) as n returning stream_id)"
        " insert into eventstore.events"
        " (position, stream_id, stream_version, created_at, event_id, type, data, metadata)"
        " select row_number() over (), s.stream_id, n, now(), gen_random_uuid(), 'Counted', '', ''"
        " from s cross join generate_series(1, 20) as n");
    ask("analyze eventstore.events, eventstore.streams");
    std::string text(es::storage::sql::export_streams);
    const auto begin = text.find("copy (") + std::string("copy (").size();
    text = text.substr(begin, text.rfind(") to stdout") - begin);
    for (auto at = text.find("$1"); at != text.npos; at = text.find("$1")) text.replace(at, 2, "10000");
    std::string plan;
    for (const auto& row : ask("explain (costs off) " + text)) plan += row[0] + '\n';
    BOOST_TEST(plan.find("hashed SubPlan") == std::string::npos, plan);
    BOOST_TEST(plan.find("Seq Scan on events") == std::string::npos, plan);
    BOOST_TEST(plan.find("Index Scan using events_stream_version_key") != std::string::npos, plan);
}

BOOST_FIXTURE_TEST_CASE(what_is_wrong_is_an_error_of_its_own, file_fixture) {
    append_some();
    run([&]() -> asio::awaitable<void> {
        es::export_options wrong;
        wrong.from_position(0);
        auto why = co_await expect_error(es::errc::invalid_argument, es::export_events(options(), path(), wrong));
        BOOST_TEST(why.message() == "from_position is 0; positions begin at 1");
        es::import_options none;
        none.transaction_events(0);
        co_await expect_error(es::errc::invalid_argument, es::import_events(options(), path(), none));
        co_await expect_error(es::errc::file_failed, es::import_events(options(), path()));
        co_await expect_error(es::errc::file_failed, es::check_event_file(path()));
        co_await expect_error(es::errc::file_failed, es::export_events(options(), "/nowhere/file"));
        const fresh_schema missing;
        es::store_options nowhere = options();
        nowhere.schema(missing.name());
        co_await expect_error(es::errc::schema_missing, es::export_events(nowhere, path()));
        es::import_source source(es::foreign_store::message_db, url());
        co_await expect_error(es::errc::schema_missing, es::import_from(options(), source));
    }());
}

BOOST_FIXTURE_TEST_CASE(an_import_waits_for_the_lock_no_longer_than_an_append, file_fixture) {
    append_some();
    run([&]() -> asio::awaitable<void> {
        co_await es::export_events(options(), path());
        expect_holes();
        delete_events("position > 15");
        blocker holder = hold_log();
        es::store_options hurried = options();
        hurried.operation_timeout(400ms);
        co_await expect_error(es::errc::lock_timeout, es::import_events(hurried, path()));
        holder.release();
        const es::event_file_summary back = co_await es::import_events(options(), path());
        BOOST_TEST(back.new_events == 15);
    }());
}

BOOST_FIXTURE_TEST_CASE(a_cancelled_import_ends_at_once, file_fixture) {
    append_some();
    run(es::export_events(options(), path()));
    expect_holes();
    delete_events("position > 15");
    blocker holder = hold_log();
    asio::io_context context;
    asio::cancellation_signal cancel;
    std::exception_ptr thrown;
    bool has_ended = false;
    asio::co_spawn(context, es::import_events(options(), path()),
        asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e, const es::event_file_summary&) {
            thrown = e;
            has_ended = true;
        }));
    run(context, eventually([&] { return holder.blocks(); }));
    cancel.emit(asio::cancellation_type::terminal);
    run(context, eventually([&] { return has_ended; }));
    holder.release();
    patience(10s).run(context); // what was under way ends
    BOOST_REQUIRE(thrown);
    BOOST_CHECK_EXCEPTION(std::rethrow_exception(thrown), es::error,
        [](const es::error& e) { return e.why().code() == es::errc::cancelled; });
    const es::event_file_summary back = run(es::import_events(options(), path()));
    BOOST_TEST(back.events == 30);
    BOOST_TEST(events_stored() == 30);
}

BOOST_FIXTURE_TEST_CASE(a_silent_pipe_holds_up_no_connect_and_can_be_left, file_fixture) {
    make_store();
    silent_pipe pipe(path());
    asio::io_context context;
    asio::cancellation_signal cancel;
    std::exception_ptr thrown;
    bool has_ended = false;
    asio::co_spawn(context, es::import_events(options(), path()),
        asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e, const es::event_file_summary&) {
            thrown = e;
            has_ended = true;
        }));
    run(context, eventually([&] { return pipe.is_read() || has_ended; }));
    run(context, [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(options());
        co_await store.append("a", es::no_stream, counted(1));
        co_await store.close();
    }());
    BOOST_TEST(!has_ended);
    cancel.emit(asio::cancellation_type::terminal);
    run(context, eventually([&] { return has_ended; }));
    patience(10s).run(context); // what reads ends, too
    BOOST_REQUIRE(thrown);
    BOOST_CHECK_EXCEPTION(std::rethrow_exception(thrown), es::error,
        [](const es::error& e) { return e.why().code() == es::errc::cancelled; });
}

BOOST_FIXTURE_TEST_CASE(a_context_ends_that_waits_for_a_silent_pipe, file_fixture) {
    make_store();
    for (const bool imports : {true, false}) {
        silent_pipe pipe(path());
        asio::io_context context;
        const auto ignore = [](const std::exception_ptr&, const es::event_file_summary&) {};
        if (imports)
            asio::co_spawn(context, es::import_events(options(), path()), ignore);
        else
            asio::co_spawn(context, es::check_event_file(path()), ignore);
        run(context, eventually([&] { return pipe.is_read(); }));
    } // here
}

BOOST_FIXTURE_TEST_CASE(an_import_is_refused_that_was_overtaken_before_its_snapshots, file_fixture) {
    append_some();
    with_store([](es::store store) -> asio::awaitable<void> {
        es::snapshot state("a", 10, "State", "1");
        co_await store.record_snapshot(std::move(state));
    });
    run(es::export_events(options(), path()));
    expect_holes();
    delete_events("position > 15");
    bool has_appended = false;
    const auto append = [&](const es::transfer_progress&) {
        if (has_appended) return;
        has_appended = true;
        session().run(here("select eventstore.append_event('a', -1, gen_random_uuid(), 'T', '', '', null, null, null, "
                           "false)"));
    };
    run([&]() -> asio::awaitable<void> {
        es::import_options in_one;
        in_one.transaction_events(30).on_progress(append);
        const auto why = co_await expect_error(es::errc::import_refused, es::import_events(options(), path(), in_one));
        BOOST_TEST(
            why.message().find("events were appended before the import had ended") != std::string::npos, why.message());
        // What it would store now is old.
        const es::event_file_summary again = co_await es::import_events(options(), path());
        BOOST_TEST(again.new_events == 0);
        BOOST_TEST(again.left_out == 1);
        BOOST_TEST(again.snapshots == 0);
    }());
    BOOST_TEST(events_stored() == 31);
}

BOOST_FIXTURE_TEST_CASE(no_link_is_imported_to_an_event_that_is_being_removed, file_fixture) {
    append_some();
    with_store([](es::store store) -> asio::awaitable<void> {
        const es::event_page page = co_await store.read("a");
        std::vector<es::uuid> first;
        first.push_back(page[0].id());
        co_await store.link("links", es::no_stream, std::move(first));
    });
    run(es::export_events(options(), path()));
    expect_holes();
    delete_events("position = 31");
    blocker remover(here("select eventstore.remove_events(array[1::bigint])"));
    asio::io_context context;
    std::exception_ptr thrown;
    bool has_ended = false;
    asio::co_spawn(
        context, es::import_events(options(), path()), [&](std::exception_ptr e, const es::event_file_summary&) {
            thrown = e;
            has_ended = true;
        });
    run(context, eventually([&] { return remover.blocks() || has_ended; }));
    BOOST_TEST(!has_ended);
    remover.commit();
    run(context, eventually([&] { return has_ended; }));
    patience(10s).run(context);
    BOOST_REQUIRE(thrown);
    BOOST_CHECK_EXCEPTION(std::rethrow_exception(thrown), es::error, [](const es::error& e) {
        BOOST_TEST(e.why().message().find("the link at position 31 is to the event at 1, which is neither there") !=
                std::string::npos,
            e.why().message());
        return e.why().code() == es::errc::import_refused;
    });
    BOOST_TEST(events_stored() == 29);
}

// As it may be behind an address that stands for several standbys.
BOOST_FIXTURE_TEST_CASE(an_export_from_two_servers_ends_where_the_one_behind_ends, file_fixture) {
    replicated_server servers;
    const auto body = [&]() -> asio::awaitable<void> {
        co_await eventually([&] { return servers.on_standby("select count(*) from eventstore.events") == "2"; });
        servers.on_standby("select pg_wal_replay_pause()");
        co_await eventually([&] { return servers.on_standby("select pg_get_wal_replay_pause_state()") == "paused"; });
        co_await servers.append("more", 3);
        const es::postgres::connection::strand strand(co_await asio::this_coro::executor);
        auto work = export_from(servers, strand, path());
        auto working = es::detail::run_apart(strand, std::move(work), "exporting");
        const auto made = co_await std::move(working);
        BOOST_REQUIRE(made.has_value());
        BOOST_TEST(made->events == 2);
        BOOST_TEST(made->through_position == 2);
        const es::event_file_summary found = co_await es::check_event_file(path());
        BOOST_TEST(found.through_position == 2);
    };
    run(body(), 120s);
}

// Its locks do not show who writes on the primary: what commits late would be left out.
BOOST_FIXTURE_TEST_CASE(message_db_is_not_imported_from_a_standby, file_fixture) {
    make_store();
    replicated_server servers;
    session(servers.primary.url())
        .run("create schema message_store; create table message_store.messages (global_position bigserial primary key, "
             "position bigint not null, id uuid not null default gen_random_uuid() unique, time timestamp not null "
             "default (now() at time zone 'utc'), stream_name text not null, type text not null, data jsonb, metadata "
             "jsonb); insert into message_store.messages (stream_name, position, type) values ('a', 0, 'T')");
    const auto body = [&]() -> asio::awaitable<void> {
        co_await eventually(
            [&] { return servers.on_standby("select to_regclass('message_store.messages') is not null") == "t"; });
        es::import_source standby(es::foreign_store::message_db, servers.standby.url());
        const auto why = co_await expect_error(es::errc::server_unusable, es::import_from(options(), standby));
        BOOST_TEST(why.message() ==
            "the log to import is on a standby, which does not tell of open transactions: name its primary");
        es::import_source primary(es::foreign_store::message_db, servers.primary.url());
        const es::event_file_summary made = co_await es::import_from(options(), primary);
        BOOST_TEST(made.new_events == 1);
    };
    run(body(), 120s);
}

BOOST_AUTO_TEST_SUITE_END()
