// `archive`: the beginning of the log, moved to a file.
#include "cli/arguments.hpp"
#include "cli/file_summary.hpp"
#include "cli/progress_bar.hpp"
#include "cli/usage_error.hpp"

#include <eventstore/archive.hpp>

#include <boost/program_options/value_semantic.hpp>

#include <string>
#include <utility>

namespace eventstore::cli {

namespace po = boost::program_options;

namespace {

std::string_view name_of(archive_step step) {
    switch (step) {
    case archive_step::exporting: return "exporting";
    case archive_step::checking: return "checking";
    case archive_step::removing: break;
    }
    return "removing";
}

void print(const task& work, const std::string& path, const archive_summary& made) {
    const event_file_summary& file = made.file;
    std::string line;
    if (work.given.format == style::json) {
        add_member(line, "removed", made.removed);
        add_member(line, "dropped_links", made.dropped_links);
        add_member(line, "written", file.new_events);
        add_members(line, file);
        line += "}\n";
    } else if (file.bytes == 0) {
        line = "the log holds no events before that position; no file was written\n";
    } else {
        line = std::to_string(file.events) + " events, positions " + std::to_string(file.after_position + 1) + " to " +
            std::to_string(file.through_position) + ", are in " + path + "; " + std::to_string(made.removed) +
            " were removed from the log now";
        if (made.dropped_links > 0)
            line += ", of which " + std::to_string(made.dropped_links) + " were links that are not in the file";
        line += '\n';
    }
    work.out.put(line);
}

asio::awaitable<void> archive(task work) {
    if (!work.given.has("before")) throw usage_error("before which position? Say --before POSITION");
    if (!work.given.has("to")) throw usage_error("to which file? Say --to FILE");
    const auto before = work.given.get<std::int64_t>("before");
    if (before < 1) throw usage_error("--before takes a position, from 1");
    const auto path = work.given.get<std::string>("to");
    if (path.empty() || path == "-") throw usage_error("--to takes the name of a file");
    archive_options options(before);
    if (work.given.has("rate")) options.events_per_second(work.given.get<std::int64_t>("rate"));
    if (work.given.has("portion")) options.portion(work.given.get<std::int32_t>("portion"));
    options.ignore_subscriptions(work.given.has("ignore-subscriptions"));
    options.drop_links(work.given.has("drop-links"));
    progress_bar bar;
    const auto show = [&bar](archive_step step, const transfer_progress& now) {
        bar.show(progress::of(name_of(step), now));
    };
    if (bar.is_shown()) options.on_progress(show);
    store_options from = work.given.options(work.background);
    from.allow_hard_delete();
    auto archiving = archive_events(std::move(from), path, std::move(options));
    const archive_summary made = co_await std::move(archiving);
    bar.clear();
    print(work, path, made);
}

void add_archive_options(po::options_description& options) {
    auto add = options.add_options();
    add("before", po::value<std::int64_t>()->value_name("POSITION"),
        "the first position to keep: all events before it are archived");
    add("to", po::value<std::string>()->value_name("FILE"), "the file");
    add("rate", po::value<std::int64_t>()->value_name("N"),
        "remove at most this many events a second; by default 5000, 0 = as fast as it goes");
    add("portion", po::value<std::int32_t>()->value_name("N"), "events that one transaction removes; by default 250");
    add("ignore-subscriptions", "remove events that subscriptions have not acknowledged, or have parked, too");
    add("drop-links", "remove links from behind the position to archived events, which are not in the file");
}

} // namespace

const command archive_command = {
    .name = "archive",
    .summary = "move the beginning of the log to a file",
    .argument = "",
    .help =
        "Writes all events before a position to a file, reads the file again and compares it with the log, has it on\n"
        "disk, and only then removes the events from the log, in small transactions, while appends go on. An event\n"
        "is removed by its position and its id in the file: none goes that is not in it. `import` brings it back.\n\n"
        "May be interrupted at any point; the same command goes on. A file of another store or range is refused.\n"
        "Refused, too, while a subscription needs one of the events, and while links from behind the position are\n"
        "to one of them, unless told otherwise. Streams keep their versions; snapshots and subscriptions stay.\n",
    .add_options = add_archive_options,
    .run = archive,
};

} // namespace eventstore::cli
