// `streams` and `info`: what is there.
#include "cli/arguments.hpp"
#include "cli/json_text.hpp"
#include "cli/table.hpp"
#include "cli/time_text.hpp"
#include "cli/usage_error.hpp"

#include <boost/program_options/value_semantic.hpp>

#include <algorithm>
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

class info_printer {
public:
    /// \param state of the streams: with deleted ones there is a column that tells when
    explicit info_printer(const task& work, stream_state state = stream_state::existing)
        : out_(work.out),
          format_(work.given.format),
          tells_deletion_(state != stream_state::existing),
          table_(work.out, columns(tells_deletion_)) {}

    void print(const stream_info& info) {
        if (format_ == style::json)
            out_.put(to_json(info));
        else
            table_.add(cells_of(info));
    }
    void flush() {
        if (format_ == style::table) table_.flush();
        out_.flush();
    }

private:
    static std::vector<table::column> columns(bool tells_deletion) {
        std::vector<table::column> list{{"VERSION", true}, {"CREATED AT"}};
        if (tells_deletion) list.push_back({"DELETED AT"});
        list.push_back({"STREAM"});
        return list;
    }

    std::vector<std::string> cells_of(const stream_info& info) const {
        std::vector<std::string> cells;
        cells.push_back(std::to_string(info.version));
        cells.push_back(to_text(info.created_at));
        if (tells_deletion_) cells.push_back(info.deleted_at ? to_text(*info.deleted_at) : "");
        cells.push_back(info.name);
        return cells;
    }

    output& out_;
    style format_;
    bool tells_deletion_;
    table table_;
};

stream_query query_of(const arguments& given) {
    stream_query query;
    query.prefix(given.get("prefix", "")).search(given.get("search", ""));
    const std::string order = given.get("order", "name");
    if (order != "name" && order != "age") throw usage_error("--order takes name or age");
    query.order(order == "age" ? stream_order::by_age : stream_order::by_name).descending(given.has("descending"));
    if (given.has("deleted") && given.has("all")) throw usage_error("--deleted and --all exclude each other");
    if (given.has("deleted")) query.state(stream_state::deleted);
    if (given.has("all")) query.state(stream_state::any);
    return query;
}

asio::awaitable<void> list_streams(task work) {
    std::size_t left = work.given.count();
    stream_query query = query_of(work.given);
    const store from = co_await open(work.given.options(work.background));
    info_printer printer(work, query.state());
    for (;;) {
        query.count(std::min(left, page_size));
        const std::vector<stream_info> page = co_await from.streams(query);
        for (const stream_info& info : page) printer.print(info);
        printer.flush();
        left -= page.size();
        if (page.size() < query.count() || left == 0 || work.out.gone()) co_return;
        query.after(page.back());
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
    add("prefix", po::value<std::string>()->value_name("TEXT"), "only streams with this name prefix");
    add("search", po::value<std::string>()->value_name("TEXT"),
        "only streams whose names contain this text; checks every name (with the prefix)");
    add("order", po::value<std::string>()->value_name("name|age"),
        "name: byte order of the names (the default); age: the oldest stream first");
    add("descending", "reverse the order");
    add("deleted", "only soft-deleted streams, which can be restored");
    add("all", "also soft-deleted streams");
    add("count", po::value<std::int64_t>()->value_name("N"), "print this many at most");
}

} // namespace

const command streams_command = {
    .name = "streams",
    .summary = "list the streams",
    .argument = "",
    .help = "Lists the streams with their versions (numbers of events): by default those that are not deleted, in the\n"
            "order of their names. The end of a long list is as fast as its start.\n\n"
            "    eventstore streams --order age --descending --count 10    the ten newest\n"
            "    eventstore streams --prefix account- --deleted            streams that can be restored\n",
    .add_options = add_stream_options,
    .run = list_streams,
};

const command info_command = {
    .name = "info",
    .summary = "print information about a stream, or the whole log",
    .argument = "STREAM",
    .help = "Prints the version of a stream (its number of events) and when it was created; without a stream, or with\n"
            "'$all', the last position of the log, and when the store was created.\n",
    .run = print_info,
};

} // namespace eventstore::cli
