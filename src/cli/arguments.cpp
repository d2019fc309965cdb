#include "cli/arguments.hpp"

#include "cli/command_table.hpp"
#include "cli/usage_error.hpp"

#include <eventstore/version.hpp>

#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/positional_options.hpp>
#include <boost/program_options/value_semantic.hpp>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <sstream>
#include <utility>
#include <vector>

namespace eventstore::cli {

namespace po = boost::program_options;

namespace {

constexpr unsigned line_length = 110; // of the help

constexpr std::size_t summary_column = 22;

const command* const commands[] = {&init_command, &migrate_command, &append_command, &link_command, &delete_command,
    &restore_command, &read_command, &tail_command, &streams_command, &info_command, &snapshot_command,
    &retention_command, &list_retentions_command, &set_retention_command, &show_retention_command,
    &remove_retention_command, &scavenge_command, &archive_command, &subscriptions_command,
    &delete_subscription_command, &reset_subscription_command, &parked_command, &replay_command, &discard_command,
    &projections_command, &drop_projection_command, &verify_command, &validate_command, &doctor_command, &drop_command,
    &completion_command, &man_command, &export_command, &import_command, &check_command};

constexpr std::string_view list_of_exit_codes = R"(
Exit codes:
  0  done
  1  the store failed: no connection, no schema, no space ...
  2  the command line or the input is wrong
  3  the stream is not as expected: another version, missing, deleted, or an event id that is already stored; or
     the subscription, projection or snapshot does not exist; or `verify`, `validate` or `doctor` has found a problem; or
     nothing was dropped, because another name was typed
  4  `doctor` has found warnings, but no problem
)";

po::options_description common_options() {
    po::options_description options("Options of every command", line_length);
    auto add = options.add_options();
    add("url", po::value<std::string>()->value_name("URL"),
        "the database: a libpq connection string, such as postgresql://user@host/shop; by default the "
        "environment variable EVENTSTORE_URL. Passwords are safer in PGPASSWORD or ~/.pgpass");
    add("embedded", po::value<std::string>()->value_name("FOLDER"),
        "instead of a URL: run a private PostgreSQL server on the data in this folder during the command; creates a "
        "missing folder and schema");
    add("schema", po::value<std::string>()->value_name("NAME")->default_value("eventstore"), "the schema of the store");
    add("json", "print JSON lines; the default if the output is not a terminal");
    add("table", "print columns; the default on a terminal");
    add("verbose,v", "log background activity (lost connections, retries, server notices) to standard error");
    add("help,h", "print this help");
    return options;
}

void print_program_help(output& out) {
    std::ostringstream text;
    text << "usage: eventstore COMMAND [OPTION...]\n\n"
            "Appends, reads and follows events in a PostgreSQL event store, and manages subscriptions.\n\nCommands:\n";
    for (const command* command : commands)
        text << "  " << command->name << std::string(summary_column - command->name.size(), ' ') << command->summary
             << '\n';
    text << "\n`eventstore COMMAND --help` describes a command.\n\n" << common_options() << list_of_exit_codes;
    out.put(text.str());
}

void print_help(const command& command, output& out) {
    std::ostringstream text;
    text << "usage: eventstore " << command.name;
    if (!command.second_argument.empty())
        text << ' ' << command.argument << ' ' << command.second_argument;
    else if (!command.argument.empty())
        text << " [" << command.argument << ']';
    text << " [OPTION...]\n\n" << command.help << '\n';
    po::options_description own("Options", line_length);
    if (command.add_options) command.add_options(own);
    if (!own.options().empty()) text << own << '\n';
    text << common_options() << list_of_exit_codes;
    out.put(text.str());
}

/// The first word that is neither an option nor the value of one that stands before the command, and the next one if
/// the two together are a command.
const command* find_command(std::vector<std::string>& words) {
    for (auto word = words.begin(); word != words.end(); ++word) {
        if (*word == "--url" || *word == "--schema" || *word == "--embedded") {
            if (++word == words.end()) break;
        } else if (!word->starts_with('-')) {
            const command* const found = command_named(*word);
            if (found == nullptr) {
                // Not repeated if it might be a URL that lost its option.
                const bool is_word =
                    std::all_of(word->begin(), word->end(), [](unsigned char c) { return std::isalpha(c); });
                throw usage_error((is_word ? "there is no command '" + *word + "'" : "there is no such command") +
                    "; see eventstore --help");
            }
            word = words.erase(word);
            if (word == words.end()) return found;
            const command* const longer = command_named(std::string(found->name) + ' ' + *word);
            if (longer == nullptr) return found;
            words.erase(word);
            return longer;
        }
    }
    return nullptr;
}

/// Without a value that stands behind it.
std::string option_in(const po::error_with_option_name& e) {
    return e.get_option_name().substr(0, e.get_option_name().find('='));
}

/// A word that may be repeated: a URL would have more than letters in it.
bool is_plain(std::string_view option) {
    return std::all_of(option.begin(), option.end(), [](unsigned char c) { return std::isalpha(c) || c == '-'; });
}

po::variables_map parse_words(const std::vector<std::string>& words, const command* command) {
    po::options_description options = common_options();
    po::positional_options_description positions;
    if (command == nullptr) {
        options.add_options()("version", "");
    } else {
        if (command->add_options) command->add_options(options);
        if (!command->argument.empty()) {
            options.add_options()("argument", po::value<std::string>());
            positions.add("argument", 1);
        }
        if (!command->second_argument.empty()) {
            options.add_options()("second_argument", po::value<std::string>());
            positions.add("second_argument", 1);
        }
    }
    po::variables_map values;
    try {
        const int strict = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
        po::store(po::command_line_parser(words).options(options).positional(positions).style(strict).run(), values);
    } catch (const po::too_many_positional_options_error&) {
        throw usage_error("there are too many arguments; see --help");
    } catch (const po::unknown_option& e) {
        throw usage_error(is_plain(option_in(e))
                ? "there is no option " + option_in(e) + "; see --help"
                : "there is no such option (a value stands behind a blank or a '='); see --help");
    } catch (const po::validation_error& e) {
        throw usage_error("the value of " + option_in(e) + " is not valid; see --help");
    } catch (const po::error_with_option_name& e) {
        throw usage_error((is_plain(option_in(e)) ? "the option " + option_in(e) : std::string("an option")) +
            " lacks its value, has one that it does not take, or stands there twice; see --help");
    } catch (const po::error&) {
        throw usage_error("the options cannot be read; see --help");
    }
    return values;
}

} // namespace

std::span<const command* const> all_commands() { return commands; }

const command* command_named(std::string_view name) {
    const auto found = std::find_if(
        std::begin(commands), std::end(commands), [&](const command* command) { return command->name == name; });
    return found == std::end(commands) ? nullptr : *found;
}

std::string_view exit_codes() { return list_of_exit_codes; }

std::vector<option_info> options_of(const command* of) {
    po::options_description own;
    if (of != nullptr && of->add_options) of->add_options(own);
    const po::options_description options = of == nullptr ? common_options() : own;
    std::vector<option_info> list;
    for (const auto& option : options.options()) {
        option_info info;
        info.name = option->long_name();
        info.description = option->description();
        info.is_short = option->format_name().starts_with("-" + info.name.substr(0, 1) + " ");
        if (option->semantic()->max_tokens() > 0) {
            info.value = option->format_parameter();
            info.value = info.value.substr(0, info.value.find(' ')); // without the default
        }
        list.push_back(std::move(info));
    }
    return list;
}

std::vector<std::string> choices_in(std::string_view value) {
    std::vector<std::string> list;
    if (value.find('|') == value.npos) return list;
    for (;;) {
        const auto end = value.find('|');
        list.emplace_back(value.substr(0, end));
        if (end == value.npos) return list;
        value.remove_prefix(end + 1);
    }
}

std::optional<arguments> parse_arguments(int count, const char* const* words, output& out) {
    std::vector<std::string> rest(words + 1, words + count);
    arguments given;
    given.command = find_command(rest);
    given.values = parse_words(rest, given.command);

    if (given.has("help")) {
        if (given.command != nullptr)
            print_help(*given.command, out);
        else
            print_program_help(out);
        return std::nullopt;
    }
    if (given.command == nullptr) {
        if (!given.has("version")) throw usage_error("there is no command; see eventstore --help");
        out.put(std::string("eventstore ") + version_string + '\n');
        return std::nullopt;
    }

    if (!given.command->second_argument.empty() && !given.has("second_argument"))
        throw usage_error(std::string(given.command->name) + " takes two arguments, " +
            std::string(given.command->argument) + " and " + std::string(given.command->second_argument) +
            "; see --help");

    if (given.has("json") && given.has("table")) throw usage_error("--json and --table exclude each other");
    if (given.has("url") && given.has("embedded")) throw usage_error("--url and --embedded exclude each other");
    const bool is_table = given.has("table") || (!given.has("json") && out.is_terminal());
    given.format = is_table ? style::table : style::json;
    given.schema = given.get<std::string>("schema");
    given.verbose = given.has("verbose");
    if (given.has("embedded")) {
        given.folder = given.get<std::string>("embedded");
        if (given.folder->empty()) throw usage_error("--embedded needs the name of a folder");
    } else {
        const char* const from_environment = std::getenv("EVENTSTORE_URL");
        given.url = given.get("url", from_environment != nullptr ? from_environment : "");
        if (given.url.empty() && given.command->store == store_use::always)
            throw usage_error("where is the store? Say --url URL, EVENTSTORE_URL=URL or --embedded FOLDER");
    }
    return given;
}

std::optional<std::int64_t> arguments::from() const {
    if (!has("from")) return std::nullopt;
    const auto place = get<std::int64_t>("from");
    if (place < 0) throw usage_error("--from takes a version or position, from 0");
    return place;
}

std::size_t arguments::count() const {
    if (!has("count")) return std::numeric_limits<std::size_t>::max();
    const auto number = get<std::int64_t>("count");
    if (number < 1) throw usage_error("--count takes a number from 1");
    return static_cast<std::size_t>(number);
}

store_options arguments::options(asio::any_io_executor executor) const {
    store_options options(url);
    options.schema(schema).create(folder.has_value()).executor(std::move(executor));
    if (verbose)
        options.on_log([](log_level, std::string_view line) { std::cerr << "eventstore: " << line << std::endl; });
    return options;
}

} // namespace eventstore::cli
