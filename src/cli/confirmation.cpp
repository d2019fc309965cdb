#include "cli/confirmation.hpp"

#include "cli/findings.hpp"
#include "cli/usage_error.hpp"

#include <unistd.h>

#include <iostream>

namespace eventstore::cli {

namespace {

constexpr int nothing_dropped = 3;

} // namespace

void add_confirmation_option(boost::program_options::options_description& options) {
    options.add_options()("yes", "ask nothing");
}

bool has_to_ask(const arguments& given, const std::string& otherwise) {
    if (given.has("yes")) return false;
    if (isatty(STDIN_FILENO) != 1) throw usage_error("there is no terminal to ask on: " + otherwise);
    return true;
}

void ask_to_type(const std::string& name, const std::string& prompt) {
    std::cerr << prompt << std::flush;
    std::string typed;
    std::getline(std::cin, typed);
    if (typed != name) throw unsound(nothing_dropped, "another name was typed: nothing is dropped");
}

} // namespace eventstore::cli
