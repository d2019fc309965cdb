// `export`, `import` and `check`: files of events.
#include "cli/arguments.hpp"
#include "cli/file_summary.hpp"
#include "cli/progress_bar.hpp"
#include "cli/stop_watch.hpp"
#include "cli/usage_error.hpp"

#include <eventstore/event_file.hpp>
#include <eventstore/import_source.hpp>
#include <eventstore/store.hpp>

#include <boost/program_options/value_semantic.hpp>

#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <memory>
#include <string>

namespace eventstore::cli {

namespace po = boost::program_options;

namespace {

const std::string standard_stream = "-";

std::int64_t position(const task& work, const char* name) {
    const auto value = work.given.get<std::int64_t>(name);
    if (value < 1) throw usage_error(std::string("--") + name + " takes a position, from 1");
    return value;
}

asio::awaitable<void> export_to_file(task work) {
    const std::string path = work.given.get("to", standard_stream);
    if (path.empty()) throw usage_error("--to takes the name of a file");
    export_options options;
    if (work.given.has("from-position")) options.from_position(position(work, "from-position"));
    if (work.given.has("through-position")) options.through_position(position(work, "through-position"));
    options.events_only(work.given.has("events-only"));
    progress_bar bar;
    const bool is_in_the_way = path == standard_stream && work.out.is_terminal();
    const auto show = [&bar](const transfer_progress& now) { bar.show(progress::of("exporting", now)); };
    if (bar.is_shown() && !is_in_the_way) options.on_progress(show);
    auto exporting = export_events(work.given.options(work.background), path, std::move(options));
    const event_file_summary made = co_await std::move(exporting);
    bar.clear();
    if (path != standard_stream) print_summary(work, made, "written");
}

void add_export_options(po::options_description& options) {
    auto add = options.add_options();
    add("to", po::value<std::string>()->value_name("FILE"), "the file; by default standard output");
    add("from-position", po::value<std::int64_t>()->value_name("N"),
        "the first position to export; the file has only events then");
    add("through-position", po::value<std::int64_t>()->value_name("N"),
        "the last position to export; by default the end of the log");
    add("events-only", "leave out deleted streams, retentions, snapshots, projections and subscriptions");
}

import_options options_of_import(const task& work) {
    import_options options;
    if (work.given.has("transaction-events")) {
        const auto count = work.given.get<std::int64_t>("transaction-events");
        if (count < 1) throw usage_error("--transaction-events takes a number from 1");
        options.transaction_events(static_cast<std::size_t>(count));
    }
    options.keep_projections(work.given.has("keep-projections"));
    return options;
}

/// The store to import into; an embedded one may have to be made first.
asio::awaitable<store_options> target_of(task work) {
    store_options into = work.given.options(work.background);
    if (into.creates()) co_await migrate(into);
    co_return into;
}

asio::awaitable<void> import_from_file(task work) {
    const std::string path = work.given.get("argument", standard_stream);
    if (path == standard_stream && isatty(STDIN_FILENO) == 1)
        throw usage_error("which file? Say eventstore import FILE, or let standard input be one");
    import_options options = options_of_import(work);
    progress_bar bar;
    const auto show = [&bar](const transfer_progress& now) { bar.show(progress::of("importing", now)); };
    if (bar.is_shown()) options.on_progress(show);
    store_options into = co_await target_of(work);
    auto importing = import_events(std::move(into), path, std::move(options));
    const event_file_summary made = co_await std::move(importing);
    bar.clear();
    if (made.left_out > 0)
        std::cerr
            << "eventstore: left out " << made.left_out
            << " lines of streams, snapshots, subscriptions and parked events: the store went on behind the file, "
               "and has its own"
            << std::endl;
    print_summary(work, made, "stored");
}

/// How far an import is that goes on for ever. Lives until the last call, which may come after the program was stopped.
class follow_printer {
public:
    follow_printer(output& out, bool follows) : out_(out), follows_(follows) {}

    void show(const transfer_progress& now) {
        bar_.show(progress::of("importing", now));
        if (!follows_ || !now.is_caught_up || now.position == told_) return;
        told_ = now.position;
        bar_.clear();
        std::string line;
        add_member(line, "caught_up_at", now.position);
        add_member(line, "stored", now.events);
        out_.put(line + "}\n");
        out_.flush();
    }
    void clear() { bar_.clear(); }

private:
    output& out_;
    const bool follows_;
    progress_bar bar_;
    std::int64_t told_ = -1;
};

asio::awaitable<void> import_from_store(task work, import_source from, bool follows) {
    import_options options = options_of_import(work);
    options.follow(follows);
    const auto printer = std::make_shared<follow_printer>(work.out, follows);
    const auto show = [printer](const transfer_progress& now) { printer->show(now); };
    options.on_progress(show);
    store_options into = co_await target_of(work);
    auto importing = import_from(std::move(into), std::move(from), std::move(options));
    const event_file_summary made = co_await std::move(importing);
    printer->clear();
    if (made.left_out > 0)
        std::cerr << "eventstore: left out " << made.left_out
                  << " snapshots, subscriptions and streams: events were appended to this store meanwhile" << std::endl;
    std::string line;
    add_member(line, "stored", made.new_events);
    add_member(line, "last_position", made.last_position);
    work.out.put(line + "}\n");
}

asio::awaitable<void> import_any(task work) {
    const bool follows = work.given.has("follow");
    if (work.given.has("from") && work.given.has("keep-projections"))
        throw usage_error("--keep-projections goes with a file: other stores have none");
    if (!work.given.has("from")) {
        if (follows || work.given.has("source-schema"))
            throw usage_error("--follow and --source-schema go with --from");
        return import_from_file(work);
    }
    const std::string kind = work.given.get<std::string>("from");
    if (kind != "elixir-eventstore" && kind != "message-db")
        throw usage_error("--from takes elixir-eventstore or message-db");
    if (!work.given.has("argument")) throw usage_error("import --from needs the connection string of the other store");
    import_source from(kind == "message-db" ? foreign_store::message_db : foreign_store::elixir_eventstore,
        work.given.get<std::string>("argument"));
    if (work.given.has("source-schema")) from.schema(work.given.get<std::string>("source-schema"));
    auto importing = import_from_store(work, std::move(from), follows);
    return follows ? run_until_stopped(work, std::move(importing)) : std::move(importing);
}

void add_import_options(po::options_description& options) {
    auto add = options.add_options();
    add("transaction-events", po::value<std::int64_t>()->value_name("N"),
        "store at most so many events in a transaction, for which appends wait; 100000 by default");
    add("keep-projections",
        "go on with the projections of the file at their checkpoints, because the tables of their read models are "
        "brought along; by default they begin anew");
    add("from", po::value<std::string>()->value_name("KIND"),
        "import from another event store, whose connection string is given in place of FILE: elixir-eventstore or "
        "message-db");
    add("source-schema", po::value<std::string>()->value_name("NAME"),
        "its schema; by default public, or message_store for message-db");
    add("follow", "with --from: go on with what is written there, until stopped (Ctrl-C)");
}

asio::awaitable<void> check_file(task work) {
    if (!work.given.has("argument")) throw usage_error("which file? Say eventstore check FILE");
    auto checking = check_event_file(work.given.get<std::string>("argument"));
    const event_file_summary found = co_await std::move(checking);
    print_summary(work, found, "");
}

} // namespace

const command export_command = {
    .name = "export",
    .summary = "write the store to a file",
    .argument = "",
    .help = "Writes the log, as lines of JSON, to a file or to standard output: events with their ids, positions, "
            "versions,\n"
            "times and bytes; then which streams are deleted, the retentions, the snapshots, the versions of "
            "projections,\n"
            "and the subscriptions with their checkpoints.\n"
            "If FILE exists, the export goes on after the last event in it: one that was interrupted is repeated as it "
            "is,\n"
            "and an older file is brought up to date. Each line ends with a checksum (CRC-32C).\n",
    .add_options = add_export_options,
    .run = export_to_file,
};

const command import_command = {
    .name = "import",
    .summary = "store the events of a file",
    .argument = "FILE",
    .help =
        "Stores what `export` has written, unchanged, from FILE or from standard input (-). The schema must exist, be\n"
        "empty or hold the beginning of the same log, and belong to the user. An import that was interrupted is\n"
        "repeated as it is, and goes on where it was. Nothing of a damaged line is stored, or after it.\n"
        "The read models of projections are not in the file: projections begin anew when they are run.\n\n"
        "With --from it imports from a live store of the Elixir library EventStore, or of Message DB:\n"
        "  eventstore import --from message-db postgresql://host/other --url postgresql:///shop\n"
        "With --follow it prints a line whenever it has caught up.\n",
    .add_options = add_import_options,
    .run = import_any,
};

const command check_command = {
    .name = "check",
    .summary = "check a file that `export` has written",
    .argument = "FILE",
    .help = "Reads the file to its end, checks every line, and prints what it holds. Needs no store.\n",
    .run = check_file,
    .store = store_use::never,
};

} // namespace eventstore::cli
