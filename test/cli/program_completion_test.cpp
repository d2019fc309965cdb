// Completion of shells and manual pages: each command and each option is in them, and the shells and readers accept them.
#include "cli/command_table.hpp"
#include "cli/completion.hpp"
#include "cli/man.hpp"
#include "cli/program.hpp"

#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace eventstore::test;
namespace cli = eventstore::cli;

namespace {

bool has_program(const std::string& name) { return run_path("/bin/sh", {"-c", "command -v " + name}).exit_code == 0; }

/// A folder that goes with the test.
class folder {
public:
    folder() {
        std::string name = (std::filesystem::temp_directory_path() / "eventstore-pages-XXXXXX").string();
        BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~folder() { std::filesystem::remove_all(path_); }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;

    std::string file(const std::string& name) const { return (path_ / name).string(); }
    std::string path() const { return path_.string(); }

private:
    std::filesystem::path path_;
};

std::string content(const std::string& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

/// What bash offers when these words stand on the command line, the last of them incomplete.
words completed_by_bash(const words& line) {
    std::string script = cli::bash_completion() + "COMP_WORDS=(eventstore";
    for (const std::string& word : line) script += " '" + word + "'";
    script += ")\nCOMP_CWORD=" + std::to_string(line.size()) + "\n_eventstore\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n";
    const outcome done = run_path("/bin/bash", {"-s"}, script);
    BOOST_TEST(done.exit_code == 0, done.err);
    BOOST_TEST(done.err == "");
    words list = done.lines();
    std::erase(list, "");
    return list;
}

bool has(const words& list, const std::string& word) { return std::find(list.begin(), list.end(), word) != list.end(); }

std::string last_word(std::string_view name) {
    return std::string(name.find(' ') == name.npos ? name : name.substr(name.find(' ') + 1));
}

} // namespace

BOOST_AUTO_TEST_SUITE(program_completion_test)

BOOST_AUTO_TEST_CASE(bash_completes_each_command_and_option) {
    const words first = completed_by_bash({""});
    for (const cli::command* command : cli::all_commands()) {
        words line;
        std::istringstream name{std::string(command->name)};
        for (std::string word; name >> word;) line.push_back(word);
        if (line.size() == 1)
            BOOST_TEST(has(first, line[0]), line[0]);
        else
            BOOST_TEST(has(completed_by_bash({line[0], ""}), line[1]), command->name);
        line.push_back("--");
        const words options = completed_by_bash(line);
        for (const cli::option_info& option : cli::options_of(command))
            BOOST_TEST(has(options, "--" + option.name), command->name << " --" << option.name);
        for (const cli::option_info& option : cli::options_of(nullptr))
            BOOST_TEST(has(options, "--" + option.name), option.name);
    }
}

BOOST_AUTO_TEST_CASE(bash_knows_what_stands_behind_an_option) {
    BOOST_TEST(completed_by_bash({"init", "--payload", "j"}) == words{"jsonb"}, boost::test_tools::per_element());
    BOOST_TEST(completed_by_bash({"append", "--expect", ""}).empty());
    // Options before the command, and their values, are no commands.
    BOOST_TEST(has(completed_by_bash({"--schema", "read", "subscriptions", "re"}), "reset"));
    BOOST_TEST(has(completed_by_bash({"--json", "completion", "b"}), "bash"));
    BOOST_TEST(!has(completed_by_bash({"subscriptions", "reset", "re"}), "reset"));
    const folder here;
    std::ofstream(here.file("two words.json")) << "";
    const words files = completed_by_bash({"append", "--file", here.path() + "/"});
    BOOST_TEST(files == words{here.file("two words.json")}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_shells_accept_their_scripts) {
    const folder here;
    for (const std::string shell : {"bash", "zsh", "fish"}) {
        const std::string file = here.file(shell);
        BOOST_TEST(run_program({"completion", shell, "--file", file}).exit_code == 0);
        const outcome printed = run_program({"completion", shell});
        BOOST_TEST(printed.out == content(file));
        if (!has_program(shell)) {
            BOOST_TEST_MESSAGE("there is no " << shell << " here");
            continue;
        }
        const outcome checked = run_path("/usr/bin/env", {shell, "-n", file});
        BOOST_TEST(checked.exit_code == 0, shell << ": " << checked.err);
        BOOST_TEST(checked.err == "");
    }
}

BOOST_AUTO_TEST_CASE(fish_completes_commands_and_options) {
    if (!has_program("fish")) return;
    const folder here;
    const auto complete = [&](const std::string& line) {
        const outcome done = run_path("/usr/bin/env",
            {"HOME=" + here.path(), "fish", "--no-config", "-c",
                cli::fish_completion() + "\ncomplete -C '" + line + "'"});
        BOOST_TEST(done.exit_code == 0, done.err);
        words list;
        for (const std::string& each : done.lines()) list.push_back(each.substr(0, each.find('\t')));
        return list;
    };
    const words commands = complete("eventstore ");
    for (const cli::command* command : cli::all_commands())
        if (command->name.find(' ') == command->name.npos)
            BOOST_TEST(has(commands, std::string(command->name)), command->name);
    BOOST_TEST(has(complete("eventstore --schema x subscriptions re"), "reset"));
    BOOST_TEST(has(complete("eventstore subscriptions reset --"), "--to"));
    BOOST_TEST(!has(complete("eventstore read --"), "--to"));
    BOOST_TEST(has(complete("eventstore init --payload "), "jsonb"));
}

BOOST_AUTO_TEST_CASE(zsh_completes_commands_and_options) {
    if (!has_program("zsh")) return;
    // What the completion system of zsh would show, printed.
    const auto complete = [&](const std::string& line, int current) {
        const outcome done = run_path("/usr/bin/env", {"zsh", "-f", "-s"},
            "compdef() { : }\n_describe() { local shown=${@[-1]}; print -rl -- ${${(P)shown}%%:*} }\n"
            "compadd() { shift; print -rl -- $@ }\n_files() { print FILES }\n" +
                cli::zsh_completion() + "f() {\nlocal -a words=(eventstore " + line +
                ")\nlocal CURRENT=" + std::to_string(current) + "\n_eventstore\n}\nf\n");
        BOOST_TEST(done.exit_code == 0, done.err);
        BOOST_TEST(done.err == "");
        return done.lines();
    };
    const words commands = complete("''", 2);
    for (const cli::command* command : cli::all_commands())
        if (command->name.find(' ') == command->name.npos)
            BOOST_TEST(has(commands, std::string(command->name)), command->name);
    BOOST_TEST(has(complete("--schema x subscriptions ''", 5), "reset"));
    BOOST_TEST(has(complete("subscriptions reset ''", 4), "--to"));
    BOOST_TEST(!has(complete("read ''", 3), "--to"));
    BOOST_TEST(has(complete("init --payload ''", 4), "jsonb"));
    BOOST_TEST(complete("append --file ''", 4) == words{"FILES"}, boost::test_tools::per_element());
    BOOST_TEST(complete("append --expect ''", 4).empty());
}

BOOST_AUTO_TEST_CASE(zsh_and_fish_have_each_command_and_option) {
    for (const std::string& script : {cli::zsh_completion(), cli::fish_completion()}) {
        for (const cli::command* command : cli::all_commands()) {
            BOOST_TEST(script.find('\'' + last_word(command->name)) != script.npos, command->name);
            for (const cli::option_info& option : cli::options_of(command))
                BOOST_TEST((script.find("'--" + option.name + ":") != script.npos ||
                               script.find(" -l " + option.name + " ") != script.npos),
                    option.name);
        }
    }
}

BOOST_AUTO_TEST_CASE(other_shells_and_bad_options_are_refused) {
    BOOST_TEST(run_program({"completion"}).exit_code == 2);
    BOOST_TEST(run_program({"completion", "tcsh"}).exit_code == 2);
    BOOST_TEST(run_program({"completion", "bash", "--file", "/nowhere/file"}).exit_code == 1);
    BOOST_TEST(run_program({"man", "no-such-command"}).exit_code == 2);
    BOOST_TEST(run_program({"man", "--directory", "/nowhere"}).exit_code == 1);
}

BOOST_AUTO_TEST_CASE(each_command_has_a_page_with_its_options) {
    const folder here;
    BOOST_TEST(run_program({"man", "--directory", here.path()}).exit_code == 0);
    const std::string all = content(here.file("eventstore.1"));
    BOOST_TEST(all == run_program({"man"}).out);
    const auto as_roff = [](std::string text) {
        for (std::size_t at = 0; (at = text.find('-', at)) != text.npos; at += 2) text.replace(at, 1, "\\-");
        return text;
    };
    for (const cli::option_info& option : cli::options_of(nullptr))
        BOOST_TEST(all.find(as_roff("--" + option.name)) != all.npos, option.name);
    for (const cli::command* command : cli::all_commands()) {
        const std::string name = cli::page_name(command);
        BOOST_TEST(all.find(as_roff(name)) != all.npos, name);
        const std::string page = content(here.file(name + ".1"));
        BOOST_TEST(page == run_program({"man", std::string(command->name)}).out);
        BOOST_TEST(page.starts_with(".\\\" Made by"), name);
        for (const cli::option_info& option : cli::options_of(command))
            BOOST_TEST(page.find(as_roff("--" + option.name)) != page.npos, name << " --" << option.name);
    }
}

BOOST_AUTO_TEST_CASE(the_pages_are_clean) {
    const folder here;
    BOOST_TEST(run_program({"man", "--directory", here.path()}).exit_code == 0);
    for (const auto& entry : std::filesystem::directory_iterator(here.path())) {
        const std::string path = entry.path().string();
        if (has_program("mandoc")) {
            const outcome checked = run_path("/usr/bin/env", {"mandoc", "-Tlint", "-Wwarning", path});
            BOOST_TEST(checked.out == "", checked.out);
            BOOST_TEST(checked.exit_code == 0);
        }
        if (has_program("groff")) {
            const outcome checked = run_path("/usr/bin/env", {"groff", "-ww", "-man", "-Tutf8", "-z", path});
            BOOST_TEST(checked.err == "", checked.err);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
