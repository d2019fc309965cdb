// A transaction of an import that stores several batches.
#include "support/store_fixture.hpp"

#include <eventstore/event_file.hpp>
#include <eventstore/schemas.hpp>
#include <eventstore/verify.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>

BOOST_AUTO_TEST_SUITE(import_batches_test)

using namespace eventstore::test;
namespace es = eventstore;

namespace {

constexpr std::size_t streams = 8;
constexpr std::size_t events_of_a_stream = 2'500; // the first batch has 8,000 events

/// The export of a store whose streams go through the whole log, and an empty store.
class two_stores : public store_fixture {
public:
    two_stores() {
        with_store([](es::store store) -> asio::awaitable<void> {
            for (std::size_t begin = 0; begin < events_of_a_stream; begin += 500) {
                for (std::size_t n = 0; n < streams; ++n) {
                    auto events = counted(500);
                    co_await store.append("s" + std::to_string(n), es::any_version, std::move(events));
                }
            }
        });
        run(es::export_events(options(), path_));
        run(es::migrate(copy()));
    }
    ~two_stores() { std::remove(path_.c_str()); }

    const std::string& path() const noexcept { return path_; }
    es::store_options copy() const {
        es::store_options how = options();
        how.schema(copy_.name());
        return how;
    }
    std::string in_copy(const std::string& select, const std::string& table) {
        return value(select + " from " + quoted_name(copy_.name()) + "." + table);
    }
    std::string events_in_copy() { return in_copy("select count(*)", "events"); }
    std::vector<es::transfer_progress> import(es::import_options how) {
        std::vector<es::transfer_progress> told;
        how.on_progress([&told](const es::transfer_progress& now) { told.push_back(now); });
        const es::event_file_summary made = run(es::import_events(copy(), path_, std::move(how)));
        BOOST_TEST(made.new_events == std::int64_t{streams * events_of_a_stream});
        return told;
    }
    void expect_whole_copy() {
        BOOST_TEST(events_in_copy() == "20000");
        BOOST_TEST(in_copy("select string_agg(distinct version::text, ' ')", "streams") == "2500");
        BOOST_TEST(in_copy("select count(*)", "streams") == "8");
        BOOST_TEST(run(es::verify(copy())).findings.empty());
    }

private:
    const std::string path_ =
        (std::filesystem::temp_directory_path() / ("batches-" + es::to_string(es::make_uuid()))).string();
    fresh_schema copy_;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(streams_that_go_on_in_the_next_batch_get_their_versions, two_stores) {
    const auto told = import(es::import_options());
    BOOST_TEST(told.size() == 1u); // after a transaction
    expect_whole_copy();
    BOOST_TEST(in_copy("select count(distinct xmin::text)", "events") == "1");
}

BOOST_FIXTURE_TEST_CASE(a_transaction_ends_in_the_middle_of_what_could_be_a_batch, two_stores) {
    es::import_options how;
    how.transaction_events(9'000);
    const auto told = import(std::move(how));
    BOOST_REQUIRE(told.size() == 3u);
    BOOST_TEST(told[0].position == 9'000);
    BOOST_TEST(told[1].position == 18'000);
    expect_whole_copy();
    BOOST_TEST(in_copy("select count(distinct xmin::text)", "events") == "3");
}

BOOST_FIXTURE_TEST_CASE(nothing_of_a_transaction_is_stored_whose_second_batch_is_damaged, two_stores) {
    std::string text;
    {
        std::ifstream file(path(), std::ios::binary);
        text.assign(std::istreambuf_iterator<char>(file), {});
    }
    std::size_t at = 0;
    for (int line = 0; line < 15'000; ++line) at = text.find('\n', at) + 1;
    text[at + 20] = '!';
    std::ofstream(path(), std::ios::binary) << text;
    run([&]() -> asio::awaitable<void> {
        es::import_options how;
        how.transaction_events(12'000);
        const auto why = co_await expect_error(es::errc::file_damaged, es::import_events(copy(), path(), how));
        BOOST_TEST(why.message().find("15001") != std::string::npos, why.message());
    }());
    BOOST_TEST(events_in_copy() == "12000");
}

BOOST_FIXTURE_TEST_CASE(an_import_goes_on_in_the_middle_of_a_batch, two_stores) {
    es::import_options how;
    how.transaction_events(4'000);
    run([&]() -> asio::awaitable<void> {
        asio::cancellation_signal stop;
        how.on_progress([&](const es::transfer_progress& now) {
            if (now.position >= 12'000) stop.emit(asio::cancellation_type::terminal);
        });
        std::exception_ptr thrown;
        auto importing = es::import_events(copy(), path(), how);
        const asio::any_io_executor here = co_await asio::this_coro::executor;
        bool has_ended = false;
        asio::co_spawn(here, std::move(importing),
            asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr why, es::event_file_summary) {
                thrown = why;
                has_ended = true;
            }));
        co_await eventually([&] { return has_ended; });
        BOOST_TEST((thrown != nullptr));
        const std::int64_t stored = std::stoll(events_in_copy());
        BOOST_TEST(stored >= 12'000);
        BOOST_TEST(stored < 20'000);
        const es::event_file_summary rest = co_await es::import_events(copy(), path());
        BOOST_TEST(rest.new_events <= 20'000 - stored);
        BOOST_TEST(rest.new_events >= 20'000 - stored - 4'000); // the transaction under way ends in the background
    }());
    expect_whole_copy();
}

BOOST_AUTO_TEST_SUITE_END()
