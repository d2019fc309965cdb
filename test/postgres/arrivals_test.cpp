// What has come through TLS is read to its end, however it was put into records: what the library for TLS holds makes no
// socket readable.
#include "postgres/connection.hpp"
#include "postgres/tls_server.hpp"

#include "support/coroutines.hpp"

#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <random>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;
using connection_ptr = std::shared_ptr<es::postgres::connection>;

namespace {

constexpr std::size_t full = 16'384;

/// Full records, and what is left before them.
std::vector<std::size_t> full_records_last(std::size_t bytes) {
    std::vector<std::size_t> sizes(bytes / full, full);
    if (bytes % full != 0) sizes.insert(sizes.begin(), bytes % full);
    return sizes;
}

std::string ready() { return message_of('Z', "I"); }

/// Many small messages, so many bytes in all: a long one makes libpq's buffer as large as itself.
std::string notices_of(std::size_t bytes) {
    constexpr std::size_t each = 331;
    std::string all;
    while (bytes - all.size() > 2 * each) all += notice_of(each);
    return all + notice_of(bytes - all.size());
}

/// A welcome without a password.
std::string welcome(std::size_t padding = 0) {
    std::string bytes = message_of('R', std::string_view("\0\0\0\0", 4));
    if (padding > 0) bytes += notices_of(padding);
    return bytes + ready();
}

std::string row(std::size_t bytes) {
    std::string length;
    for (const int shift : {24, 16, 8, 0}) length += static_cast<char>(bytes >> shift & 0xff);
    return message_of('D', std::string("\0\1", 2) + length + std::string(bytes, 'x'));
}

const std::string before_rows = message_of('1', "") + message_of('2', "") +
    message_of('T', std::string("\0\1a\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0", 22));
const std::string after_rows = message_of('C', std::string("SELECT 1\0", 9)) + ready();

/// Small rows, as a statement in the pipeline has them, so many bytes in all.
tls_server::answer answer_of(std::size_t bytes) {
    constexpr std::size_t each = 331;
    std::string all = before_rows;
    bytes -= after_rows.size();
    while (bytes - all.size() > 2 * each) all += row(each - row(0).size());
    all += row(bytes - all.size() - row(0).size());
    return {all + after_rows, full_records_last(bytes + after_rows.size())};
}

class asked final : public es::postgres::request {
public:
    asked() {
        what_.text = "select";
        what_.doing = "asking";
        what_.is_prepared = false;
        what_.answers_in_text = true;
    }
    const es::postgres::statement& sql() const noexcept override { return what_; }
    const es::postgres::parameters& arguments() const noexcept override { return arguments_; }
    void on_answer(es::postgres::answer answer) override {
        for (int i = 0; i < answer.rows(); ++i) size += row(answer.bytes(i, 0).size()).size();
    }
    void on_synced(const es::failure*) override { done = true; }
    void on_skipped() override { done = true; }
    void on_lost(const es::failure& why, bool) override {
        BOOST_TEST_MESSAGE(why.message());
        done = true;
    }

    std::size_t size = 0; // of the rows
    bool done = false;

private:
    es::postgres::statement what_;
    es::postgres::parameters arguments_;
};

es::postgres::steady_time soon() { return std::chrono::steady_clock::now() + 10s; }

asio::awaitable<connection_ptr> connect(const tls_server& server) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto made = std::make_shared<es::postgres::connection>(asio::make_strand(executor),
        es::postgres::connection::sending_mode(), es::detail::environment::make(executor, nullptr));
    const auto options = es::store_options(server.url()).pooled(); // which is opened without a script
    auto connecting = es::postgres::connection::connect(
        made, *es::postgres::connect_settings::make(options, es::postgres::session_kind::reading), soon());
    const es::result<void> connected = co_await std::move(connecting);
    if (!connected) BOOST_FAIL(connected.error().message());
    co_return made;
}

/// Sends one request after the other, and expects these answers.
void ask_all(const std::vector<tls_server::answer>& answers) {
    const tls_server server({welcome(), {full}}, answers);
    run([&]() -> asio::awaitable<void> {
        const connection_ptr connection = co_await connect(server);
        connection->start_pipeline([](const es::failure&) {});
        for (const tls_server::answer& each : answers) {
            const auto question = std::make_shared<asked>();
            const std::shared_ptr<es::postgres::request> group[] = {question};
            connection->send(group);
            co_await eventually([&] { return question->done; });
            BOOST_TEST(before_rows.size() + question->size + after_rows.size() == each.bytes.size());
        }
        connection->drop(es::failure(es::errc::store_closed, "the test is over"));
    }());
}

} // namespace

BOOST_AUTO_TEST_SUITE(arrivals_test)

BOOST_AUTO_TEST_CASE(an_answer_whose_last_records_are_full_is_read_at_once) {
    std::vector<tls_server::answer> answers;
    for (std::size_t records = 1; records <= 6; ++records)
        for (const std::size_t before : {0u, 1u, 100u, 6'232u, 8'191u, 8'192u, 8'193u, 16'383u})
            answers.push_back(answer_of(records * full + before));
    ask_all(answers);
}

BOOST_AUTO_TEST_CASE(an_answer_in_any_records_is_read_at_once) {
    std::mt19937 random(7);
    const auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(1, most)(random); };
    std::vector<tls_server::answer> answers;
    for (int i = 0; i < 300; ++i) {
        tls_server::answer each = answer_of(100 + up_to(120'000));
        each.records.clear();
        const std::size_t most = i % 3 == 0 ? 64 + up_to(4'000) : full;
        for (std::size_t left = each.bytes.size(); left > 0; left -= each.records.back())
            each.records.push_back(std::min({left, i % 2 == 0 ? most : up_to(most), full}));
        answers.push_back(std::move(each));
    }
    ask_all(answers);
}

BOOST_AUTO_TEST_CASE(a_welcome_whose_last_records_are_full_is_read_at_once) {
    for (const std::size_t records : {1u, 2u, 3u, 5u}) {
        const std::string bytes = welcome(records * full - welcome().size());
        const tls_server server({bytes, full_records_last(bytes.size())}, {});
        run([&]() -> asio::awaitable<void> {
            const connection_ptr connection = co_await connect(server);
            BOOST_TEST(connection->is_open());
        }());
    }
}

BOOST_AUTO_TEST_CASE(a_script_of_the_set_up_is_answered_at_once) {
    std::vector<tls_server::answer> answers;
    for (const std::size_t records : {1u, 2u, 3u, 5u}) {
        const std::string end = message_of('C', std::string("SET\0", 4)) + ready();
        answers.push_back({notices_of(records * full - end.size()) + end, full_records_last(records * full)});
    }
    const tls_server server({welcome(), {full}}, answers);
    run([&]() -> asio::awaitable<void> {
        const connection_ptr connection = co_await connect(server);
        for (std::size_t i = 0; i < answers.size(); ++i) {
            auto running = es::postgres::connection::run_script(connection, "set a.b = 1", soon());
            const es::result<es::postgres::answer> answer = co_await std::move(running);
            BOOST_TEST(answer.has_value());
        }
    }());
}

BOOST_AUTO_TEST_CASE(all_notifications_that_have_come_are_passed_on_at_once) {
    // Each of 64 bytes, so that two full records hold them exactly.
    const std::string one = message_of('A', std::string("\0\0\0\1es_channel\0", 15) + std::string(43, 'm') + '\0');
    BOOST_REQUIRE(one.size() == 64u);
    const std::string end = message_of('C', std::string("SET\0", 4)) + ready();
    tls_server::answer listening{end + notices_of(full - end.size()), {full}};
    for (std::size_t i = 0; i < 3 * full / one.size(); ++i) listening.bytes += one;
    listening.records = {full, full, full, full};
    const tls_server server({welcome(), {full}}, {listening});
    run([&]() -> asio::awaitable<void> {
        const connection_ptr connection = co_await connect(server);
        std::size_t heard = 0;
        connection->start_listening([&](std::string_view, std::string_view) { ++heard; }, [](const es::failure&) {});
        const auto question = std::make_shared<asked>();
        const std::shared_ptr<es::postgres::request> group[] = {question};
        connection->send(group);
        co_await eventually([&] { return question->done && heard == 3 * full / one.size(); });
        connection->drop(es::failure(es::errc::store_closed, "the test is over"));
    }());
}

BOOST_AUTO_TEST_SUITE_END()
