// `man`: the manual pages.
#include "cli/man.hpp"

#include "cli/command_table.hpp"
#include "cli/text_file.hpp"
#include "cli/usage_error.hpp"

#include <eventstore/version.hpp>

#include <boost/program_options/value_semantic.hpp>

#include <algorithm>
#include <cctype>
#include <sstream>
#include <string_view>

namespace eventstore::cli {

namespace po = boost::program_options;

namespace {

constexpr std::string_view date =
    "2026-11-29"; // of the last change of the text; a build must give the same bytes each time

/// Text that roff prints as it is.
std::string escaped(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool begins_line = i == 0 || text[i - 1] == '\n';
        if (begins_line && (c == '.' || c == '\'')) result += "\\&";
        if (c == '\\')
            result += "\\e";
        else if (c == '-')
            result += "\\-";
        else if (c == '\'')
            result += "\\(aq";
        else if (c == '^')
            result += "\\(ha";
        else if (c == '~')
            result += "\\(ti";
        else if (c == '`')
            result += "\\(ga";
        else
            result += c;
    }
    return result;
}

/// An argument of a macro.
std::string macro_argument(std::string_view text) {
    std::string result = "\"";
    for (const char c : escaped(text)) result += c == '"' ? std::string("\\(dq") : std::string(1, c);
    return result + '"';
}

/// Paragraphs, and what has columns or is indented as it stands.
std::string paragraphs(std::string_view help) {
    std::string text;
    std::istringstream in{std::string(help)};
    std::string paragraph;
    bool is_first = true;
    const auto end = [&] {
        if (paragraph.empty()) return;
        const bool is_plain = paragraph.find("  ") == paragraph.npos;
        if (!is_first) text += ".PP\n";
        is_first = false;
        text += is_plain ? escaped(paragraph) : ".nf\n" + escaped(paragraph) + ".fi\n";
        paragraph.clear();
    };
    for (std::string line; std::getline(in, line);) {
        if (line.empty())
            end();
        else
            paragraph += line + '\n';
    }
    end();
    return text;
}

std::string options_section(const std::string& title, const std::vector<option_info>& options) {
    if (options.empty()) return "";
    std::string text = ".SH " + title + '\n';
    for (const option_info& option : options) {
        text += ".TP\n";
        text += option.is_short ? ".BR \\-" + std::string(1, option.name[0]) + " \", \" \\-\\-" + escaped(option.name)
            : option.value.empty() ? ".B \\-\\-" + escaped(option.name)
                                   : ".BI \\-\\-" + escaped(option.name) + " \" \" " + macro_argument(option.value);
        text += '\n' + escaped(option.description) + ".\n";
    }
    return text;
}

/// The table of the help, as a list.
std::string exit_section() {
    std::string text = ".SH EXIT STATUS\n";
    std::istringstream in{std::string(exit_codes())};
    for (std::string line; std::getline(in, line);) {
        if (line.size() < 6 || line == "Exit codes:") continue;
        if (std::isdigit(static_cast<unsigned char>(line[2])) != 0) text += std::string(".TP\n.B ") + line[2] + '\n';
        text += escaped(line.substr(line.find_first_not_of(' ', 3))) + '\n';
    }
    return text;
}

std::string see_also(const command* of) {
    std::vector<std::string> names;
    if (of != nullptr) names.push_back(page_name(nullptr));
    for (const command* command : all_commands()) {
        const bool is_near = of == nullptr || command->name.starts_with(std::string(of->name) + ' ') ||
            (of->name.find(' ') != of->name.npos && of->name.starts_with(std::string(command->name) + ' '));
        if (is_near && command != of) names.push_back(page_name(command));
    }
    if (names.empty()) return "";
    std::string text = ".SH SEE ALSO\n";
    for (std::size_t i = 0; i < names.size(); ++i)
        text += ".BR " + escaped(names[i]) + (i + 1 < names.size() ? " (1),\n" : " (1)\n");
    return text;
}

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return char(std::toupper(c)); });
    return text;
}

std::string head_of(const command* of, std::string_view summary) {
    const std::string name = page_name(of);
    return ".\\\" Made by `eventstore man`.\n.TH " + macro_argument(upper(name)) + " 1 " + std::string(date) +
        " \"eventstore " + version_string + "\"\n.SH NAME\n" + escaped(name) + " \\- " + escaped(summary) +
        "\n.SH SYNOPSIS\n.B eventstore\n";
}

} // namespace

std::string page_name(const command* of) {
    if (of == nullptr) return "eventstore";
    std::string name = "eventstore-" + std::string(of->name);
    std::replace(name.begin(), name.end(), ' ', '-');
    return name;
}

std::string manual_page(const command* of) {
    if (of == nullptr) {
        std::string text = head_of(nullptr, "an event store in PostgreSQL") +
            ".I COMMAND\n.RI [ OPTION ...]\n.SH DESCRIPTION\n"
            "Appends, reads and follows events in a PostgreSQL event store, and manages subscriptions.\n.SH COMMANDS\n";
        for (const command* command : all_commands())
            text += ".TP\n.BR " + macro_argument(page_name(command)) + " (1)\n" + escaped(command->summary) + ".\n";
        return text + options_section("OPTIONS", options_of(nullptr)) +
            ".SH ENVIRONMENT\n.TP\n.B EVENTSTORE_URL\nThe database, if no option names it.\n.TP\n.B PGPASSWORD\n"
            "And the other variables of libpq.\n" +
            exit_section() + see_also(nullptr);
    }
    std::string text = head_of(of, of->summary) + ".B " + escaped(of->name) + '\n';
    if (!of->second_argument.empty())
        text += ".I " + macro_argument(of->argument) + '\n' + ".I " + macro_argument(of->second_argument) + '\n';
    else if (!of->argument.empty())
        text += ".RI [ " + macro_argument(of->argument) + " ]\n";
    text += ".RI [ OPTION ...]\n.SH DESCRIPTION\n" + paragraphs(of->help);
    text += options_section("OPTIONS", options_of(of));
    return text + options_section("OPTIONS OF EVERY COMMAND", options_of(nullptr)) + exit_section() + see_also(of);
}

namespace {

asio::awaitable<void> print_pages(task work) {
    if (work.given.has("directory")) {
        const std::string folder = work.given.get<std::string>("directory");
        write_file(folder + '/' + page_name(nullptr) + ".1", manual_page(nullptr));
        for (const command* command : all_commands())
            write_file(folder + '/' + page_name(command) + ".1", manual_page(command));
        co_return;
    }
    const command* of = nullptr;
    if (work.given.has("argument")) {
        const std::string name = work.given.get<std::string>("argument");
        of = command_named(name);
        if (of == nullptr) throw usage_error("there is no such command; see eventstore --help");
    }
    work.out.put(manual_page(of));
}

void add_man_options(po::options_description& options) {
    options.add_options()("directory", po::value<std::string>()->value_name("FOLDER"),
        "write the pages of the program and of all commands into this folder instead");
}

} // namespace

const command man_command = {
    .name = "man",
    .summary = "print a manual page",
    .argument = "COMMAND",
    .help = "Prints the manual page of a command, or of the program, in the language of man(7).\n\n"
            "    eventstore man read | man -l -\n"
            "    eventstore man 'subscriptions reset' | man -l -\n",
    .add_options = add_man_options,
    .run = print_pages,
    .store = store_use::never,
};

} // namespace eventstore::cli
