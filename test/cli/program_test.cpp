// What is true of every command.
#include "cli/program.hpp"

#include "support/session.hpp"
#include "support/store_fixture.hpp"

#include <cstdlib>
#include <filesystem>

using namespace eventstore::test;

namespace {

const words commands = {"init", "migrate", "append", "read", "tail", "streams", "info", "snapshot", "subscriptions",
    "export", "import", "check"};

bool is_one_line(const std::string& message) {
    return message.starts_with("eventstore: ") && message.find('\n') == message.size() - 1;
}

} // namespace

BOOST_AUTO_TEST_SUITE(program_test)

BOOST_AUTO_TEST_CASE(help_is_there_for_the_program_and_for_each_command) {
    const outcome program = run_program({"--help"});
    BOOST_TEST(program.exit_code == 0);
    BOOST_TEST(program.err == "");
    for (const std::string& command : commands) {
        BOOST_TEST(program.out.find("\n  " + command) != std::string::npos);
        const outcome help = run_program({command, "--help"});
        BOOST_TEST(help.exit_code == 0);
        BOOST_TEST(help.err == "");
        BOOST_TEST(help.out.starts_with("usage: eventstore " + command));
        BOOST_TEST(help.out.find("--embedded FOLDER") != std::string::npos);
        BOOST_TEST(help.out.find("Exit codes:") != std::string::npos);
    }
    BOOST_TEST(run_program({"--version"}).out.starts_with("eventstore "));
}

BOOST_AUTO_TEST_CASE(a_wrong_command_line_is_told_in_one_line) {
    for (const words& wrong : {words{}, words{"frobnicate"}, words{"read"}, words{"read", "--url"},
             words{"read", "--url", "x", "--embedded", "y"}, words{"read", "--url", "x", "--json", "--table"},
             words{"read", "a", "b", "--url", "x"}, words{"streams", "x"}, words{"read", "--coun", "3", "--url", "x"},
             words{"append", "--url", "x"}, words{"init", "--count", "1"},
             words{"append", "a", "--expect", "-1", "--url", "x"},
             words{"append", "a", "--expect", "soon", "--url", "x"},
             words{"append", "--bulk", "--expect", "3", "--url", "x"}, words{"read", "--embedded", ""}}) {
        const outcome refused = run_program(wrong);
        BOOST_TEST(refused.exit_code == 2);
        BOOST_TEST(refused.out == "");
        BOOST_TEST(is_one_line(refused.err), refused.err);
    }
}

BOOST_AUTO_TEST_CASE(no_message_repeats_a_password) {
    const std::string url = "postgresql://ada:s3cret@127.0.0.1:1/shop";
    for (const words& command : {words{"info", "--url", url}, words{"info", "--verbose", "--url", url},
             words{url, "read"}, words{"--ulr", url, "read"}, words{"read", "--ulr=" + url}, words{"read", "a", url},
             words{"read", "--count", url}, words{"info", "--url", "host=127.0.0.1 port=1 password=s3cret"},
             words{"info", "--url", url + "?nonsense=1"}, words{"info", "--url", "postgresql://ada:s3cret@[::1/shop"},
             words{"info", "-v" + url}, words{"info", "-u" + url}, words{"info", "-" + url}, words{"info", "--" + url},
             words{"info", "--verbose=" + url}, words{"info", "--url" + url},
             words{"info", "--url=" + url, "--url=" + url}, words{"info", "-v", url}, words{"info", "--help=" + url},
             words{"-h" + url}, words{"--json=" + url, "info"},
             words{"info", "--url", "postgresql://ada:x@s3cret@127.0.0.1:1/shop"}}) {
        const outcome failed = run_program(command);
        BOOST_TEST((failed.exit_code == 1 || failed.exit_code == 2));
        BOOST_TEST(failed.err.starts_with("eventstore: "));
        BOOST_TEST((failed.out + failed.err).find("s3cret") == std::string::npos, failed.err);
    }
}

BOOST_AUTO_TEST_CASE(a_store_that_cannot_be_reached_is_a_failure) {
    const outcome failed = run_program({"info", "--url", "host=127.0.0.1 port=1 dbname=x"});
    BOOST_TEST(failed.exit_code == 1);
    BOOST_TEST(is_one_line(failed.err), failed.err);
}

BOOST_AUTO_TEST_CASE(a_schema_is_made_by_init_and_by_nothing_else) {
    const fresh_schema schema;
    const words where = {"--url", test_server::url(), "--schema", schema.name()};
    const auto run = [&](words command) {
        command.insert(command.end(), where.begin(), where.end());
        return run_program(command);
    };
    for (const char* const command : {"read", "tail", "streams", "info", "subscriptions"}) {
        const outcome failed = run({command});
        BOOST_TEST(failed.exit_code == 1);
        BOOST_TEST(is_one_line(failed.err), failed.err);
    }
    for (const char* const command : {"init", "init", "migrate"}) {
        const outcome done = run({command});
        BOOST_TEST(done.exit_code == 0);
        BOOST_TEST(done.out.starts_with("{\"schema_version\":"));
    }
    BOOST_TEST(run({"init", "--table"}).out.starts_with("the schema " + schema.name() + " is at version "));
    BOOST_TEST(run({"info"}).exit_code == 0);
}

BOOST_FIXTURE_TEST_CASE(the_url_may_come_from_the_environment, program_fixture) {
    setenv("EVENTSTORE_URL", test_server::url().c_str(), 1);
    const outcome from_environment = run_program({"info", "--schema", schema()});
    const outcome option_wins = run_program({"info", "--schema", schema(), "--url", "host=127.0.0.1 port=1"});
    unsetenv("EVENTSTORE_URL");
    BOOST_TEST(from_environment.exit_code == 0);
    BOOST_TEST(option_wins.exit_code == 1);
}

BOOST_FIXTURE_TEST_CASE(options_may_stand_before_the_command, program_fixture) {
    const outcome done = run_program({"--url", test_server::url(), "--schema=" + schema(), "--json", "info"});
    BOOST_TEST(done.exit_code == 0);
    BOOST_TEST(done.out.starts_with(R"({"stream":"$all","version":0,)"));
}

BOOST_AUTO_TEST_CASE(an_embedded_server_keeps_its_data_in_the_folder) {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("eventstore_program_test_" + std::to_string(getpid()));
    const words where = {"--embedded", folder.string()};
    const auto run = [&](words command, const std::string& input = "") {
        command.insert(command.end(), where.begin(), where.end());
        return run_program(command, input);
    };
    BOOST_TEST(run({"append", "a"}, R"({"type":"T","data":1})").exit_code == 0);
    BOOST_TEST(run({"append", "a", "--expect", "1"}, R"({"type":"T","data":2})").exit_code == 0);
    BOOST_TEST(run({"read"}).lines().size() == 2U);
    BOOST_TEST(run({"read", "nowhere"}).exit_code == 3);
    BOOST_TEST(!std::filesystem::exists(folder / "postmaster.pid"));
    std::filesystem::remove_all(folder);
}

BOOST_AUTO_TEST_SUITE_END()
