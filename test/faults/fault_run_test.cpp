// A short run of the fault tests: every fault once, for as short as it can be. EVENTSTORE_FAULT_SEED has it repeat another
// one. It asserts that nothing is violated, and no time.
#include <boost/test/unit_test.hpp>

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

BOOST_AUTO_TEST_SUITE(fault_run_test)

namespace {

struct ended_program {
    int exit_code = 0;
    std::string output;
};

ended_program fault_run(const std::string& arguments) {
    const std::string program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "fault_run";
    ended_program ended;
    FILE* const pipe = ::popen(("'" + program + "' " + arguments + " 2>&1").c_str(), "r");
    BOOST_TEST_REQUIRE(pipe != nullptr);
    std::array<char, 4096> buffer;
    while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) ended.output += buffer.data();
    const int status = ::pclose(pipe);
    ended.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return ended;
}

std::string seed() {
    const char* const given = std::getenv("EVENTSTORE_FAULT_SEED");
    return given != nullptr && *given != '\0' ? given : "1";
}

} // namespace

BOOST_AUTO_TEST_CASE(every_fault_is_survived) {
    const ended_program run = fault_run("--seconds 38 --short --seed " + seed());
    BOOST_TEST(run.exit_code == 0, run.output);
    BOOST_TEST(run.output.find("0 violations with seed " + seed()) != std::string::npos);
    BOOST_TEST_MESSAGE(run.output);
}

BOOST_AUTO_TEST_CASE(a_fault_or_an_option_that_does_not_exist_is_refused) {
    const ended_program unknown_fault = fault_run("--seconds 1 --faults kill_client");
    BOOST_TEST(unknown_fault.exit_code == 2);
    BOOST_TEST(unknown_fault.output.find("there is no fault kill_client") != std::string::npos);
    const ended_program unknown_option = fault_run("--second 1");
    BOOST_TEST(unknown_option.exit_code == 2);
    BOOST_TEST(unknown_option.output.find("there is no option --second") != std::string::npos);
    const ended_program no_number = fault_run("--seconds one");
    BOOST_TEST(no_number.exit_code == 2);
    BOOST_TEST(no_number.output.find("--seconds one is no number") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
