// What the user has to put right: the command line, or the input.
#pragma once

#include <stdexcept>

namespace eventstore::cli {

/// Ends the program with exit code 2. The message is one line, and never repeats a URL: it may hold a password.
class usage_error : public std::runtime_error {
public:
    using runtime_error::runtime_error;
};

} // namespace eventstore::cli
