// Archives by the public interface: what is removed is in a checked file, whatever happens meanwhile.
#include "maintenance/retained.hpp"
#include "support/replicated_server.hpp"

#include <eventstore/archive.hpp>
#include <eventstore/verify.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

BOOST_AUTO_TEST_SUITE(archive_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {

/// A store whose log is archived to files in a folder of their own.
class archive_fixture : public scavenged_store {
public:
    archive_fixture() { std::filesystem::create_directory(folder_); }
    ~archive_fixture() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    std::string path(const std::string& name = "archive") const { return (folder_ / name).string(); }
    std::string content(const std::string& name = "archive") const {
        std::ifstream in(path(name), std::ios::binary);
        std::ostringstream all;
        all << in.rdbuf();
        return all.str();
    }
    void write(const std::string& content, const std::string& name = "archive") const {
        std::ofstream(path(name), std::ios::binary) << content;
    }
    bool is_there(const std::string& name = "archive") const { return std::filesystem::exists(path(name)); }

    static es::archive_options before(std::int64_t position) {
        return es::archive_options(position).events_per_second(0).portion(3);
    }
    es::archive_summary archive(es::archive_options how, const std::string& name = "archive") const {
        return run(es::archive_events(options().allow_hard_delete(), path(name), std::move(how)));
    }
    es::failure refused(es::errc code, es::archive_options how, const std::string& name = "archive") const {
        return run(refused_by(code, std::move(how), path(name)));
    }
    /// Calls `act` once, when this step is told for the first time from this position on.
    template <class Act>
    static es::archive_options at(
        es::archive_options how, es::archive_step step, const Act& act, std::int64_t position = 0) {
        const auto is_done = std::make_shared<bool>(false);
        const auto hear = [=](es::archive_step now, const es::transfer_progress& progress) {
            if (now != step || progress.position < position || *is_done) return;
            *is_done = true;
            act();
        };
        return std::move(how.on_progress(hear));
    }

    /// Three streams with five events each, one after the other.
    void append_some(const std::string& schema = "") {
        es::store_options how = options();
        if (!schema.empty()) how.schema(schema).create();
        store_fixture::with_store(how, [](es::store store) -> asio::awaitable<void> {
            for (int i = 0; i < 5; ++i)
                for (const char* const stream : {"a", "b", "c"}) {
                    auto one = counted(1, stream);
                    co_await store.append(stream, es::any_version, std::move(one));
                }
        });
    }
    /// All that is stored of events, and all that is in these files.
    rows events() {
        return ask("select position, s.name, stream_version, event_id, e.created_at, type, data, metadata, link_to from"
                   " eventstore.events as e join eventstore.streams as s using (stream_id) order by 1");
    }
    es::event_file_summary import_back(const std::string& name = "archive") const {
        return run(es::import_events(options(), path(name)));
    }
    void expect_sound(es::store_options of) const {
        const es::verify_report report = run(es::verify(std::move(of)));
        for (const es::finding& found : report.findings)
            BOOST_TEST((found.severity != es::severity::problem), found.message);
    }
    void delete_for_good(const std::string& stream) {
        ask("select eventstore.delete_stream('" + stream + "', -1, true, gen_random_uuid())");
        purge();
    }
    void purge() {
        ask("select eventstore.purge_stream(stream_id, 100), eventstore.purge_stream(stream_id, 100)"
            " from eventstore.streams where starts_with(name, '$deleted ')");
    }

private:
    asio::awaitable<es::failure> refused_by(es::errc code, es::archive_options how, std::string path) const {
        auto archiving = es::archive_events(options().allow_hard_delete(), std::move(path), std::move(how));
        co_return co_await expect_error(code, std::move(archiving));
    }

    const std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / ("archives-" + es::to_string(es::make_uuid()));
};

void expect_same(const rows& left, const rows& right) {
    BOOST_TEST(left.size() == right.size());
    for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) TEST_SAME(left[i], right[i]);
}

bool says(const es::failure& why, const std::string& part) {
    const bool does = why.message().find(part) != std::string::npos;
    BOOST_TEST_CONTEXT(why.message()) BOOST_TEST(does);
    return does;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(events_move_to_the_file_and_come_back, archive_fixture) {
    append_some();
    const rows original = events();
    const es::archive_summary made = archive(before(9));
    BOOST_TEST(made.removed == 8);
    BOOST_TEST(made.dropped_links == 0);
    BOOST_TEST(made.file.events == 8);
    BOOST_TEST(made.file.new_events == 8);
    BOOST_TEST(made.file.after_position == 0);
    BOOST_TEST(made.file.through_position == 8);
    BOOST_TEST(made.file.bytes == content().size());
    const es::event_file_summary checked = run(es::check_event_file(path()));
    BOOST_TEST(checked.checksum == made.file.checksum);
    expect_same(events(), rows(original.begin() + 8, original.end()));
    expect_sound(options());
    with_store([](es::store store) -> asio::awaitable<void> {
        const es::append_result next = co_await store.append("a", 5, counted_one("a6"));
        BOOST_TEST(next.first_position == 16);
        const es::event_page left = co_await store.read("a");
        TEST_SAME(versions_of(left), from_to(4, 6));
    });

    const es::event_file_summary back = import_back();
    BOOST_TEST(back.new_events == 8);
    const rows after = events();
    expect_same(rows(after.begin(), after.end() - 1), original);
    expect_sound(options());
    with_store([](es::store store) -> asio::awaitable<void> {
        const es::event_page all = co_await store.read("a");
        TEST_SAME(versions_of(all), from_to(1, 6));
        const es::event_page log = co_await store.read_all();
        TEST_SAME(positions_of(log), from_to(1, 16));
        const es::append_result next = co_await store.append("a", 6, counted_one("a7"));
        BOOST_TEST(next.first_position == 17);
    });
    // And once more.
    const es::archive_summary again = archive(before(9), "second");
    BOOST_TEST(again.removed == 8);
    expect_sound(options());
}

BOOST_FIXTURE_TEST_CASE(subscriptions_that_have_seen_them_do_not_get_them_again, archive_fixture) {
    append_some();
    with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        es::subscription all = co_await store.subscribe_to_all("all");
        const texts seen = co_await receive(all, 15);
        BOOST_TEST(seen.size() == 15u);
        co_await all.checkpoint();
        es::subscription one = co_await store.subscribe("a", "one");
        const texts seen_of_one = co_await receive(one, 5);
        BOOST_TEST(seen_of_one.size() == 5u);
        co_await one.unsubscribe();
        const es::archive_summary made = co_await es::archive_events(options().allow_hard_delete(), path(), before(15));
        BOOST_TEST(made.removed == 14);
        const es::event_file_summary back = co_await es::import_events(options(), path());
        BOOST_TEST(back.new_events == 14);
        co_await store.append("a", 5, counted_one("new"));
        const texts of_all = co_await receive(all, 1); // live all the time
        TEST_SAME(of_all, texts({"new"}));
        es::subscription again = co_await store.subscribe("a", "one");
        const texts of_one = co_await receive(again, 1);
        TEST_SAME(of_one, texts({"new"}));
        // Who begins at the origin gets all of it.
        es::subscription fresh = co_await store.subscribe_to_all("fresh");
        const texts whole = co_await receive(fresh, 16);
        BOOST_TEST(whole.front() == "a1");
        BOOST_TEST(whole.back() == "new");
    });
    expect_sound(options());
}

BOOST_FIXTURE_TEST_CASE(an_empty_store_takes_several_archives_in_either_order, archive_fixture) {
    append_some();
    const rows original = events();
    archive(before(6), "first");
    archive(before(12), "second");
    BOOST_TEST(events_stored() == 4);
    for (const bool is_upwards : {true, false}) {
        const fresh_schema other;
        es::store_options into = options();
        into.schema(other.name());
        std::vector<std::string> files = {path("first"), path("second")};
        if (!is_upwards) std::swap(files[0], files[1]);
        run([&]() -> asio::awaitable<void> {
            co_await es::migrate(into);
            for (const std::string& file : files) co_await es::import_events(into, file);
        }());
        const rows copy = sql("select position, s.name, stream_version, event_id, e.created_at, type, data, metadata,"
                              " link_to from " +
            quoted_name(other.name()) + ".events as e join " + quoted_name(other.name()) +
            ".streams as s using (stream_id) order by 1");
        expect_same(copy, rows(original.begin(), original.begin() + 11));
        expect_sound(into);
    }
    // Of the second one alone, the beginning is missing, and no damage.
    const fresh_schema other;
    es::store_options into = options();
    into.schema(other.name());
    run([&]() -> asio::awaitable<void> {
        co_await es::migrate(into);
        co_await es::import_events(into, path("second"));
    }());
    expect_sound(into);
}

BOOST_FIXTURE_TEST_CASE(what_a_subscription_needs_is_neither_exported_nor_removed, archive_fixture) {
    append_some();
    ask("insert into eventstore.subscriptions (stream, name, position, version) values ('$all', 'one', 5, 0)");
    const es::failure why = refused(es::errc::subscription_behind, before(9));
    says(why, "the subscription 'one' to '$all'");
    BOOST_TEST(why.retry_helps());
    BOOST_TEST(!is_there());
    BOOST_TEST(events_stored() == 15);
    BOOST_TEST(archive(before(6)).removed == 5);
    BOOST_TEST(archive(before(9).ignore_subscriptions(), "second").removed == 3);
    // One that is made while the events go ends the removal; what is left goes later.
    ask("delete from eventstore.subscriptions");
    const auto subscribe = [&] {
        ask("insert into eventstore.subscriptions (stream, name, position, version) values ('$all', 'late', 0, 0)");
    };
    refused(es::errc::subscription_behind, at(before(15), es::archive_step::removing, subscribe, 11), "third");
    BOOST_TEST(events_stored() == 4);
    ask("delete from eventstore.subscriptions");
    const es::archive_summary rest = archive(before(15), "third");
    BOOST_TEST(rest.removed == 3);
    BOOST_TEST(rest.file.new_events == 0);
    BOOST_TEST(rest.file.events == 6);
}

BOOST_FIXTURE_TEST_CASE(links_in_the_range_move_and_those_behind_it_hold_it, archive_fixture) {
    append_some();
    with_store([](es::store store) -> asio::awaitable<void> {
        const es::event_page a = co_await store.read("a");
        co_await store.link("links", es::no_stream, ids_of(a)); // 16 to 20
        co_await store.append("a", 5, counted_one("a6"));
    });
    const rows original = events();
    const es::failure why = refused(es::errc::archive_refused, before(18));
    says(why, "the link at position 18, in stream 'links', is to the event at position 7");
    BOOST_TEST(why.stream() == "links");
    BOOST_TEST(!is_there());
    BOOST_TEST(events_stored() == 21);
    const es::archive_summary made = archive(before(21));
    BOOST_TEST(made.removed == 20);
    BOOST_TEST(made.file.links == 5);
    BOOST_TEST(events_stored() == 1);
    import_back();
    expect_same(events(), original);
    expect_sound(options());
    // Those behind are given up.
    const es::archive_summary without = archive(before(18).drop_links(), "second");
    BOOST_TEST(without.dropped_links == 3);
    BOOST_TEST(without.removed == 20);
    BOOST_TEST(without.file.links == 2);
    BOOST_TEST(events_stored() == 1);
    expect_sound(options());
}

BOOST_FIXTURE_TEST_CASE(a_link_made_meanwhile_holds_its_event, archive_fixture) {
    append_some();
    const auto make_link = [&] {
        with_store([](es::store store) -> asio::awaitable<void> {
            const es::event_page c = co_await store.read("c");
            std::vector<es::uuid> one = {c[1].id()}; // at position 6
            co_await store.link("links", es::no_stream, std::move(one));
        });
    };
    const es::failure why = refused(es::errc::archive_refused, at(before(12), es::archive_step::removing, make_link));
    says(why, "is to one of them, was made meanwhile");
    BOOST_TEST(events_stored() == 16 - 3); // the first portion, and not the one with the event
    BOOST_TEST(number("select count(*) from eventstore.events where position = 6") == 1);
    const es::archive_summary made = archive(before(12).drop_links());
    BOOST_TEST(made.removed == 8 + 1);
    BOOST_TEST(made.dropped_links == 1);
    expect_sound(options());
}

BOOST_FIXTURE_TEST_CASE(a_hard_delete_during_the_export_is_found_and_nothing_is_removed, archive_fixture) {
    append_some();
    const auto remove = [&] { delete_for_good("b"); };
    const es::failure why = refused(es::errc::log_truncated, at(before(12), es::archive_step::exporting, remove, 11));
    says(why, "remove the file, and archive again");
    BOOST_TEST(events_stored() == 10);
    std::filesystem::remove(path());
    const es::archive_summary made = archive(before(12));
    BOOST_TEST(made.file.events == 7);
    BOOST_TEST(events_stored() == 3);
    BOOST_TEST(content().find("\"b\"") == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(what_goes_during_the_removal_is_in_the_file_and_hurts_nothing, archive_fixture) {
    append_some();
    const auto remove = [&] {
        delete_for_good("b");
        ask("select eventstore.set_retention('c', false, 5, null, null)");
        ask("select * from eventstore.scavenge(null, '', 100, true)");
        delete_stream_softly("a");
    };
    const es::archive_summary made = archive(at(before(12), es::archive_step::removing, remove));
    BOOST_TEST(made.file.events == 11);
    BOOST_TEST(made.removed == 4); // of a
    BOOST_TEST(number("select min(position) from eventstore.events") == 13);
    expect_sound(options());
}

BOOST_FIXTURE_TEST_CASE(what_is_being_deleted_for_good_is_left_to_that, archive_fixture) {
    append_some();
    ask("select eventstore.delete_stream('a', -1, true, gen_random_uuid())");
    const es::archive_summary made = archive(before(12));
    BOOST_TEST(made.file.events == 7);
    BOOST_TEST(made.removed == 7);
    BOOST_TEST(events_stored() == 8); // 5 of them those of the tombstone
    purge();
    BOOST_TEST(events_stored() == 3);
}

BOOST_FIXTURE_TEST_CASE(what_is_imported_meanwhile_stays, archive_fixture) {
    append_some();
    archive(before(4), "earlier");
    delete_events("position = 8");
    const auto import_other = [&] { // into the gaps
        ask("insert into eventstore.events (position, stream_id, stream_version, created_at, event_id, type, data, "
            "metadata)"
            " select 8, stream_id, 3, created_at, gen_random_uuid(), 'Other', data, metadata from eventstore.events"
            " where position = 11");
        run(es::import_events(options(), path("earlier")));
    };
    const es::failure why =
        refused(es::errc::archive_refused, at(before(12), es::archive_step::removing, import_other));
    says(why, "the log still holds 1 events in the range of the file that are not in it, the first at position 8");
    const rows left = ask("select position from eventstore.events where position < 12 order by 1");
    expect_same(left, rows({{"1"}, {"2"}, {"3"}, {"8"}}));
}

BOOST_FIXTURE_TEST_CASE(another_event_at_the_position_of_an_archived_one_stays, archive_fixture) {
    append_some();
    const auto cut_back = [&] { // as after a fail-over that lost the end of the log
        ask("alter table eventstore.events disable trigger user;"
            " update eventstore.events set event_id = gen_random_uuid(), data = 'other' where position in (5, 6);"
            " alter table eventstore.events enable trigger user");
    };
    const es::failure why = refused(es::errc::archive_refused, at(before(12), es::archive_step::removing, cut_back));
    says(why, "still holds 2 events");
    BOOST_TEST(number("select count(*) from eventstore.events where data = 'other'") == 2);
    BOOST_TEST(number("select count(*) from eventstore.events where position < 12") == 2);
    // Found before anything goes if it comes earlier.
    const auto cut_off = [&] {
        ask("alter table eventstore.events disable trigger user;"
            " update eventstore.events set event_id = gen_random_uuid() where position = 14;"
            " alter table eventstore.events enable trigger user");
    };
    delete_events("data = 'other'");
    says(refused(es::errc::archive_refused, at(before(15), es::archive_step::exporting, cut_off, 14), "second"),
        "at position 14, and the file does not");
    BOOST_TEST(events_stored() == 4);
}

BOOST_FIXTURE_TEST_CASE(it_goes_on_where_it_was_interrupted, archive_fixture) {
    append_some();
    const rows original = events();
    const auto lose = [&] { terminate_backends(); };
    refused(es::errc::connection_lost, at(before(15), es::archive_step::exporting, lose));
    BOOST_TEST(events_stored() == 15);
    refused(es::errc::connection_lost, at(before(15), es::archive_step::checking, lose));
    const std::string whole = content();
    refused(es::errc::connection_lost, at(before(15), es::archive_step::removing, lose, 6));
    const std::int64_t left = events_stored();
    BOOST_TEST(left == 9);
    // What was damaged meanwhile is found, and nothing more goes.
    std::string damaged = whole;
    damaged[whole.size() / 2] ^= 1;
    write(damaged);
    refused(es::errc::file_damaged, before(15));
    write(whole.substr(0, whole.rfind("{\"end\"")));
    const es::failure why = refused(es::errc::log_truncated, before(15));
    says(why, "keep it in that case");
    BOOST_TEST(events_stored() == left);
    write(whole);
    const es::archive_summary rest = archive(before(15));
    BOOST_TEST(rest.file.new_events == 0);
    BOOST_TEST(rest.file.events == 14);
    BOOST_TEST(rest.removed == 8);
    BOOST_TEST(content() == whole);
    const es::archive_summary none = archive(before(15));
    BOOST_TEST(none.removed == 0);
    BOOST_TEST(none.file.events == 14);
    import_back();
    expect_same(events(), original);
}

BOOST_FIXTURE_TEST_CASE(a_cancelled_archive_can_be_gone_on_with, archive_fixture) {
    append_some();
    asio::io_context context;
    asio::cancellation_signal cancel;
    std::exception_ptr thrown;
    bool has_ended = false;
    bool is_removing = false;
    const auto begun = [&] { is_removing = true; };
    auto how = at(es::archive_options(15).events_per_second(1).portion(1), es::archive_step::removing, begun, 1);
    asio::co_spawn(context, es::archive_events(options().allow_hard_delete(), path(), std::move(how)),
        asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e, const es::archive_summary&) {
            thrown = e;
            has_ended = true;
        }));
    run(context, eventually([&] { return is_removing; }));
    cancel.emit(asio::cancellation_type::terminal);
    run(context, eventually([&] { return has_ended; }));
    patience(10s).run(context); // what was under way ends
    BOOST_REQUIRE(thrown);
    BOOST_CHECK_EXCEPTION(std::rethrow_exception(thrown), es::error,
        [](const es::error& e) { return e.why().code() == es::errc::cancelled; });
    const std::int64_t left = events_stored();
    BOOST_TEST(left > 10);
    BOOST_TEST(archive(before(15)).removed == left - 1);
}

BOOST_FIXTURE_TEST_CASE(a_file_of_something_else_is_refused_and_nothing_is_removed, archive_fixture) {
    append_some();
    const fresh_schema other;
    append_some(other.name());
    run([&]() -> asio::awaitable<void> {
        es::store_options elsewhere = options();
        elsewhere.schema(other.name());
        es::export_options range;
        range.through_position(11).events_only();
        co_await es::export_events(elsewhere, path("other store"), range);
        range.through_position(10);
        co_await es::export_events(options(), path("too little"), range);
        range.through_position(12);
        co_await es::export_events(options(), path("too much"), range);
        range.from_position(3).through_position(11);
        co_await es::export_events(options(), path("too late"), range);
    }());
    says(refused(es::errc::archive_refused, before(12), "other store"), "at position 1, and the file does not");
    says(refused(es::errc::archive_refused, before(12), "too little"), "positions 1 to 10, not of all before 12");
    says(refused(es::errc::archive_refused, before(12), "too much"), "positions 1 to 12, not of all before 12");
    says(refused(es::errc::archive_refused, before(12), "too late"), "begins at position 3");
    // Half of one of another store.
    const std::string half = content("other store").substr(0, content("other store").size() / 2);
    write(half, "half");
    refused(es::errc::file_damaged, before(12), "half");
    for (const char* const text : {"something", "something\nthat somebody needs\n"}) {
        write(text);
        refused(es::errc::file_damaged, before(12));
        BOOST_TEST(content() == text);
    }
    refused(es::errc::file_failed, before(12), "no folder/file");
    std::filesystem::create_directory(path("folder"));
    refused(es::errc::file_failed, before(12), "folder");
    std::filesystem::create_symlink("/dev/full", path("device"));
    says(refused(es::errc::file_failed, before(12), "device"), "is no regular file");
    BOOST_TEST(events_stored() == 15);
    // An empty one is as good as none, and one with all that an export keeps is as good as an archive.
    write("", "empty");
    BOOST_TEST(archive(before(4), "empty").removed == 3);
    run(es::export_events(options(), path("whole"), es::export_options().through_position(11)));
    BOOST_TEST(archive(before(12), "whole").removed == 8);
    // Of a log that holds nothing in the range, the header tells.
    refused(es::errc::archive_refused, before(12), "other store");
}

BOOST_FIXTURE_TEST_CASE(the_ends_of_the_log_are_told, archive_fixture) {
    run(es::migrate(options()));
    BOOST_TEST(archive(before(1)).file.bytes == 0u);
    append_some();
    BOOST_TEST(archive(before(1)).file.events == 0);
    BOOST_TEST(!is_there());
    says(refused(es::errc::invalid_argument, before(17)), "the log ends at position 15");
    BOOST_TEST(!is_there());
    const es::archive_summary all = archive(before(16));
    BOOST_TEST(all.removed == 15);
    BOOST_TEST(events_stored() == 0);
    with_store([](es::store store) -> asio::awaitable<void> {
        const es::append_result next = co_await store.append("a", 5, counted_one("a6"));
        BOOST_TEST(next.first_position == 16);
    });
    BOOST_TEST(archive(before(16), "nothing").file.bytes == 0u);
    BOOST_TEST(!is_there("nothing"));
    write("", "empty");
    says(refused(es::errc::archive_refused, before(16), "empty"), "is no whole archive");
    expect_sound(options());
}

BOOST_FIXTURE_TEST_CASE(bad_input_is_refused, archive_fixture) {
    append_some();
    says(refused(es::errc::invalid_argument, before(0)), "positions begin at 1");
    refused(es::errc::invalid_argument, before(5).portion(0));
    refused(es::errc::invalid_argument, before(5).events_per_second(-1));
    run([&]() -> asio::awaitable<void> {
        for (const char* const bad : {"", "-"})
            co_await expect_error(
                es::errc::invalid_argument, es::archive_events(options().allow_hard_delete(), bad, before(5)));
        const auto why =
            co_await expect_error(es::errc::hard_delete_disabled, es::archive_events(options(), path(), before(5)));
        says(why, "allow_hard_delete()");
    }());
    BOOST_TEST(
        session().state_of(here("select eventstore.remove_archived(array[1], '{}', 5, false, false)")) == "22023");
    BOOST_TEST(session().state_of(here("select eventstore.remove_archived('{}', '{}', 0, false, false)")) == "22023");
    BOOST_TEST(session().state_of(here("select eventstore.remove_archived('{}', null, 5, false, false)")) == "22023");
    BOOST_TEST(events_stored() == 15);
}

BOOST_FIXTURE_TEST_CASE(each_step_tells_how_far_it_is, archive_fixture) {
    append_some();
    std::vector<std::pair<es::archive_step, es::transfer_progress>> told;
    const auto hear = [&](es::archive_step step, const es::transfer_progress& now) { told.emplace_back(step, now); };
    archive(before(12).on_progress(hear));
    BOOST_REQUIRE(!told.empty());
    BOOST_TEST(
        std::is_sorted(told.begin(), told.end(), [](const auto& a, const auto& b) { return a.first < b.first; }));
    for (const auto& [step, now] : told) BOOST_TEST(now.end == 11);
    for (const auto step : {es::archive_step::exporting, es::archive_step::checking, es::archive_step::removing}) {
        const auto last = std::find_if(told.rbegin(), told.rend(), [&](const auto& one) { return one.first == step; });
        BOOST_REQUIRE(last != told.rend());
        BOOST_TEST(last->second.events == 11);
        BOOST_TEST(last->second.position == 11);
    }
}

BOOST_AUTO_TEST_CASE(a_standby_is_refused_before_anything_is_written) {
    replicated_server servers;
    run(
        [&]() -> asio::awaitable<void> {
            es::store_options from(servers.standby.url());
            from.allow_hard_delete();
            const es::failure why = co_await expect_error(es::errc::connection_lost,
                es::archive_events(from, "/tmp/eventstore-no-archive", es::archive_options(2)));
            says(why, "the server is a standby");
            BOOST_TEST(!std::filesystem::exists("/tmp/eventstore-no-archive"));
        }(),
        120s);
}

BOOST_AUTO_TEST_SUITE_END()
