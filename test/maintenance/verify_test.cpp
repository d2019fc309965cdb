// Verifying stores that are sound, and such in which something was damaged.
#include "support/conditions.hpp"
#include "support/receive.hpp"

#include <eventstore/verify.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include <algorithm>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(verify_test)

namespace {

/// Streams a (3 events), b (350) and, with links to both, c.
class verified_store : public store_fixture {
public:
    verified_store() {
        const auto body = [](es::store store) -> asio::awaitable<void> {
            co_await store.append("a", es::no_stream, counted(3));
            co_await store.append("b", es::no_stream, counted(350));
            const es::event_page page = co_await store.read("a");
            co_await store.link("c", es::no_stream, ids_of(page));
            const es::event_data large("Large", std::string(5000, 'x'));
            co_await store.append("a", 3, large);
            co_await store.link("c", 3, large.id());
        };
        with_store(body);
    }
    /// What was damaged is no store any more.
    void teardown() {
        drop_schema(schema());
        store_fixture::teardown();
    }

    es::verify_report verified(es::verify_options how = es::verify_options()) {
        return run(es::verify(options(), std::move(how)), 60s);
    }
    static es::verify_options small_pages() { return es::verify_options().page_size(100); }

    /// Changes what triggers protect.
    void damage(const std::string& change) {
        ask("alter table eventstore.events disable trigger user; alter table eventstore.streams disable trigger user;"
            "alter table eventstore.log_state disable trigger user;" +
            change +
            ";alter table eventstore.events enable trigger user; alter table eventstore.streams enable trigger user;"
            "alter table eventstore.log_state enable trigger user;");
    }
    void delete_for_good(const std::string& stream) {
        with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
            co_await store.delete_stream(stream, es::any_version, es::deletion::hard);
        });
    }
    /// The checks that have found problems, with small pages and with large ones.
    texts problems() {
        texts found = problems_in(verified());
        TEST_SAME(problems_in(verified(small_pages())), found);
        return found;
    }
    static texts problems_in(const es::verify_report& report) {
        texts checks;
        for (const es::finding& one : report.findings)
            if (one.severity == es::severity::problem) checks.push_back(one.check);
        BOOST_TEST(report.is_sound() == checks.empty());
        return checks;
    }
    const es::finding& only(const es::verify_report& report) {
        BOOST_TEST_REQUIRE(report.findings.size() == 1u);
        return report.findings[0];
    }
    /// A subscription of nobody's.
    void subscribed(const std::string& stream, const std::string& name, std::size_t done) {
        const auto body = [&](es::store store) -> asio::awaitable<void> {
            es::subscription_options how;
            how.group_by(es::grouping::none).max_batch(done);
            es::subscription reader = co_await store.subscribe(stream, name, how);
            auto batch = co_await reader.next(5s);
            BOOST_TEST(batch->size() == done);
            batch->ack();
            co_await reader.unsubscribe();
        };
        with_store(body);
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_store_with_all_that_there_can_be_is_sound, verified_store) {
    subscribed("$all", "ledger", 5);
    subscribed("a", "mailer", 2);
    for (const auto& how : {es::verify_options(), small_pages()}) {
        const es::verify_report report = verified(how);
        BOOST_TEST(report.is_sound());
        BOOST_TEST(report.findings.empty());
        BOOST_TEST(report.events == 3 + 350 + 3 + 1 + 1);
        BOOST_TEST(report.links == 4);
        BOOST_TEST(report.streams == 3);
        BOOST_TEST(report.subscriptions == 2);
        BOOST_TEST(report.head == 358);
        BOOST_TEST(report.missing == 0);
    }
    with_store([](es::store store) -> asio::awaitable<void> { co_await store.delete_stream("b", es::any_version); });
    BOOST_TEST(verified().is_sound());
}

BOOST_FIXTURE_TEST_CASE(an_empty_store_is_sound, store_fixture) {
    with_store([](es::store) -> asio::awaitable<void> { co_return; });
    const es::verify_report report = run(es::verify(options()));
    BOOST_TEST(report.is_sound());
    BOOST_TEST(report.findings.empty());
    BOOST_TEST(report.head == 0);
}

BOOST_FIXTURE_TEST_CASE(what_a_hard_delete_leaves_is_sound_and_told, verified_store) {
    delete_for_good("b");
    delete_for_good("a"); // with the links in c
    const es::verify_report report = verified(small_pages());
    BOOST_TEST(report.problems == 0);
    BOOST_TEST(report.events == 0);
    BOOST_TEST(report.missing == 0); // the log is empty now
    with_store([](es::store store) -> asio::awaitable<void> { co_await store.append("d", es::no_stream, counted(2)); });
    const es::verify_report later = verified(small_pages());
    BOOST_TEST(later.problems == 0);
    BOOST_TEST(later.missing == 358);
    BOOST_TEST(later.unknown.size() == 4u);
    // The versions of c that were links: all of them, from the first one on.
    BOOST_TEST(later.findings.empty());
    BOOST_TEST(later.unknown[0].find("the beginning of 1 stream: 4 versions") != std::string::npos, later.unknown[0]);
}

BOOST_FIXTURE_TEST_CASE(a_removed_row_is_found, verified_store) {
    damage("delete from eventstore.events where position = 2");
    const es::verify_report report = verified();
    TEST_SAME(problems_in(report), texts({"missing_event", "dangling_link", "missing_version"}));
    BOOST_TEST(report.findings[0].position == 2);
    BOOST_TEST(report.findings[1].message.find("is to position 2, where no event is") != std::string::npos);
    BOOST_TEST(report.findings[2].subject == "a");
    BOOST_TEST(report.findings[2].version == 2);
    BOOST_TEST(!report.findings[2].advice.empty());
}

BOOST_FIXTURE_TEST_CASE(a_removed_row_at_any_place_of_a_page_is_found, verified_store) {
    for (const int position : {100, 101, 199, 200, 201, 300}) {
        BOOST_TEST_CONTEXT("position " << position) {
            ask("create table eventstore.kept as select * from eventstore.events where position = " +
                std::to_string(position));
            damage("delete from eventstore.events where position = " + std::to_string(position));
            const es::verify_report report = verified(small_pages());
            TEST_SAME(problems_in(report), texts({"missing_event", "missing_version"}));
            BOOST_TEST(report.findings[0].position == position);
            BOOST_TEST(report.findings[1].version == position - 3);
            ask("insert into eventstore.events select * from eventstore.kept; drop table eventstore.kept");
            BOOST_TEST(verified(small_pages()).is_sound());
        }
    }
}

BOOST_FIXTURE_TEST_CASE(the_removed_end_of_the_log_is_found_by_the_versions_of_its_streams, verified_store) {
    damage("delete from eventstore.events where position = 358");
    const es::verify_report report = verified();
    TEST_SAME(problems_in(report), texts({"stream_version"}));
    BOOST_TEST(only(report).message ==
        "stream 'c' is at version 4, but its last event has version 3: the last events are lost, or the version was "
        "changed");
}

BOOST_FIXTURE_TEST_CASE(a_lost_event_below_the_floor_cannot_be_told_from_a_deleted_link, verified_store) {
    delete_for_good("b");
    damage("delete from eventstore.events where position = 2; delete from eventstore.events where link_to = 2");
    const es::verify_report report = verified();
    BOOST_TEST(report.is_sound());
    BOOST_TEST(report.findings.size() == 2u); // notes of versions in a and c
    BOOST_TEST(report.unknown[0].find("cannot be told from them") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_changed_version_is_found, verified_store) {
    damage("update eventstore.events set stream_version = 1000 where position = 50");
    TEST_SAME(problems(), texts({"version_order", "stream_version", "missing_version"}));
}

BOOST_FIXTURE_TEST_CASE(exchanged_versions_are_found, verified_store) {
    damage("update eventstore.events set stream_version = -1 where position = 50;"
           "update eventstore.events set stream_version = 47 where position = 351;"
           "update eventstore.events set stream_version = 348 where position = 50");
    const texts found = problems();
    BOOST_TEST(!found.empty());
    for (const std::string& check : found) BOOST_TEST(check == "version_order");
}

BOOST_FIXTURE_TEST_CASE(a_version_below_one_is_found, verified_store) {
    damage("update eventstore.events set stream_version = -5 where position = 4");
    const texts found = problems();
    BOOST_TEST(std::count(found.begin(), found.end(), "version") == 1);
}

BOOST_FIXTURE_TEST_CASE(wrong_versions_of_streams_are_found_and_their_commands_put_them_right, verified_store) {
    damage("update eventstore.streams set version = version + 2 where name = 'a';"
           "update eventstore.streams set version = 1 where name = 'b'");
    TEST_SAME(problems(), texts({"stream_version", "stream_version"}));
    for (const es::finding& one : verified().findings) session().run(one.command);
    BOOST_TEST(verified().is_sound());
}

BOOST_FIXTURE_TEST_CASE(a_stream_without_its_row_is_found, verified_store) {
    damage("delete from eventstore.streams where name = 'a'");
    const es::verify_report report = verified();
    const texts found = problems_in(report);
    BOOST_TEST(std::count(found.begin(), found.end(), "missing_stream") == 1); // of each page
}

BOOST_FIXTURE_TEST_CASE(dangling_and_differing_links_are_found, verified_store) {
    // c has four links: to versions 1 to 3 of a, and to the large event, which is no copy.
    damage("update eventstore.events set link_to = 9000 where position = 355;"
           "update eventstore.events set data = '\\x00', link_version = 9 where position = 356;"
           "update eventstore.events set type = 'Other' where position = 358");
    const es::verify_report report = verified(small_pages());
    TEST_SAME(problems_in(report), texts({"dangling_link", "link", "link"}));
    BOOST_TEST(report.findings[0].message ==
        "the link at position 355 (version 2 of stream 'c') is to position 9000, where no event is");
    BOOST_TEST(report.findings[1].message.ends_with("at position 3 in link_version, data"), report.findings[1].message);
    BOOST_TEST(report.findings[2].message.ends_with("at position 357 in type"), report.findings[2].message);
    damage("update eventstore.events set link_to = 354 where position = 355");
    BOOST_TEST(verified().findings[0].message.ends_with("is to position 354, which is a link itself"));
}

BOOST_FIXTURE_TEST_CASE(checkpoints_that_do_not_fit_the_log_are_found, verified_store) {
    subscribed("$all", "ledger", 5);
    subscribed("a", "mailer", 2);
    ask("update eventstore.subscriptions set position = 400 where name = 'ledger';"
        "update eventstore.subscriptions set version = 9 where name = 'mailer'");
    const es::verify_report beyond = verified();
    TEST_SAME(problems_in(beyond), texts({"checkpoint", "checkpoint"}));
    BOOST_TEST(
        beyond.findings[0].command == "eventstore subscriptions reset '$all' ledger --to 358 --schema " + schema());
    ask("update eventstore.subscriptions set position = 5, event_id = gen_random_uuid() where name = 'ledger';"
        "update eventstore.subscriptions set version = 2 where name = 'mailer'");
    const es::verify_report other = verified();
    TEST_SAME(problems_in(other), texts({"checkpoint_event"}));
    BOOST_TEST(other.findings[0].position == 5);
}

BOOST_FIXTURE_TEST_CASE(parked_events_that_are_not_there_are_found, verified_store) {
    subscribed("$all", "ledger", 5);
    ask("insert into eventstore.parked_events (subscription_id, position, reason, deliveries)"
        " select subscription_id, 360, 'no', 3 from eventstore.subscriptions");
    TEST_SAME(problems(), texts({"parked_event"}));
    BOOST_TEST(verified().parked_events == 1);
}

BOOST_FIXTURE_TEST_CASE(promotions_that_do_not_fit_are_found, verified_store) {
    ask("insert into eventstore.forks (timeline, head) values (1, 4000)");
    TEST_SAME(problems(), texts({"fork"}));
}

BOOST_FIXTURE_TEST_CASE(an_id_that_is_there_twice_is_found_without_its_index, verified_store) {
    ask("alter table eventstore.events drop constraint events_event_id_key");
    damage("update eventstore.events set event_id = (select event_id from eventstore.events where position = 3)"
           " where position = 340");
    const es::verify_report report = verified(small_pages());
    TEST_SAME(problems_in(report), texts({"missing_index", "event_id"}));
    BOOST_TEST(report.findings[1].message.ends_with("is there twice, at the positions 3, 340"));
}

BOOST_FIXTURE_TEST_CASE(a_position_or_a_version_that_is_there_twice_is_found_without_its_index, verified_store) {
    ask("alter table eventstore.events drop constraint events_pkey");
    damage("update eventstore.events set position = 200 where position = 201");
    texts found = problems();
    for (const std::string check : {"missing_index", "position", "missing_event"})
        BOOST_TEST(std::count(found.begin(), found.end(), check) == 1, check);
    ask("alter table eventstore.events drop constraint events_stream_version_key");
    found = problems(); // versions are not looked at then
    BOOST_TEST(std::count(found.begin(), found.end(), "missing_index") == 2);
}

BOOST_FIXTURE_TEST_CASE(a_missing_row_of_log_state_is_found_and_its_command_makes_it_anew, verified_store) {
    damage("delete from eventstore.log_state");
    const es::verify_report report = verified();
    TEST_SAME(problems_in(report), texts({"log_state"}));
    session().run(report.findings[0].command);
    BOOST_TEST(verified().is_sound());
    with_store([](es::store store) -> asio::awaitable<void> { co_await store.append("a", 4, counted(1)); });
}

BOOST_FIXTURE_TEST_CASE(times_that_go_back_are_a_note, verified_store) {
    damage("update eventstore.events set created_at = created_at - interval '1 day' where position in (50, 101)");
    const es::verify_report report = verified(small_pages());
    BOOST_TEST(report.is_sound());
    BOOST_TEST(only(report).check == "created_at");
    BOOST_TEST(only(report).message.find("2 events are older than the event before, the first at position 50") == 0u,
        only(report).message);
}

BOOST_FIXTURE_TEST_CASE(appends_and_deletes_may_go_on_meanwhile, verified_store) {
    expect_holes();
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        bool is_done = false;
        const auto write = [&]() -> asio::awaitable<void> {
            int i = 0;
            while (!is_done) {
                const std::string name = "short-" + std::to_string(i);
                co_await store.append(name, es::no_stream, counted(7));
                const es::event_page page = co_await store.read(name);
                co_await store.link("links", es::any_version, ids_of(page));
                co_await store.append("b", es::any_version, counted(3));
                if (i++ % 2 == 0) co_await store.delete_stream(name, es::any_version, es::deletion::hard);
            }
        };
        const auto verify = [&]() -> asio::awaitable<void> {
            for (int i = 0; i < 10; ++i) {
                const es::verify_report report = co_await es::verify(options(), small_pages());
                for (const es::finding& one : report.findings)
                    BOOST_TEST((one.severity == es::severity::note), one.message);
            }
            is_done = true;
        };
        std::vector<asio::awaitable<void>> both;
        both.push_back(write());
        both.push_back(verify());
        co_await concurrently(std::move(both));
    };
    with_store(options().allow_hard_delete(), body);
}

BOOST_FIXTURE_TEST_CASE(between_two_pages_the_server_holds_no_snapshot_of_it, verified_store, *own_sessions()) {
    std::vector<std::string> parts;
    session observer;
    const auto look = [&](const es::verify_progress& now) {
        parts.emplace_back(now.part);
        BOOST_TEST(now.done <= now.total);
        for (const auto& row : observer.run("select state, backend_xmin, xact_start from pg_stat_activity"
                                            " where application_name = " +
                 quoted_text(schema()) + " and backend_type = 'client backend'")) {
            // The server may not have told yet that it is done.
            if (row[0] == "idle") {
                BOOST_TEST(row[1] == "NULL");
                BOOST_TEST(row[2] == "NULL");
            }
        }
    };
    es::verify_options how = small_pages();
    how.on_progress(look);
    BOOST_TEST(verified(how).is_sound());
    for (const std::string part : {"events", "streams", "ids"})
        BOOST_TEST(std::count(parts.begin(), parts.end(), part) > 0, part);
    BOOST_TEST(std::count(parts.begin(), parts.end(), "events") == 4);
    BOOST_TEST(std::is_sorted(parts.begin(), parts.end(), [](const std::string& a, const std::string& b) {
        const texts order{"events", "streams", "ids", "subscriptions"};
        return std::find(order.begin(), order.end(), a) < std::find(order.begin(), order.end(), b);
    }));
}

BOOST_FIXTURE_TEST_CASE(a_lost_connection_is_made_anew, verified_store, *own_sessions()) {
    int pages = 0;
    const auto cut = [&](const es::verify_progress&) {
        if (++pages % 3 == 0) terminate_backends();
    };
    es::verify_options how = small_pages();
    how.on_progress(cut);
    const es::verify_report report = verified(how);
    BOOST_TEST(report.is_sound());
    BOOST_TEST(report.events == 358);
    BOOST_TEST(pages > 3);
}

BOOST_FIXTURE_TEST_CASE(an_exception_of_the_handler_ends_it, verified_store) {
    const auto fail = [](const es::verify_progress&) { throw std::runtime_error("no paper"); };
    es::verify_options how;
    how.on_progress(fail);
    const auto body = [&]() -> asio::awaitable<void> {
        const auto why = co_await expect_error(es::errc::handler_failed, es::verify(options(), how));
        BOOST_TEST(why.message().find("no paper") != std::string::npos);
    };
    run(body());
}

BOOST_FIXTURE_TEST_CASE(cancelled_it_ends_after_the_page, verified_store) {
    asio::io_context context;
    asio::cancellation_signal signal;
    int pages = 0;
    std::exception_ptr ended;
    const auto count = [&](const es::verify_progress&) {
        if (++pages == 2) signal.emit(asio::cancellation_type::terminal);
    };
    es::verify_options how = small_pages();
    how.on_progress(count);
    asio::co_spawn(context, es::verify(options(), how),
        asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e, es::verify_report) { ended = e; }));
    patience(30s).run(context);
    BOOST_TEST_REQUIRE((ended != nullptr));
    try {
        std::rethrow_exception(ended);
    } catch (const es::error& e) {
        BOOST_TEST((e.why().code() == es::errc::cancelled));
    }
    BOOST_TEST(pages == 2);
}

BOOST_FIXTURE_TEST_CASE(bad_options_and_missing_schemas_are_refused, verified_store) {
    const auto body = [&]() -> asio::awaitable<void> {
        const auto small = co_await expect_error(
            es::errc::invalid_argument, es::verify(options(), es::verify_options().page_size(99)));
        BOOST_TEST(small.message() == "page_size is 99; it must be from 100 to 1000000");
        co_await expect_error(
            es::errc::invalid_argument, es::verify(options(), es::verify_options().page_size(1'000'001)));
        co_await expect_error(es::errc::invalid_argument, es::verify(options(), es::verify_options().max_findings(0)));
        co_await expect_error(es::errc::schema_missing, es::verify(options().schema("no_such_schema")));
        co_await expect_error(es::errc::invalid_argument, es::verify(options().schema("")));
    };
    run(body());
    ask("insert into eventstore.schema_migrations (version, name) values (9999, 'future')");
    const auto newer = [&]() -> asio::awaitable<void> {
        co_await expect_error(es::errc::schema_too_new, es::verify(options()));
    };
    run(newer());
}

BOOST_FIXTURE_TEST_CASE(a_schema_with_any_name_and_jsonb_payloads_can_be_verified, store_fixture) {
    const fresh_schema unique;
    const std::string name = unique.name() + " $1's \"quoted\".name";
    const auto how = options().schema(name).payload(es::payload_format::jsonb);
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const es::event_data event("Counted", "{\"a\": 1}");
        co_await store.append("a", es::no_stream, event);
        co_await store.link("b", es::no_stream, event.id());
    };
    with_store(how, body);
    BOOST_TEST(run(es::verify(how)).is_sound());
    sql("alter table " + quoted_name(name) + ".events disable trigger user; update " + quoted_name(name) +
        ".events set data = '{}' where position = 2");
    const es::verify_report report = run(es::verify(how));
    drop_schema(name);
    BOOST_TEST_REQUIRE(report.findings.size() == 1u);
    BOOST_TEST(report.findings[0].message.ends_with("in data"));
}

BOOST_AUTO_TEST_SUITE_END()
