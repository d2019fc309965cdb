// A transaction of an import that stores several batches.
#include "support/store_fixture.hpp"

#include <eventstore/event_file.hpp>
#include <eventstore/schemas.hpp>
#include <eventstore/verify.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

BOOST_AUTO_TEST_SUITE(import_batches_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {

constexpr std::size_t streams = 8;
constexpr std::size_t events_of_a_stream = 2'500; // the first batch has 8,000 events

/// The export of a store whose streams go through the whole log, and an empty store.
class two_stores : public store_fixture {
public:
    explicit two_stores(es::payload_format payload = es::payload_format::bytea) : payload_(payload) {
        es::store_options how = options();
        how.payload(payload_).create();
        with_store(how, [](es::store store) -> asio::awaitable<void> {
            for (std::size_t begin = 0; begin < events_of_a_stream; begin += 500) {
                for (std::size_t n = 0; n < streams; ++n) {
                    auto events = counted(500);
                    co_await store.append("s" + std::to_string(n), es::any_version, std::move(events));
                }
            }
        });
        run(es::migrate(copy()));
    }
    ~two_stores() { std::remove(path_.c_str()); }

    const std::string& path() const noexcept { return path_; }
    void write_file() { run(es::export_events(options(), path_)); }
    std::string text_of_file() const {
        std::ifstream file(path_, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(file), {});
    }
    es::store_options copy() const {
        es::store_options how = options();
        how.schema(copy_.name()).payload(payload_);
        return how;
    }
    /// SQL in which `eventstore.` stands for the schema of the copy.
    std::string of_copy(std::string statement) {
        const std::string written = "eventstore.";
        const std::string name = quoted_name(copy_.name()) + ".";
        for (auto at = statement.find(written); at != statement.npos; at = statement.find(written, at + name.size()))
            statement.replace(at, written.size(), name);
        return value(statement);
    }
    std::string events_in_copy() { return of_copy("select count(*) from eventstore.events"); }
    std::string transactions_of_copy() { return of_copy("select count(distinct xmin::text) from eventstore.events"); }

    /// Returns the positions at which transactions ended.
    std::vector<std::int64_t> import(es::import_options how = es::import_options()) {
        std::vector<std::int64_t> ends;
        how.on_progress([&ends](const es::transfer_progress& now) { ends.push_back(now.position); });
        run(es::import_events(copy(), path_, std::move(how)));
        return ends;
    }
    void expect_same() {
        const std::string events =
            "select md5(string_agg(concat_ws('|', e.position, s.name, e.stream_version, e.event_id, e.type, "
            "e.data::text, "
            "e.created_at, e.link_to), chr(10) order by e.position)) from eventstore.events as e "
            "join eventstore.streams as s using (stream_id)";
        const std::string versions =
            "select string_agg(concat_ws('|', name, version, deleted_at is null), ' ' order by "
            "name) from eventstore.streams where name not like '$%'";
        const std::string state = "select concat_ws('|', largest_event, (select string_agg(source || "
                                  "version, ' ') from eventstore.snapshots)) from eventstore.log_state";
        for (const std::string& each : {events, versions, state}) BOOST_TEST(of_copy(each) == value(here(each)), each);
        const es::verify_report report = run(es::verify(copy()));
        for (const es::finding& one : report.findings) BOOST_TEST((one.severity == es::severity::note), one.message);
    }

private:
    const es::payload_format payload_;
    const std::string path_ =
        (std::filesystem::temp_directory_path() / ("batches-" + es::to_string(es::make_uuid()))).string();
    fresh_schema copy_;
};

struct two_stores_of_jsonb : two_stores {
    two_stores_of_jsonb() : two_stores(es::payload_format::jsonb) {}
};

/// A named pipe with the first lines of a file in it, and a writer who says no more.
class stalled_pipe {
public:
    stalled_pipe(std::string path, std::string text) : path_(std::move(path)) {
        BOOST_REQUIRE(::mkfifo(path_.c_str(), 0600) == 0);
        writer_ = std::thread([this, text = std::move(text)] {
            sigset_t broken_pipe; // is an error of write() here, and ends no test program
            ::sigemptyset(&broken_pipe);
            ::sigaddset(&broken_pipe, SIGPIPE);
            ::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
            const int file = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
            for (std::size_t at = 0; at < text.size();) {
                const ssize_t written = ::write(file, text.data() + at, text.size() - at);
                if (written <= 0) break;
                at += static_cast<std::size_t>(written);
            }
            is_silent = true;
            while (!is_over) std::this_thread::sleep_for(5ms);
            ::close(file);
        });
    }
    ~stalled_pipe() {
        is_over = true;
        const int reader = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC); // if nobody has read it
        writer_.join();
        ::close(reader);
        ::unlink(path_.c_str());
    }
    stalled_pipe(const stalled_pipe&) = delete;
    stalled_pipe& operator=(const stalled_pipe&) = delete;

    std::atomic<bool> is_silent{false};
    std::atomic<bool> is_over{false};

private:
    const std::string path_;
    std::thread writer_;
};

std::string lines_of(const std::string& text, int count) {
    std::size_t end = 0;
    for (int line = 0; line < count; ++line) end = text.find('\n', end) + 1;
    return text.substr(0, end);
}

/// Links to events of an earlier batch, gaps, streams that end and begin, and what is not in the log.
asio::awaitable<void> make_it_hard(es::store store) {
    const es::event_page first = co_await store.read("s0", es::read_options().count(40));
    for (std::size_t i = 0; i < 40; i += 10) {
        std::vector<es::uuid> ids;
        for (std::size_t k = i; k < i + 10; ++k) ids.push_back(first[k].id());
        co_await store.link("links", es::any_version, std::move(ids));
    }
    co_await store.delete_stream("s3", es::any_version, es::deletion::hard);
    co_await store.delete_stream("s4", es::any_version);
    co_await store.delete_stream("s5", es::any_version);
    co_await store.restore_stream("s5");
    auto last = counted(600, "7");
    co_await store.append("s5", es::any_version, std::move(last));
    es::snapshot state("s6", 2'000, "State", "1");
    co_await store.record_snapshot(std::move(state));
}

void expect_hard_log_to_be_copied(two_stores& stores) {
    stores.expect_holes();
    es::store_options how = stores.options();
    how.allow_hard_delete();
    stores.with_store(how, make_it_hard);
    stores.write_file();
    stores.import();
    stores.expect_same();
    stores.import(); // finds all of it there
    stores.expect_same();
}

} // namespace

BOOST_FIXTURE_TEST_CASE(streams_that_go_on_in_the_next_batch_get_their_versions, two_stores) {
    write_file();
    const auto ends = import();
    BOOST_TEST(ends.size() <= 2u); // one, unless the machine is too busy to read the second batch soon
    BOOST_TEST(ends.back() == 20'000);
    BOOST_TEST(transactions_of_copy() == std::to_string(ends.size()));
    expect_same();
}

BOOST_FIXTURE_TEST_CASE(a_transaction_ends_in_the_middle_of_what_could_be_a_batch, two_stores) {
    write_file();
    es::import_options how;
    how.transaction_events(9'000);
    const auto ends = import(std::move(how));
    std::int64_t before = 0;
    for (const std::int64_t end : ends) {
        BOOST_TEST(end - before <= 9'000);
        before = end;
    }
    BOOST_TEST(ends.back() == 20'000);
    BOOST_TEST(ends.size() >= 3u);
    BOOST_TEST(transactions_of_copy() == std::to_string(ends.size()));
    expect_same();
}

BOOST_FIXTURE_TEST_CASE(links_gaps_and_deleted_streams_are_copied_in_one_transaction, two_stores) {
    expect_hard_log_to_be_copied(*this);
}

BOOST_FIXTURE_TEST_CASE(payloads_of_jsonb_are_copied_in_one_transaction, two_stores_of_jsonb) {
    expect_hard_log_to_be_copied(*this);
}

BOOST_FIXTURE_TEST_CASE(nothing_of_a_transaction_is_stored_whose_second_batch_is_damaged, two_stores) {
    write_file();
    std::string text = text_of_file();
    text[lines_of(text, 15'000).size() + 20] = '!';
    std::ofstream(path(), std::ios::binary) << text;
    run([&]() -> asio::awaitable<void> {
        const auto why = co_await expect_error(es::errc::file_damaged, es::import_events(copy(), path()));
        BOOST_TEST(why.message().find("15001") != std::string::npos, why.message());
    }());
    const std::string stored = events_in_copy();
    // On a machine that is too busy to read the second batch soon, the first one is a transaction.
    BOOST_TEST((stored == "0" || stored == "8000"), stored);
}

BOOST_FIXTURE_TEST_CASE(an_import_goes_on_behind_one_that_was_cancelled, two_stores) {
    write_file();
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
    expect_same();
}

// The first batch is in a transaction then, and the log's lock in its hands.
BOOST_FIXTURE_TEST_CASE(an_import_from_a_pipe_that_falls_silent_holds_up_no_append, two_stores) {
    write_file();
    const std::string text = lines_of(text_of_file(), 8'500);
    std::filesystem::remove(path());
    stalled_pipe pipe(path(), text);
    asio::io_context context;
    std::exception_ptr thrown;
    asio::co_spawn(context, es::import_events(copy(), path()),
        [&](std::exception_ptr why, es::event_file_summary) { thrown = why; });
    run(context, eventually([&] { return pipe.is_silent && events_in_copy() == "8000"; }, 20s));
    of_copy("select eventstore.append_event('a', -1, gen_random_uuid(), 'T', '', '', null, null, null, false)");
    pipe.is_over = true;
    patience(20s).run(context);
    BOOST_TEST((thrown != nullptr)); // the rest of the file is missing, and its place is taken
    BOOST_TEST(events_in_copy() == "8001");
}

BOOST_AUTO_TEST_SUITE_END()
