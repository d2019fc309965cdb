// `doctor`: what on the server hurts the store.
#include "cli/arguments.hpp"
#include "cli/findings.hpp"
#include "cli/json_text.hpp"
#include "cli/usage_error.hpp"

#include <eventstore/doctor.hpp>

#include <boost/program_options/value_semantic.hpp>

#include <algorithm>
#include <chrono>
#include <string>

namespace eventstore::cli {

namespace po = boost::program_options;

namespace {

constexpr int has_problems = 3;
constexpr int has_warnings = 4;

std::size_t count_of(const doctor_report& report, severity wanted) {
    return std::size_t(std::count_if(
        report.findings.begin(), report.findings.end(), [&](const finding& one) { return one.severity == wanted; }));
}

void print(const task& work, const doctor_report& report) {
    print_findings(work, report.findings);
    const std::size_t problems = count_of(report, severity::problem);
    const std::size_t warnings = count_of(report, severity::warning);
    const std::size_t notes = count_of(report, severity::note);
    if (work.given.format == style::json) {
        for (const std::string& line : report.unseen) work.out.put("{\"not_seen\":" + json_string(line) + "}\n");
        work.out.put("{\"problems\":" + std::to_string(problems) + ",\"warnings\":" + std::to_string(warnings) +
            ",\"notes\":" + std::to_string(notes) + "}\n");
        return;
    }
    if (!report.unseen.empty()) work.out.put("Not to be seen by this role:\n");
    for (const std::string& line : report.unseen) work.out.put("  - " + printable(line) + '\n');
    work.out.put(count_text(problems, "problem") + ", " + count_text(warnings, "warning") + ", " +
        count_text(notes, "note") + '\n');
}

void set_seconds(const arguments& given, const char* name, const auto& set) {
    if (!given.has(name)) return;
    const auto seconds = given.get<std::int64_t>(name);
    if (seconds < 0) throw usage_error(std::string("--") + name + " takes a number of seconds, from 0");
    set(std::chrono::seconds(seconds));
}

asio::awaitable<void> run_doctor(task work) {
    doctor_options how;
    set_seconds(work.given, "transaction", [&](std::chrono::seconds value) { how.long_transaction(value); });
    set_seconds(work.given, "lag", [&](std::chrono::seconds value) { how.lag(value); });
    set_seconds(work.given, "abandoned", [&](std::chrono::seconds value) { how.abandoned(value); });
    auto examining = examine(work.given.options(work.background), how);
    const doctor_report report = co_await std::move(examining);
    print(work, report);
    const std::size_t problems = count_of(report, severity::problem);
    const std::size_t warnings = count_of(report, severity::warning);
    if (problems > 0) throw unsound(has_problems, "the store has " + count_text(problems, "problem"));
    if (warnings > 0) throw unsound(has_warnings, "the store has " + count_text(warnings, "warning"));
}

void add_doctor_options(po::options_description& options) {
    auto add = options.add_options();
    add("transaction", po::value<std::int64_t>()->value_name("SECONDS"),
        "warn of transactions that have been open for longer; by default 300");
    add("lag", po::value<std::int64_t>()->value_name("SECONDS"),
        "warn of subscriptions whose oldest event has waited for longer; by default 300");
    add("abandoned", po::value<std::int64_t>()->value_name("SECONDS"),
        "warn of subscriptions that nobody has had for longer; by default 259200, three days");
}

} // namespace

const command doctor_command = {
    .name = "doctor",
    .summary = "look for what hurts the store on its server",
    .argument = "",
    .help =
        R"(Looks at what a store needs of its server: settings of the server, the database and the roles; missing, invalid and
bloated indexes, bloated tables; subscriptions that lag, or that nobody has had for days; parked events and unfinished
deletes; sessions, prepared transactions and replication slots that hold the lock of the log or hold back vacuum, and
whose they are; wraparound, sequences, synchronous standbys, connections, and the age of the server's version. Prints the
worst first, each with what to do about it, and where there is one a command that can be pasted.

problem   data can be lost, or the store does not work
warning   costs time or space, or will become a problem
note      worth knowing

Changes nothing. The owner of the store sees most; what a role may not see is listed at the end, with the grant that
shows it. Ends with 0 if there are notes at most, with 4 if there are warnings, and with 3 if there are problems.
)",
    .add_options = add_doctor_options,
    .run = run_doctor,
};

} // namespace eventstore::cli
