// `retention` and `scavenge`: how long events are kept, and removing those that have expired.
#include "cli/age_text.hpp"
#include "cli/arguments.hpp"
#include "cli/json_text.hpp"
#include "cli/progress_bar.hpp"
#include "cli/table.hpp"
#include "cli/time_text.hpp"
#include "cli/usage_error.hpp"

#include <boost/program_options/value_semantic.hpp>

#include <string>
#include <vector>

namespace eventstore::cli {

namespace po = boost::program_options;

namespace {

/// The stream or prefix that a command is about.
struct retention_target {
    explicit retention_target(const arguments& given) : is_prefix(given.has("prefix")) {
        if (!given.has("argument"))
            throw usage_error(std::string(given.command->name) + ": which stream? (or, with --prefix, which prefix)");
        name = given.get<std::string>("argument");
    }

    std::string name;
    bool is_prefix;

    std::string json() const { return std::string(is_prefix ? "{\"prefix\":" : "{\"stream\":") + json_string(name); }
    std::string text() const { return std::string(is_prefix ? "prefix '" : "stream '") + name + '\''; }
};

std::string members_of(const retention& value) {
    std::string text;
    if (value.truncate_before()) text += ",\"truncate_before\":" + std::to_string(*value.truncate_before());
    if (value.max_count()) text += ",\"max_count\":" + std::to_string(*value.max_count());
    if (value.max_age()) text += ",\"max_age\":" + json_string(to_text(*value.max_age()));
    return text;
}

void add_cells(std::vector<std::string>& cells, const retention& value) {
    cells.push_back(value.truncate_before() ? std::to_string(*value.truncate_before()) : "");
    cells.push_back(value.max_count() ? std::to_string(*value.max_count()) : "");
    cells.push_back(value.max_age() ? to_text(*value.max_age()) : "");
}

retention retention_in(const arguments& given) {
    retention value;
    if (given.has("truncate-before")) value.truncate_before(given.get<std::int64_t>("truncate-before"));
    if (given.has("max-count")) value.max_count(given.get<std::int64_t>("max-count"));
    if (given.has("max-age")) {
        const auto age = parse_age(given.get<std::string>("max-age"));
        if (!age) throw usage_error("--max-age takes a number and a unit, as in 30d, 12h, 90m, 45s or 500ms");
        value.max_age(*age);
    }
    if (value.is_empty())
        throw usage_error("what is the retention? Say --max-age AGE, --max-count N or --truncate-before VERSION");
    return value;
}

asio::awaitable<void> set_retention(task work) {
    const retention_target target(work.given);
    const retention value = retention_in(work.given);
    const store in = co_await open(work.given.options(work.background));
    auto setting =
        target.is_prefix ? in.set_retention(stream_prefix(target.name), value) : in.set_retention(target.name, value);
    co_await std::move(setting);
    if (work.given.format == style::json)
        work.out.put(target.json() + members_of(value) + "}\n");
    else
        work.out.put("the retention of " + target.text() + " is set\n");
}

asio::awaitable<void> remove_retention(task work) {
    const retention_target target(work.given);
    const store in = co_await open(work.given.options(work.background));
    auto removing =
        target.is_prefix ? in.remove_retention(stream_prefix(target.name)) : in.remove_retention(target.name);
    co_await std::move(removing);
    if (work.given.format == style::json)
        work.out.put(target.json() + ",\"removed\":true}\n");
    else
        work.out.put(target.text() + " has no retention of its own\n");
}

asio::awaitable<void> show_retention(task work) {
    const retention_target target(work.given);
    const store from = co_await open(work.given.options(work.background));
    const stream_retention found = co_await from.retention(target.name);
    std::string line = target.json() + members_of(found.effective);
    if (found.prefix) line += ",\"prefix\":" + json_string(*found.prefix);
    if (!found.own.is_empty()) line += ",\"own\":{" + members_of(found.own).substr(1) + '}';
    work.out.put(line + ",\"version\":" + std::to_string(found.version) +
        ",\"first_version\":" + std::to_string(found.first_version) + "}\n");
}

asio::awaitable<void> list_retentions(task work) {
    const store from = co_await open(work.given.options(work.background));
    const std::vector<retention_info> list = co_await from.retentions();
    std::vector<table::column> columns = {
        {"KIND"}, {"NAME"}, {"TRUNCATE BEFORE", true}, {"MAX COUNT", true}, {"MAX AGE", true}, {"SET AT"}};
    table rows(work.out, std::move(columns));
    for (const retention_info& each : list) {
        if (work.given.format == style::json) {
            work.out.put(std::string(each.is_prefix ? "{\"prefix\":" : "{\"stream\":") + json_string(each.name) +
                members_of(each.retention) + ",\"changed_at\":" + json_string(to_text(each.changed_at)) + "}\n");
            continue;
        }
        std::vector<std::string> cells;
        cells.push_back(each.is_prefix ? "prefix" : "stream");
        cells.push_back(each.name);
        add_cells(cells, each.retention);
        cells.push_back(to_text(each.changed_at));
        rows.add(std::move(cells));
    }
    if (work.given.format == style::table) rows.flush();
}

std::string described(const scavenge_progress& progress) {
    return "events " + std::to_string(progress.events) + ", links " + std::to_string(progress.links) + ", streams " +
        std::to_string(progress.streams) + ", " +
        std::to_string(static_cast<std::int64_t>(progress.events_per_second())) + " events/s";
}

scavenge_options scavenge_options_in(const arguments& given) {
    scavenge_options options;
    if (given.has("rate")) options.events_per_second(given.get<std::int64_t>("rate"));
    if (given.has("portion")) options.portion(given.get<std::int32_t>("portion"));
    options.ignore_subscriptions(given.has("ignore-subscriptions"));
    return options;
}

asio::awaitable<void> scavenge(task work) {
    scavenge_options options = scavenge_options_in(work.given);
    progress_bar bar;
    // What has expired is not counted in advance, which would take longer than to remove it: no share of it is known.
    if (bar.is_shown())
        options.on_progress([&bar](const scavenge_progress& now) {
            bar.show(progress{"scavenging", now.events + now.links, "events", -1});
        });
    const store in = co_await open(work.given.options(work.background));
    const scavenge_progress done = co_await in.scavenge(std::move(options));
    bar.clear();
    if (work.given.format == style::json)
        work.out.put("{\"events\":" + std::to_string(done.events) + ",\"links\":" + std::to_string(done.links) +
            ",\"streams\":" + std::to_string(done.streams) + ",\"held_streams\":" + std::to_string(done.held_streams) +
            ",\"seconds\":" + std::to_string(static_cast<double>(done.elapsed.count()) / 1e6) + "}\n");
    else
        work.out.put("removed: " + described(done) + '\n' +
            (done.held_streams > 0 ? std::to_string(done.held_streams) +
                        " streams have expired events that a subscription has not acknowledged, or has parked\n"
                                   : ""));
}

void add_prefix(po::options_description& options) {
    options.add_options()("prefix", "the argument is a prefix: all streams whose names begin with it");
}

void add_set_options(po::options_description& options) {
    add_prefix(options);
    auto add = options.add_options();
    add("max-age", po::value<std::string>()->value_name("AGE"),
        "events expire that are older, with all before them: 30d, 12h, 90m, 45s, 500ms");
    add("max-count", po::value<std::int64_t>()->value_name("N"), "events expire that have so many newer ones");
    add("truncate-before", po::value<std::int64_t>()->value_name("VERSION"), "events of a lower version expire");
}

void add_scavenge_options(po::options_description& options) {
    auto add = options.add_options();
    add("rate", po::value<std::int64_t>()->value_name("N"),
        "remove at most this many events a second; by default 5000, 0 = as fast as it goes");
    add("portion", po::value<std::int32_t>()->value_name("N"), "events in one transaction; by default 250");
    add("ignore-subscriptions", "remove events that subscriptions have not acknowledged, or have parked, too");
}

} // namespace

const command retention_command = {
    .name = "retention",
    .summary = "list how long events are kept",
    .argument = "",
    .help = "Lists the retentions that are set: of prefixes first, then of streams.\n",
    .run = list_retentions,
};

const command list_retentions_command = {
    .name = "retention list",
    .summary = "the same",
    .argument = "",
    .help = "Lists the retentions that are set: of prefixes first, then of streams.\n",
    .run = list_retentions,
};

const command set_retention_command = {
    .name = "retention set",
    .summary = "set how long events are kept",
    .argument = "STREAM",
    .help =
        "Sets how long the events of a stream, or with --prefix of all streams with a prefix, are kept, in place of\n"
        "the earlier retention. Reads of the streams leave out what has expired at once; `scavenge` removes it.\n"
        "Each setting of a stream replaces that of the longest prefix.\n",
    .add_options = add_set_options,
    .run = set_retention,
};

const command show_retention_command = {
    .name = "retention show",
    .summary = "show what counts for a stream",
    .argument = "STREAM",
    .help = "Prints which retention counts for a stream, where it comes from, and the first version that is read; one\n"
            "more than the version of the stream if everything has expired.\n",
    .run = show_retention,
};

const command remove_retention_command = {
    .name = "retention remove",
    .summary = "remove a retention",
    .argument = "STREAM",
    .help = "Removes the retention of a stream, or with --prefix of a prefix. Expired events that were not scavenged\n"
            "can be read again.\n",
    .add_options = add_prefix,
    .run = remove_retention,
};

const command scavenge_command = {
    .name = "scavenge",
    .summary = "remove expired events",
    .argument = "",
    .help =
        "Removes the events that have expired, and the links to them, in small transactions, while appends go on;\n"
        "prints what it has removed. May be interrupted at any point, and run again. Keeps what a subscription has\n"
        "not acknowledged or has parked, unless told otherwise.\n",
    .add_options = add_scavenge_options,
    .run = scavenge,
};

} // namespace eventstore::cli
