// `read`: the events of a stream, or of all.
#include "cli/arguments.hpp"
#include "cli/event_printer.hpp"
#include "cli/usage_error.hpp"

#include <boost/program_options/value_semantic.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace eventstore::cli {

namespace po = boost::program_options;

namespace {

struct read_request {
    std::string stream;
    read_options options;
    std::size_t count = 0;
};

read_request parse_read(const arguments& given) {
    read_request wanted;
    wanted.stream = given.get("argument", "$all");
    if (const auto from = given.from()) wanted.options.from(*from);
    wanted.count = given.count();
    wanted.options.count(std::min(wanted.count, wanted.options.count()));
    if (given.has("backward")) wanted.options.backward();
    if (given.has("type")) wanted.options.types(given.get<std::vector<std::string>>("type"));
    if (given.has("prefix")) {
        if (wanted.stream != "$all") throw usage_error("--prefix is for reading $all, not one stream");
        wanted.options.stream_prefix(given.get<std::string>("prefix"));
    }
    return wanted;
}

asio::awaitable<void> print_events(task work, read_request wanted) {
    const store from = co_await open(work.given.options(work.background));
    event_scan scan =
        wanted.stream == "$all" ? from.scan_all(wanted.options) : from.scan(wanted.stream, wanted.options);
    event_printer printer(work);
    std::size_t left = wanted.count;
    while (auto page = co_await scan.next_page()) {
        for (const recorded_event& event : *page) {
            if (left == 0 || work.out.gone()) break;
            printer.print(event);
            --left;
        }
        printer.flush();
        if (left == 0 || work.out.gone()) co_return;
    }
    printer.flush();
}

asio::awaitable<void> run_read(task work) {
    read_request wanted = parse_read(work.given);
    return print_events(std::move(work), std::move(wanted));
}

void add_read_options(po::options_description& options) {
    auto add = options.add_options();
    add("from", po::value<std::int64_t>()->value_name("N"),
        "start at this version of the stream, or position of $all; by default at the first, or the last with "
        "--backward");
    add("count", po::value<std::int64_t>()->value_name("N"), "print this many at most");
    add("backward", "from the newest to the oldest");
    add("type", po::value<std::vector<std::string>>()->value_name("TYPE"), "only events of this type; may be repeated");
    add("prefix", po::value<std::string>()->value_name("TEXT"),
        "for $all: only events of streams with this name prefix");
}

} // namespace

const command read_command = {
    .name = "read",
    .summary = "print the events of a stream, or of all streams",
    .argument = "STREAM",
    .help =
        R"(Prints the events of a stream, in order; without a stream, or with '$all', the events of all streams, in the order
of their appends. Holds at most two pages in memory.

JSON data is printed unchanged, in "data". JSON with line breaks in it, or white space around it, is printed without
them, and additionally unchanged as a string in "data_text". Text that is not JSON is only in "data_text", and other
bytes are base64 in "data_base64". The same applies to metadata. `eventstore append` accepts this output.
)",
    .add_options = add_read_options,
    .run = run_read,
};

} // namespace eventstore::cli
