// `export` and `import` are killed at random moments, and carried on.
#include "cli/two_stores.hpp"

#include "support/store_fixture.hpp"

#include <csignal>
#include <random>
#include <thread>

using namespace eventstore::test;

namespace {

constexpr int rounds = 20;
constexpr int events = 3000;

/// Runs a command again and again, each time killed a little later, until it ends by itself or `rounds` are over; then to
/// its end. Returns how often it was killed.
int carry_out(const std::string& schema, words command, std::chrono::microseconds usual) {
    for (const std::string& word : {std::string("--url"), test_server::url(), std::string("--schema"), schema})
        command.push_back(word);
    std::mt19937 random(std::random_device{}());
    int killed = 0;
    for (int round = 0; round < rounds; ++round) {
        running_program running(command);
        std::this_thread::sleep_for(usual * (random() % 1000) / 1000); // when it is killed is what this is about
        running.send_signal(SIGKILL);
        if (running.exit_code() == 128 + SIGKILL) ++killed;
    }
    const outcome done = run_program(command);
    BOOST_TEST(done.exit_code == 0, done.err);
    return killed;
}

/// How long a command takes when nobody kills it.
std::chrono::microseconds time_of(const std::string& schema, const words& command) {
    const auto begin = std::chrono::steady_clock::now();
    BOOST_REQUIRE(two_stores::run(schema, command).exit_code == 0);
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
}

} // namespace

BOOST_AUTO_TEST_SUITE(program_export_kill_test)

BOOST_AUTO_TEST_CASE(an_export_that_is_killed_again_and_again_is_the_same_file) {
    const two_stores both;
    append_many(both.original, events, 50);
    const fresh_file whole, file;
    const auto usual = time_of(both.original.name(), {"export", "--to", whole.path()});
    const int killed = carry_out(both.original.name(), {"export", "--to", file.path()}, usual);
    BOOST_TEST(killed > 0);
    // All but the time of the beginning, and so the checksums, is the same.
    BOOST_TEST(run_program({"check", file.path()}).exit_code == 0);
    BOOST_TEST(file.size() == whole.size());
    both.import_from(file);
    both.compare();
}

BOOST_AUTO_TEST_CASE(an_export_goes_on_from_any_byte) {
    const two_stores both;
    append_many(both.original, 40, 3);
    const fresh_file file;
    both.export_to(file);
    const std::string whole = file.content();
    std::mt19937 random(5);
    for (int round = 0; round < rounds; ++round) {
        const std::size_t size = random() % whole.size();
        file.write(whole.substr(0, size));
        const outcome done = both.from_original({"export", "--to", file.path()});
        BOOST_TEST(done.exit_code == 0, done.err);
        BOOST_TEST(run_program({"check", file.path()}).exit_code == 0);
        if (size > whole.find('\n')) BOOST_TEST(file.content() == whole);
    }
}

BOOST_AUTO_TEST_CASE(an_import_that_is_killed_again_and_again_is_exact) {
    const two_stores both;
    append_many(both.original, events, 50);
    const fresh_file file;
    both.export_to(file);
    const fresh_schema other;
    BOOST_TEST(two_stores::run(other.name(), {"init"}).exit_code == 0);
    const words command = {"import", file.path(), "--transaction-events", "200"};
    const auto usual = time_of(other.name(), command);
    const int killed = carry_out(both.copy.name(), command, usual);
    BOOST_TEST(killed > 0);
    both.compare();
}

BOOST_AUTO_TEST_SUITE_END()
