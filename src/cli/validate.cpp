// `validate`: whether the schema is as its version should be.
#include "cli/arguments.hpp"
#include "cli/findings.hpp"

#include <eventstore/validate.hpp>

#include <chrono>
#include <string>

namespace eventstore::cli {

namespace {

constexpr int differs = 3;

asio::awaitable<void> run_validate(task work) {
    auto validating = validate(work.given.options(work.background));
    const validation_report report = co_await std::move(validating);
    print_findings(work, report.findings);
    std::size_t problems = 0;
    for (const finding& one : report.findings) problems += one.severity == severity::problem ? 1 : 0;
    if (work.given.format == style::json)
        work.out.put("{\"as_expected\":" + std::string(report.is_as_expected() ? "true" : "false") +
            ",\"version\":" + std::to_string(report.version) + ",\"compared\":" + std::to_string(report.compared) +
            ",\"problems\":" + std::to_string(problems) + "}\n");
    else
        work.out.put("Compared " + count_text(report.compared, "object") + " of version " +
            std::to_string(report.version) +
            (report.is_as_expected() ? ": the schema is as it should be.\n"
                                     : ": the schema is not as it should be.\n"));
    if (!report.is_as_expected())
        throw unsound(differs, "the schema is not as it should be: " + count_text(problems, "problem"));
}

} // namespace

const command validate_command = {
    .name = "validate",
    .summary = "compare the schema with what its version should have",
    .argument = "",
    .help =
        R"(Compares the schema of a store with what its version should have: tables, columns with their types and defaults,
constraints, indexes, triggers, functions and their bodies, owners, and what every role may do. Prints each difference and
what to do about it. What is there besides, such as indexes of your own, is a note or a warning.

For that it makes the schema anew in a transaction that is rolled back, which needs the right to create a schema or
temporary tables. Changes nothing. Ends with 0 if nothing is missing or changed, and with 3 otherwise.
)",
    .run = run_validate,
};

} // namespace eventstore::cli
