// A page in a headless Chromium, driven by the DevTools protocol over a pipe.
#pragma once

#include "examples/child_program.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <filesystem>
#include <memory>
#include <source_location>
#include <string>

namespace eventstore::test {

/// The command of a Chromium that is installed here; empty if there is none.
std::string find_chromium();

class browser {
public:
    browser();
    ~browser();

    void open(const std::string& url);
    /// The value of a JavaScript expression, or of the promise that it is.
    boost::json::value evaluate(const std::string& expression);
    /// Asks until the expression is true. \throws std::runtime_error with what the page shows if it is not within 20 s
    void wait_until(const std::string& expression, std::source_location where = std::source_location::current());
    /// What the page's scripts have thrown and nobody has caught.
    const std::string& uncaught() const noexcept { return uncaught_; }

private:
    /// Sends a command, and returns its result.
    boost::json::object call(const std::string& method, boost::json::object parameters);

    std::filesystem::path folder_;
    std::unique_ptr<child_program> program_;
    std::string session_; // of the page
    int calls_ = 0;
    std::string uncaught_;
};

} // namespace eventstore::test
