// What cannot be undone is asked for twice.
#pragma once

#include "cli/arguments.hpp"

#include <boost/program_options/options_description.hpp>

#include <string>

namespace eventstore::cli {

/// --yes.
void add_confirmation_option(boost::program_options::options_description& options);

/// Whether to ask; true: --yes was not given. \throws usage_error if there is nobody who could answer
/// \param otherwise what to say in place of an answer: "say --yes to drop the store"
bool has_to_ask(const arguments& given, const std::string& otherwise);

/// Asks on the terminal to type a name. The prompt is on the standard error: the output may be read by a program.
/// \throws unsound if another one is typed
void ask_to_type(const std::string& name, const std::string& prompt);

} // namespace eventstore::cli
