#include "package_history/dpkg_log.hpp"
#include "package_history/import.hpp"
#include "package_history/installed.hpp"
#include "package_history/live_model.hpp"

#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <string>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace package_history;

namespace {

std::vector<entry> entries_of(const std::vector<std::string>& lines) {
    log_parser parser;
    std::vector<entry> entries;
    for (const std::string& line : lines) entries.push_back(*parser.parse("2025-06-24 14:36:25 " + line));
    return entries;
}

package_states rebuilt_from(const std::vector<std::string>& lines) {
    package_model model;
    std::int64_t position = 0;
    for (const entry& each : entries_of(lines))
        model.apply(es::recorded_event::make(each.stream, 1, ++position, each.event));
    return model.states();
}

} // namespace

BOOST_AUTO_TEST_SUITE(package_history_test)

BOOST_AUTO_TEST_CASE(the_last_status_is_what_counts) {
    const package_states states = rebuilt_from({"install a:all <none> 1", "status unpacked a:all 1",
        "status installed a:all 1", "upgrade a:all 1 2", "status installed a:all 2", "startup packages remove",
        "status not-installed b:all <none>", "disappear c:all 1 <none>"});
    BOOST_TEST(states.size() == 3U);
    BOOST_TEST(states.at("a:all").status == "installed");
    BOOST_TEST(states.at("a:all").version == "2");
    BOOST_TEST(states.at("b:all").status == "not-installed");
    BOOST_TEST(states.at("c:all").status == "not-installed");
}

BOOST_AUTO_TEST_CASE(a_comparison_tells_every_difference) {
    const package_states rebuilt =
        rebuilt_from({"status installed same:all 1", "status installed newer:all 1", "status installed vanished:all 1",
            "status not-installed gone:all <none>", "status not-installed back:all <none>",
            "status config-files left:all 1", "status triggers-pending waiting:all 1", "status unpacked broken:all 1"});
    const package_states present =
        parse_listing("same:all installed 1\nnewer:all installed 2\nback:all installed 3\n"
                      "left:all config-files 1\nwaiting:all installed 1\nold:all installed 1\n"
                      "broken:all installed 1\nnever:all not-installed\n");
    const comparison result = compare(rebuilt, present);
    BOOST_TEST(result.installed == 2U);
    BOOST_TEST(result.gone == 2U);
    TEST_SAME(result.different,
        (texts{"back:all: by the events not installed, by dpkg 3 (installed)",
            "broken:all: by the events 1 (unpacked), by dpkg 1 (installed)",
            "newer:all: by the events 1 (installed), by dpkg 2 (installed)",
            "vanished:all: by the events 1 (installed), by dpkg not installed"}));
    TEST_SAME(result.unknown, (texts{"old:all"}));
}

BOOST_AUTO_TEST_CASE(a_package_that_got_its_architecture_later_is_one_package) {
    const package_states rebuilt = rebuilt_from({"status half-installed dpkg 1", "status installed dpkg:amd64 1",
        "status half-installed dpkg-dev 1", "status installed lost 1"});
    const comparison result = compare(rebuilt, parse_listing("dpkg:amd64 installed 1\ndpkg-dev half-installed 1\n"));
    BOOST_TEST(result.installed == 1U);
    BOOST_TEST(result.gone == 1U);
    TEST_SAME(result.different, (texts{"lost: by the events 1 (installed), by dpkg not installed"}));
}

BOOST_FIXTURE_TEST_CASE(an_import_appends_what_is_new_and_nothing_twice, store_fixture) {
    std::vector<std::string> lines;
    for (int i = 0; i < 700; ++i)
        lines.push_back("status unpacked package" + std::to_string(i % 3) + ":all " + std::to_string(i));
    const std::vector<entry> all = entries_of(lines);
    const std::vector<entry> part(all.begin(), all.begin() + 400); // 133 or 134 of a package: more than an append

    with_store([&](es::store store) -> asio::awaitable<void> {
        const import_counts first = co_await import_entries(store, part);
        BOOST_TEST(first.streams == 3U);
        BOOST_TEST(first.appended == 400U);
        BOOST_TEST(first.already_there == 0U);
        const import_counts grown = co_await import_entries(store, all);
        BOOST_TEST(grown.appended == 300U);
        BOOST_TEST(grown.already_there == 400U);
        const import_counts again = co_await import_entries(store, all);
        BOOST_TEST(again.appended == 0U);
        BOOST_TEST(again.already_there == 700U);
        BOOST_TEST(again.last_position == 700);

        const es::event_page page = co_await store.read("package-package1:all");
        BOOST_REQUIRE(page.size() == 233U);
        for (std::size_t i = 0; i < page.size(); ++i) {
            BOOST_TEST((page[i].id() == all[3 * i + 1].event.id())); // in the order of the log
            BOOST_TEST((page[i].created_at() == all[0].event.created_at()));
        }
        const package_model model = co_await rebuild(store);
        BOOST_TEST(model.events() == 700U);
        BOOST_TEST(model.states().at("package0:all").version == "699");
    });
}

BOOST_FIXTURE_TEST_CASE(a_model_that_is_kept_is_the_one_that_is_rebuilt, store_fixture) {
    std::vector<std::string> lines;
    for (int i = 0; i < 300; ++i)
        lines.push_back("status unpacked package" + std::to_string(i % 7) + ":all " + std::to_string(i));
    const std::vector<entry> all = entries_of(lines);
    const std::vector<entry> part(all.begin(), all.begin() + 200);

    for (const std::vector<entry>& known : {part, all}) { // the second run goes on where the first one stood
        with_store([&](es::store store) -> asio::awaitable<void> {
            const live_model live(store, schema());
            auto keeping = co_await start(live.keep());
            const import_counts counts = co_await import_entries(store, known);
            co_await eventually([&] { return number("select count(*) from eventstore.projections") == 1; });
            co_await live.wait_for(counts.last_position);
            const live_model::contents kept = co_await live.read();
            BOOST_TEST(kept.events == known.size());
            const package_model rebuilt = co_await rebuild(store);
            BOOST_TEST((kept.states == rebuilt.states()));
            co_await store.close();
            co_await eventually([&] { return keeping.done(); });
            keeping.value();
        });
    }
}

BOOST_FIXTURE_TEST_CASE(several_begin_to_keep_the_model_at_once, store_fixture) {
    const std::vector<entry> one = entries_of({"status installed a:all 1"});
    with_store([&](es::store store) -> asio::awaitable<void> {
        const live_model live(store, schema());
        auto first = co_await start(live.keep());
        auto second = co_await start(live.keep());
        const import_counts counts = co_await import_entries(store, one);
        co_await live.wait_for(counts.last_position);
        BOOST_TEST(number("select sum(events) from eventstore.installed_packages") == 1);
        BOOST_TEST(!first.done());
        BOOST_TEST(!second.done());
        co_await store.close();
        co_await eventually([&] { return first.done() && second.done(); });
        first.value();
        second.value();
    });
}

BOOST_AUTO_TEST_SUITE_END()
