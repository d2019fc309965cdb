// `streams` and `info`: what is there.
#include "cli/arguments.hpp"
#include "cli/json_text.hpp"
#include "cli/table.hpp"
#include "cli/time_text.hpp"
#include "cli/usage_error.hpp"

#include <boost/program_options/value_semantic.hpp>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace eventstore::cli {

namespace po = boost::program_options;

namespace {

constexpr std::size_t page_size = 1000;

std::string to_json(const stream_info& info) {
    std::string line = "{\"stream\":" + json_string(info.name) + ",\"version\":" + std::to_string(info.version) +
        ",\"created_at\":" + json_string(to_text(info.created_at));
    if (info.deleted_at) line += ",\"deleted_at\":" + json_string(to_text(*info.deleted_at));
    return line + "}\n";
}

std::vector<std::string> cells_of(const stream_info& info) {
    std::vector<std::string> cells;
    cells.push_back(std::to_string(info.version));
    cells.push_back(to_text(info.created_at));
    cells.push_back(info.name);
    return cells;
}

class info_printer {
public:
    explicit info_printer(const task& work)
        : out_(work.out), how_(work.given.how), table_(work.out, {{"VERSION", true}, {"CREATED AT"}, {"STREAM"}}) {}

    void print(const stream_info& info) {
        if (how_ == style::json)
            out_.put(to_json(info));
        else
            table_.add(cells_of(info));
    }
    void flush() {
        if (how_ == style::table) table_.flush();
        out_.flush();
    }

private:
    output& out_;
    style how_;
    table table_;
};

asio::awaitable<void> list_streams(task work) {
    std::size_t left = std::numeric_limits<std::size_t>::max();
    if (work.given.has("count")) {
        const auto count = work.given.get<std::int64_t>("count");
        if (count < 1) throw usage_error("--count takes a number from 1");
        left = static_cast<std::size_t>(count);
    }
    stream_query query;
    query.prefix(work.given.get("prefix", ""));

    const store from = co_await open(work.given.options(work.background));
    info_printer printer(work);
    for (;;) {
        query.count(std::min(left, page_size));
        const std::vector<stream_info> page = co_await from.streams(query);
        for (const stream_info& each : page) printer.print(each);
        printer.flush();
        left -= page.size();
        if (page.size() < query.count() || left == 0 || work.out.gone()) co_return;
        query.after(page.back().name);
    }
}

asio::awaitable<void> print_info(task work) {
    const store from = co_await open(work.given.options(work.background));
    const stream_info info = co_await from.stream_info(work.given.get("argument", "$all"));
    info_printer printer(work);
    printer.print(info);
    printer.flush();
}

void add_stream_options(po::options_description& options) {
    auto add = options.add_options();
    add("prefix", po::value<std::string>()->value_name("TEXT"), "only streams whose names begin so");
    add("count", po::value<std::int64_t>()->value_name("N"), "print this many at most");
}

void no_options(po::options_description&) {}

} // namespace

const command streams_command = {
    .name = "streams",
    .summary = "list the streams",
    .argument = "",
    .help = "Lists the streams that are not deleted, in the order of their names, with their versions (numbers of "
            "events).\n",
    .add_options = add_stream_options,
    .run = list_streams,
};

const command info_command = {
    .name = "info",
    .summary = "tell what is known of a stream, or of the whole log",
    .argument = "STREAM",
    .help =
        "Tells the version of a stream (its number of events) and when it was made; without a stream, or with '$all',\n"
        "the position of the last event of all, and when the store was made.\n",
    .add_options = no_options,
    .run = print_info,
};

} // namespace eventstore::cli
