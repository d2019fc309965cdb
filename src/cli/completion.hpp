// Completion of commands and options by shells.
#pragma once

#include <string>

namespace eventstore::cli {

std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();

} // namespace eventstore::cli
