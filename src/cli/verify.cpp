// `verify`: whether the stored log is sound.
#include "cli/arguments.hpp"
#include "cli/findings.hpp"
#include "cli/json_text.hpp"
#include "cli/progress_bar.hpp"
#include "cli/usage_error.hpp"

#include <eventstore/verify.hpp>

#include <boost/program_options/value_semantic.hpp>

#include <algorithm>
#include <string>

namespace eventstore::cli {

namespace po = boost::program_options;

namespace {

constexpr int damaged = 3;
constexpr std::chrono::seconds longest_page(120);

std::string summary_of(const verify_report& report) {
    return std::string("{\"sound\":") + (report.is_sound() ? "true" : "false") +
        ",\"problems\":" + std::to_string(report.problems) + ",\"events\":" + std::to_string(report.events) +
        ",\"links\":" + std::to_string(report.links) + ",\"streams\":" + std::to_string(report.streams) +
        ",\"subscriptions\":" + std::to_string(report.subscriptions) +
        ",\"parked_events\":" + std::to_string(report.parked_events) + ",\"head\":" + std::to_string(report.head) +
        ",\"missing\":" + std::to_string(report.missing) + ",\"left_out\":" + std::to_string(report.left_out) + "}\n";
}

void print(const task& work, const verify_report& report) {
    print_findings(work, report.findings);
    if (work.given.format == style::json) {
        for (const std::string& line : report.unknown) work.out.put("{\"not_proven\":" + json_string(line) + "}\n");
        work.out.put(summary_of(report));
        return;
    }
    if (report.left_out > 0)
        work.out.put("... and " + count_text(std::size_t(report.left_out), "finding") + " more; see --findings\n");
    work.out.put("Looked at " + count_text(std::size_t(report.events), "event") + " (" +
        count_text(std::size_t(report.links), "link") + " among them) up to position " + std::to_string(report.head) +
        ", " + count_text(std::size_t(report.streams), "stream") + ", " +
        count_text(std::size_t(report.subscriptions), "subscription") + " and " +
        count_text(std::size_t(report.parked_events), "parked event") + ".\nNot proven by that:\n");
    for (const std::string& line : report.unknown) work.out.put("  - " + line + '\n');
    work.out.put(report.is_sound() ? "The store is sound.\n" : "The store is damaged.\n");
}

std::size_t size_of(const arguments& given, const char* name, std::size_t usual) {
    if (!given.has(name)) return usual;
    const auto number = given.get<std::int64_t>(name);
    if (number < 1) throw usage_error(std::string("--") + name + " takes a number from 1");
    return static_cast<std::size_t>(number);
}

asio::awaitable<void> run_verify(task work) {
    progress_bar bar;
    const auto show = [&bar](const verify_progress& now) {
        const double share =
            now.total > 0 ? double(std::clamp(now.done, std::int64_t{0}, now.total)) / double(now.total) : 0;
        bar.show(progress{now.part, now.done, {}, share});
    };
    verify_options how;
    how.page_size(size_of(work.given, "page", how.page_size()));
    how.max_findings(size_of(work.given, "findings", how.max_findings()));
    how.on_progress(show);
    store_options options = work.given.options(work.background);
    options.operation_timeout(longest_page);
    auto verifying = verify(std::move(options), std::move(how));
    const verify_report report = co_await std::move(verifying);
    bar.clear();
    print(work, report);
    if (!report.is_sound())
        throw unsound(damaged, "the store is damaged: " + count_text(std::size_t(report.problems), "problem"));
}

void add_verify_options(po::options_description& options) {
    auto add = options.add_options();
    add("page", po::value<std::int64_t>()->value_name("N"),
        "rows that one statement looks at, 100 to 1,000,000, by default 20,000: smaller pages hold their snapshots for "
        "a "
        "shorter time");
    add("findings", po::value<std::int64_t>()->value_name("N"), "print this many at most, by default 1000");
}

} // namespace

const command verify_command = {
    .name = "verify",
    .summary = "verify that the stored log is sound",
    .argument = "",
    .help =
        R"(Verifies the stored log: positions and versions without gaps that no hard delete or scavenging explains, streams at
the version of their last event, links that fit their originals, unique ids, checkpoints within the log and at the event
that was seen, parked events and promotions. Prints each finding with its position and stream, and what to do about it;
then what the schema cannot prove.

Changes nothing, and may run while the store is in use: it reads in pages with a snapshot each, so that it holds back neither
appends nor vacuum. On a terminal it shows how far it has come. Needs the right to read the tables of the store.

Ends with 0 if the store is sound, and with 3 if it is damaged.
)",
    .add_options = add_verify_options,
    .run = run_verify,
};

} // namespace eventstore::cli
