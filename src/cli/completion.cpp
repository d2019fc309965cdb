// `completion`: scripts that complete commands and options in a shell.
#include "cli/completion.hpp"

#include "cli/command_table.hpp"
#include "cli/text_file.hpp"
#include "cli/usage_error.hpp"

#include <boost/program_options/value_semantic.hpp>

#include <algorithm>
#include <set>

namespace eventstore::cli {

namespace po = boost::program_options;

namespace {

std::string joined(const std::vector<std::string>& words, const char* between) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
    return text;
}

/// In single quotes, for all three shells: what is between them must hold none.
std::string in_quotes(std::string text) {
    std::replace(text.begin(), text.end(), '\'', '`');
    return '\'' + text + '\'';
}

std::string with_hyphens(const option_info& option) { return "--" + option.name; }

std::vector<option_info> options_with_common(const command* of) {
    std::vector<option_info> all = of == nullptr ? std::vector<option_info>() : options_of(of);
    for (option_info& common : options_of(nullptr)) all.push_back(std::move(common));
    if (of == nullptr) all.push_back({"version", "", "print the version", false});
    return all;
}

/// Options by what stands behind them.
struct values {
    std::set<std::string> any; // nothing to complete
    std::set<std::string> files;
    std::set<std::string> folders;
    std::set<std::pair<std::string, std::string>> choices; // the option, its alternatives with blanks between them

    values() {
        add(nullptr);
        for (const command* command : all_commands()) add(command);
    }

private:
    void add(const command* of) {
        for (const option_info& option : options_of(of)) {
            if (option.value.empty()) continue;
            const std::string name = with_hyphens(option);
            const std::vector<std::string> list = choices_in(option.value);
            if (!list.empty())
                choices.emplace(name, joined(list, " "));
            else if (option.value == "FILE")
                files.insert(name);
            else if (option.value == "FOLDER")
                folders.insert(name);
            else
                any.insert(name);
        }
    }
};

std::vector<std::string> listed(const std::set<std::string>& names) { return {names.begin(), names.end()}; }

std::vector<std::string> with_values(const values& of) {
    std::set<std::string> all = of.any;
    all.insert(of.files.begin(), of.files.end());
    all.insert(of.folders.begin(), of.folders.end());
    for (const auto& [name, list] : of.choices) all.insert(name);
    return listed(all);
}

/// The second words of commands that have two, behind their first.
std::vector<const command*> commands_below(std::string_view first) {
    std::vector<const command*> found;
    for (const command* command : all_commands())
        if (command->name.starts_with(std::string(first) + ' ')) found.push_back(command);
    return found;
}

std::vector<std::string> two_words() {
    std::vector<std::string> names;
    for (const command* command : all_commands())
        if (command->name.find(' ') != command->name.npos) names.push_back(in_quotes(std::string(command->name)));
    return names;
}

std::string second_word(const command& of) { return std::string(of.name.substr(of.name.find(' ') + 1)); }

std::vector<std::string> words_after(const command* of) {
    std::vector<std::string> words;
    if (of == nullptr) {
        for (const command* command : all_commands())
            if (command->name.find(' ') == command->name.npos) words.emplace_back(command->name);
    } else {
        for (const command* below : commands_below(of->name)) words.push_back(second_word(*below));
        for (const std::string& choice : choices_in(of->argument)) words.push_back(choice);
    }
    for (const option_info& option : options_with_common(of)) words.push_back(with_hyphens(option));
    return words;
}

} // namespace

std::string bash_completion() {
    const values known;
    std::string text = R"(# bash completion for eventstore; made by `eventstore completion bash`
_eventstore() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command= words= i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
)";
    text += "        " + joined(with_values(known), " | ") +
        ") ((i++)) ;;\n        -*) ;;\n        *)\n"
        "            case \"$command${command:+ }${COMP_WORDS[i]}\" in\n            " +
        joined(two_words(), " | ") + R"() command="$command ${COMP_WORDS[i]}" ;;
            *) command=${command:-${COMP_WORDS[i]}} ;;
            esac
            ;;
        esac
    done
    case $prev in
)";
    text += "    " + joined(listed(known.files), " | ") +
        ")\n        compopt -o filenames 2>/dev/null\n        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
        "        return\n        ;;\n    " +
        joined(listed(known.folders), " | ") +
        ")\n        compopt -o filenames 2>/dev/null\n        mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n"
        "        return\n        ;;\n";
    for (const auto& [name, list] : known.choices) text += "    " + name + ") words=" + in_quotes(list) + " ;;\n";
    text += "    " + joined(listed(known.any), " | ") + ") return ;;\n    *)\n        case $command in\n";
    text += "        '') words=" + in_quotes(joined(words_after(nullptr), " ")) + " ;;\n";
    for (const command* command : all_commands())
        text += "        " + in_quotes(std::string(command->name)) +
            ") words=" + in_quotes(joined(words_after(command), " ")) + " ;;\n";
    return text + R"(        esac
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _eventstore eventstore
)";
}

namespace {

/// "name:description" in quotes, as _describe takes it.
std::string described(const std::string& name, std::string description) {
    std::string escaped;
    for (const char c : name) escaped += c == ':' ? std::string("\\:") : std::string(1, c);
    return in_quotes(escaped + ':' + description);
}

std::string zsh_words(const command* of) {
    std::string text;
    std::vector<const command*> list;
    if (of == nullptr) {
        for (const command* command : all_commands())
            if (command->name.find(' ') == command->name.npos) list.push_back(command);
    } else {
        list = commands_below(of->name);
    }
    for (const command* command : list)
        text += "            " +
            described(
                of == nullptr ? std::string(command->name) : second_word(*command), std::string(command->summary)) +
            '\n';
    if (of != nullptr)
        for (const std::string& choice : choices_in(of->argument))
            text += "            " + described(choice, choice) + '\n';
    return text;
}

std::string zsh_case(const command* of) {
    std::string text = "    " + in_quotes(of == nullptr ? std::string() : std::string(of->name)) +
        ")\n        list=(\n" + zsh_words(of) + "        )\n        switches=(\n";
    for (const option_info& option : options_with_common(of))
        text += "            " + described(with_hyphens(option), option.description) + '\n';
    return text + "        )\n        ;;\n";
}

} // namespace

std::string zsh_completion() {
    const values known;
    std::string text = R"(#compdef eventstore
# zsh completion for eventstore; made by `eventstore completion zsh`
_eventstore() {
    local command= i
    local -a list switches
    for ((i = 2; i < CURRENT; i++)); do
        case ${words[i]} in
)";
    text += "        (" + joined(with_values(known), "|") +
        ") ((i++)) ;;\n        (-*) ;;\n        (*)\n"
        "            case \"$command${command:+ }${words[i]}\" in\n            (" +
        joined(two_words(), "|") + R"() command="$command ${words[i]}" ;;
            (*) command=${command:-${words[i]}} ;;
            esac
            ;;
        esac
    done
    case ${words[CURRENT - 1]} in
)";
    text += "    (" + joined(listed(known.files), "|") + ") _files; return ;;\n    (" +
        joined(listed(known.folders), "|") + ") _files -/; return ;;\n";
    for (const auto& [name, list] : known.choices) text += "    (" + name + ") compadd -- " + list + "; return ;;\n";
    text += "    (" + joined(listed(known.any), "|") + ") return ;;\n    esac\n    case $command in\n";
    text += zsh_case(nullptr);
    for (const command* command : all_commands()) text += zsh_case(command);
    return text + R"(    esac
    ((${#list})) && _describe -t commands command list
    _describe -o -t options option switches
}
if [ "$funcstack[1]" = _eventstore ]; then
    _eventstore "$@"
else
    compdef _eventstore eventstore
fi
)";
}

namespace {

std::string fish_option(const std::string& condition, const option_info& option) {
    std::string line = "complete -c eventstore" + condition + " -l " + option.name;
    if (option.is_short) line += std::string(" -s ") + option.name[0];
    const std::vector<std::string> list = choices_in(option.value);
    if (!list.empty())
        line += " -x -a " + in_quotes(joined(list, " "));
    else if (option.value == "FILE")
        line += " -r -F";
    else if (option.value == "FOLDER")
        line += " -x -a '(__fish_complete_directories)'";
    else if (!option.value.empty())
        line += " -x";
    return line + " -d " + in_quotes(option.description) + '\n';
}

} // namespace

std::string fish_completion() {
    const values known;
    std::string text = R"(# fish completion for eventstore; made by `eventstore completion fish`
function __eventstore_is -d 'whether the command line so far names this command'
    set -l found
    set -l skips 0
    for word in (commandline -opc)[2..-1]
        if test $skips = 1
            set skips 0
            continue
        end
        switch $word
            case )";
    text += joined(with_values(known), " ") + R"(
                set skips 1
            case '-*'
            case '*'
                switch "$found $word"
                    case )" +
        joined(two_words(), " ") + R"(
                        set found "$found $word"
                    case '*'
                        test -z "$found"; and set found $word
                end
        end
    end
    test "$found" = "$argv"
end
complete -c eventstore -f
)";
    for (const option_info& option : options_of(nullptr)) text += fish_option("", option);
    text += "complete -c eventstore -n '__eventstore_is \"\"' -l version -d 'print the version'\n";
    for (const command* command : all_commands()) {
        const std::string condition = " -n '__eventstore_is \"" + std::string(command->name) + "\"'";
        const auto blank = command->name.find(' ');
        const std::string above = blank == command->name.npos ? "" : std::string(command->name.substr(0, blank));
        text += "complete -c eventstore -n '__eventstore_is \"" + above + "\"' -a " +
            in_quotes(blank == command->name.npos ? std::string(command->name) : second_word(*command)) + " -d " +
            in_quotes(std::string(command->summary)) + '\n';
        for (const std::string& choice : choices_in(command->argument))
            text += "complete -c eventstore" + condition + " -a " + in_quotes(choice) + '\n';
        for (const option_info& option : options_of(command)) text += fish_option(condition, option);
    }
    return text;
}

namespace {

asio::awaitable<void> print_completion(task work) {
    if (!work.given.has("argument")) throw usage_error("for which shell? Say eventstore completion bash, zsh or fish");
    const std::string shell = work.given.get<std::string>("argument");
    std::string text;
    if (shell == "bash")
        text = bash_completion();
    else if (shell == "zsh")
        text = zsh_completion();
    else if (shell == "fish")
        text = fish_completion();
    else
        throw usage_error("there is completion for bash, zsh and fish");
    if (work.given.has("file"))
        write_file(work.given.get<std::string>("file"), text);
    else
        work.out.put(text);
    co_return;
}

void add_completion_options(po::options_description& options) {
    options.add_options()(
        "file", po::value<std::string>()->value_name("FILE"), "write it to this file instead of the standard output");
}

} // namespace

const command completion_command = {
    .name = "completion",
    .summary = "print a script that completes commands in a shell",
    .argument = "bash|zsh|fish",
    .help = "Prints a script that makes a shell complete the commands and options of this program.\n\n"
            "    source <(eventstore completion bash)                              for this session of bash\n"
            "    eventstore completion zsh --file ~/.zfunc/_eventstore             in a folder of $fpath\n"
            "    eventstore completion fish --file ~/.config/fish/completions/eventstore.fish\n",
    .add_options = add_completion_options,
    .run = print_completion,
    .store = store_use::never,
};

} // namespace eventstore::cli
