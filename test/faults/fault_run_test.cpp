// A short run of the fault tests: every fault once, for as short as it can be. EVENTSTORE_FAULT_SEED has it repeat another
// one. It asserts that nothing is violated, and no time.
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

extern char** environ;

BOOST_AUTO_TEST_SUITE(fault_run_test)

namespace {

/// fault_run, which ends with this process.
class started_run {
public:
    explicit started_run(std::vector<std::string> arguments) {
        const std::string program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "fault_run";
        arguments.insert(arguments.begin(), program);
        arguments.insert(arguments.end(), {"--parent", std::to_string(::getpid())});
        std::vector<char*> list;
        for (std::string& argument : arguments) list.push_back(argument.data());
        list.push_back(nullptr);
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
        output_ = ends[0];
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        for (const int number : {STDOUT_FILENO, STDERR_FILENO})
            ::posix_spawn_file_actions_adddup2(&actions, ends[1], number);
        const int refused = ::posix_spawn(&pid_, list[0], &actions, nullptr, list.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(ends[1]);
        if (refused == 0) return;
        ::close(output_);
        throw std::system_error(refused, std::generic_category(), program);
    }
    ~started_run() {
        ::close(output_);
        if (pid_ == 0) return;
        tell_to_end();
        wait();
    }
    started_run(const started_run&) = delete;
    started_run& operator=(const started_run&) = delete;

    /// Until it has said this, or says nothing more. Returns all that it has said so far.
    const std::string& read_until(const std::string& text) {
        char piece[4096];
        while (said_.find(text) == std::string::npos) {
            const ssize_t size = ::read(output_, piece, sizeof piece);
            if (size > 0)
                said_.append(piece, static_cast<std::size_t>(size));
            else if (size == 0 || errno != EINTR)
                break;
        }
        return said_;
    }
    void tell_to_end() { ::kill(pid_, SIGTERM); }
    /// Returns its exit code.
    int wait() {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

private:
    pid_t pid_ = 0;
    int output_ = -1;
    std::string said_;
};

struct ended_program {
    int exit_code = 0;
    std::string output;
};

ended_program fault_run(std::vector<std::string> arguments) {
    started_run run(std::move(arguments));
    ended_program ended;
    ended.output = run.read_until("what it never says");
    ended.exit_code = run.wait();
    return ended;
}

/// A folder for temporary files, instead of the usual one, for programs that are started meanwhile.
class temporary_folder {
public:
    temporary_folder() {
        std::string pattern = std::filesystem::temp_directory_path() / "es-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("there is no folder");
        path_ = pattern;
        ::chmod(path_.c_str(), 01777); // the server may have another user
        if (const char* const before = std::getenv("TMPDIR")) before_ = before;
        ::setenv("TMPDIR", path_.c_str(), 1);
    }
    ~temporary_folder() {
        if (before_.empty())
            ::unsetenv("TMPDIR");
        else
            ::setenv("TMPDIR", before_.c_str(), 1);
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;

    bool has_a_run() const {
        for (const auto& entry : std::filesystem::directory_iterator(path_))
            if (entry.path().filename().string().starts_with("eventstore-faults-")) return true;
        return false;
    }

private:
    std::string path_;
    std::string before_;
};

std::string seed() {
    const char* const given = std::getenv("EVENTSTORE_FAULT_SEED");
    return given != nullptr && *given != '\0' ? given : "1";
}

} // namespace

BOOST_AUTO_TEST_CASE(every_fault_is_survived) {
    const ended_program run = fault_run({"--seconds", "38", "--short", "--seed", seed()});
    BOOST_TEST(run.exit_code == 0, run.output);
    BOOST_TEST(run.output.find("\n0 violations with seed " + seed() + "\n") != std::string::npos);
    BOOST_TEST_MESSAGE(run.output);
}

// As it is when its parent ends.
BOOST_AUTO_TEST_CASE(a_run_that_is_told_to_end_leaves_nothing) {
    const temporary_folder folder;
    started_run run({"--minutes", "10", "--faults", "pause_clients"});
    BOOST_TEST_REQUIRE(run.read_until("pause_clients for").find("pause_clients for") != std::string::npos);
    BOOST_TEST(folder.has_a_run());
    run.tell_to_end();
    const std::string said = run.read_until("what it never says");
    BOOST_TEST(run.wait() == 2);
    BOOST_TEST(said.find("it was told to end") != std::string::npos, said);
    BOOST_TEST(!folder.has_a_run());
}

BOOST_AUTO_TEST_CASE(a_fault_or_an_option_that_does_not_exist_is_refused) {
    const ended_program unknown_fault = fault_run({"--seconds", "1", "--faults", "kill_client"});
    BOOST_TEST(unknown_fault.exit_code == 2);
    BOOST_TEST(unknown_fault.output.find("there is no fault kill_client") != std::string::npos);
    const ended_program unknown_option = fault_run({"--second", "1"});
    BOOST_TEST(unknown_option.exit_code == 2);
    BOOST_TEST(unknown_option.output.find("there is no option --second") != std::string::npos);
    const ended_program no_number = fault_run({"--seconds", "one"});
    BOOST_TEST(no_number.exit_code == 2);
    BOOST_TEST(no_number.output.find("--seconds one is no number") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
