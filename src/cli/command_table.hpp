// The commands and their options, as the help, the completion of shells and the manual pages list them.
#pragma once

#include "cli/arguments.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::cli {

std::span<const command* const> all_commands();
const command* command_named(std::string_view name);

struct option_info {
    std::string name;  ///< without hyphens
    std::string value; ///< what stands behind it: "URL", "bytea|jsonb"; empty if nothing does
    std::string description;
    bool is_short = false; ///< its first letter with one hyphen is the same
};

/// Those of one command; nullptr = those of every command.
std::vector<option_info> options_of(const command* of);

/// The alternatives of a value: "bytea|jsonb" has two, "URL" has none.
std::vector<std::string> choices_in(std::string_view value);

/// What all commands have in common, for the end of a page.
std::string_view exit_codes();

} // namespace eventstore::cli
