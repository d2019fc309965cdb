// Another server takes the place of the one that a store was connected to: with everything that this one had, or, as
// after an asynchronous fail-over, without the end of its log.
#include "support/receive.hpp"
#include "support/store_fixture.hpp"

#include <eventstore/embedded_postgres.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace es = eventstore;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

/// A server at an address that can be given to another one.
class cluster {
public:
    cluster() {
        BOOST_TEST_REQUIRE(mkdtemp(name_.data()) != nullptr);
        fs::permissions(name_, fs::perms::others_exec | fs::perms::group_exec, fs::perm_options::add);
        start("one");
    }
    ~cluster() {
        server_ = es::embedded_postgres();
        std::error_code ignored;
        fs::remove_all(name_, ignored);
    }
    cluster(const cluster&) = delete;
    cluster& operator=(const cluster&) = delete;

    const std::string& url() const noexcept { return url_; }
    es::store_options options() const { return es::store_options(url_).create(); }

    /// Keeps a copy of all there is now: a standby that hears of nothing that comes later.
    void copy() {
        server_ = es::embedded_postgres();
        BOOST_TEST_REQUIRE(std::system(("cp -a " + name_ + "/one " + name_ + "/two").c_str()) == 0);
        start("one");
    }
    /// The copy is promoted, and takes the place of the server.
    void fail_over_to_the_copy() { promote("two"); }
    /// What takes the place of the server has everything that it had.
    void fail_over_without_a_loss() { promote("one"); }

private:
    void start(const std::string& folder) {
        server_ = es::embedded_postgres::start_now(es::embedded_postgres_options()
                                                       .data_folder(fs::path(name_) / folder)
                                                       .setting("restore_command", "false")); // there is no archive
        const fs::path here = fs::path(name_) / "here";
        fs::remove(here);
        fs::create_directory_symlink(session(server_.url()).host(), here);
        url_ = url_with(server_.url(), {{"host", here.string()}});
    }
    void promote(const std::string& folder) {
        server_ = es::embedded_postgres();
        const fs::path signal = fs::path(name_) / folder / "recovery.signal";
        std::ofstream(signal).close();
        const std::string as_its_folder = "chown --reference=" + signal.parent_path().string() + " " + signal.string();
        BOOST_TEST_REQUIRE(std::system(as_its_folder.c_str()) == 0);
        start(folder);
    }

    std::string name_ = "/tmp/eventstore-fail-over-XXXXXX";
    std::string url_;
    es::embedded_postgres server_;
};

/// What comes until the subscription says that the log was cut back; everything, if it does not say so.
asio::awaitable<texts> until_truncated(es::subscription& from, bool& is_truncated) {
    texts seen;
    is_truncated = false;
    try {
        for (;;) {
            auto batch = co_await from.next(2s);
            if (!batch || batch->empty()) break;
            for (const es::recorded_event& each : *batch) seen.emplace_back(each.data());
            batch->ack();
        }
    } catch (const es::error& thrown) {
        is_truncated = thrown.why().code() == es::errc::log_truncated;
        BOOST_TEST(is_truncated, thrown.what());
    }
    co_return seen;
}

asio::awaitable<void> append_elsewhere(const cluster& here, std::size_t count) {
    es::store other = co_await es::open(here.options());
    co_await other.append("elsewhere", es::any_version, counted(count, "kept"));
    co_await other.close();
}

} // namespace

BOOST_AUTO_TEST_SUITE(fail_over_test)

BOOST_AUTO_TEST_CASE(after_a_fail_over_that_lost_nothing_a_subscription_goes_on) {
    cluster servers;
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(servers.options());
        co_await store.append("a", es::any_version, counted(5, "before"));
        es::subscription all = co_await store.subscribe_to_all("all", one_by_one());
        es::subscription one = co_await store.subscribe("a", "one", one_by_one());
        BOOST_TEST((co_await receive(all, 5)).size() == 5u);
        BOOST_TEST((co_await receive(one, 5)).size() == 5u);

        for (int round = 0; round < 2; ++round) { // and again
            servers.fail_over_without_a_loss();
            co_await append_elsewhere(servers, 2);
            co_await store.append("a", es::any_version, counted(2, "mine"));
            const texts expected_of_all{"kept1", "kept2", "mine1", "mine2"};
            const texts seen_of_all = co_await receive(all, 4);
            TEST_SAME(seen_of_all, expected_of_all);
            const texts expected_of_one{"mine1", "mine2"};
            const texts seen_of_one = co_await receive(one, 2);
            TEST_SAME(seen_of_one, expected_of_one);
        }
        co_await all.unsubscribe();
        co_await one.unsubscribe();
        session observer(servers.url());
        BOOST_TEST(observer.value("select string_agg(timeline || ':' || head, ' ' order by timeline) "
                                  "from eventstore.forks") == "2:5 3:9");
        BOOST_TEST(observer.value("select position from eventstore.subscriptions where name = 'all'") == "13");
    };
    run(body(), 120s);
}

// The store has seen positions 6 to 10, which are given to other events on the server that has taken over. Were it to
// go on after them, it would never see those.
BOOST_AUTO_TEST_CASE(after_a_fail_over_that_lost_events_nothing_is_skipped) {
    for (const bool appends_first : {true, false}) {
        cluster servers;
        const auto body = [&]() -> asio::awaitable<void> {
            {
                const es::store first = co_await es::open(servers.options());
                co_await first.append("a", es::any_version, counted(5, "before"));
            }
            servers.copy();
            const es::store store = co_await es::open(servers.options());
            es::subscription all = co_await store.subscribe_to_all("all", one_by_one());
            es::subscription one = co_await store.subscribe("a", "one", one_by_one());
            co_await store.append("a", es::any_version, counted(5, "lost"));
            BOOST_TEST((co_await receive(all, 10)).size() == 10u);
            BOOST_TEST((co_await receive(one, 10)).size() == 10u);

            servers.fail_over_to_the_copy();
            co_await append_elsewhere(servers, 7);
            if (appends_first) { // and is refused: what it knows of the log is not so any more
                auto appending = store.append("a", es::any_version, counted(9, "mine"));
                co_await expect_error(es::errc::log_truncated, std::move(appending));
            }
            bool is_truncated = false;
            const texts seen = co_await until_truncated(all, is_truncated);
            BOOST_TEST(is_truncated);
            TEST_SAME(seen, texts()); // of what came now, something stands before it that did not come
            const texts seen_of_one = co_await until_truncated(one, is_truncated);
            BOOST_TEST(is_truncated);
            TEST_SAME(seen_of_one, texts());

            // What it says is true of the server that is there now.
            es::subscription again = co_await store.subscribe_to_all("all", one_by_one());
            BOOST_TEST((co_await receive(again, 5u + 7u)).size() == 5u + 7u);
            const es::store anew = co_await es::open(servers.options());
            co_await anew.append("a", 5, counted(2, "mine"));
            const texts expected{"mine1", "mine2"};
            const texts seen_again = co_await receive(again, 2);
            TEST_SAME(seen_again, expected);
            co_await again.unsubscribe();
        };
        run(body(), 120s);
    }
}

// Its checkpoint is beside events that it left out, so that no event tells that the log is another one.
BOOST_AUTO_TEST_CASE(a_checkpoint_that_only_filtered_events_have_moved_is_not_written_behind_a_fork) {
    cluster servers;
    const auto body = [&]() -> asio::awaitable<void> {
        es::subscription_options wanted = one_by_one();
        wanted.types({"Wanted"}).checkpoint_after(1ms);
        {
            const es::store first = co_await es::open(servers.options());
            es::subscription all = co_await first.subscribe_to_all("all", wanted);
            co_await first.append("a", es::any_version, es::event_data("Wanted", "before"));
            BOOST_TEST((co_await receive(all, 1)).size() == 1u);
            co_await all.unsubscribe();
        }
        servers.copy();
        es::store store = co_await es::open(servers.options().operation_timeout(2s));
        es::subscription all = co_await store.subscribe_to_all("all", wanted);
        co_await store.append("a", es::any_version, counted(5, "lost"));
        BOOST_TEST((co_await receive(all, 0)).empty());
        servers.fail_over_to_the_copy();
        {
            const es::store other = co_await es::open(servers.options());
            for (int i = 0; i < 8; ++i) co_await other.append("b", es::any_version, es::event_data("Wanted", "kept"));
        }
        bool is_truncated = false;
        const texts seen = co_await until_truncated(all, is_truncated);
        BOOST_TEST(is_truncated);
        BOOST_TEST(seen.empty());
        es::subscription again = co_await store.subscribe_to_all("all", wanted);
        BOOST_TEST((co_await receive(again, 8)).size() == 8u);
        co_await again.unsubscribe();
    };
    run(body(), 120s);
}

BOOST_AUTO_TEST_SUITE_END()
