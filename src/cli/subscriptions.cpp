// `subscriptions` and what can be done with one.
#include "cli/arguments.hpp"
#include "cli/json_text.hpp"
#include "cli/table.hpp"
#include "cli/time_text.hpp"
#include "cli/usage_error.hpp"

#include <boost/program_options/value_semantic.hpp>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace eventstore::cli {

namespace po = boost::program_options;

namespace {

/// Which subscription a command is about.
struct subject {
    explicit subject(const arguments& given)
        : stream(given.get<std::string>("argument")), name(given.get<std::string>("second_argument")) {}

    std::string stream;
    std::string name;

    subscription_handle in(const store& store) const { return store.subscription(stream, name); }
    std::string json() const { return "{\"stream\":" + json_string(stream) + ",\"name\":" + json_string(name); }
    std::string text() const { return "the subscription '" + name + "' to '" + stream + "'"; }
};

std::int64_t checkpoint_of(const subscription_info& info) {
    return info.stream == "$all" ? info.position : info.version;
}

/// With this many digits after the point, 6 at most; what is below them is left out.
std::string seconds_of(std::chrono::microseconds time, std::size_t digits) {
    std::string fraction = std::to_string(time.count() % 1'000'000);
    fraction.insert(0, 6 - fraction.size(), '0');
    return std::to_string(time.count() / 1'000'000) + '.' + fraction.substr(0, digits);
}

std::string to_json(const subscription_info& info) {
    std::string line = "{\"stream\":" + json_string(info.stream) + ",\"name\":" + json_string(info.name) +
        ",\"checkpoint\":" + std::to_string(checkpoint_of(info)) +
        ",\"lag_events\":" + std::to_string(info.lag_events) + ",\"lag_seconds\":" + seconds_of(info.lag, 6) +
        ",\"parked\":" + std::to_string(info.parked);
    if (!info.owner.empty()) line += ",\"owner\":" + json_string(info.owner);
    return line + ",\"created_at\":" + json_string(to_text(info.created_at)) + "}\n";
}

std::vector<std::string> cells_of(const subscription_info& info) {
    std::vector<std::string> cells;
    cells.push_back(info.name);
    cells.push_back(info.stream);
    cells.push_back(std::to_string(checkpoint_of(info)));
    cells.push_back(std::to_string(info.lag_events));
    cells.push_back(seconds_of(info.lag, 1));
    cells.push_back(std::to_string(info.parked));
    cells.push_back(info.owner);
    return cells;
}

/// An event that is not stored any more has a position only.
std::string to_json(const parked_event& event) {
    std::string line = "{\"position\":" + std::to_string(event.position);
    if (!event.stream.empty())
        line += ",\"stream\":" + json_string(event.stream) + ",\"version\":" + std::to_string(event.version) +
            ",\"type\":" + json_string(event.type);
    return line + ",\"deliveries\":" + std::to_string(event.deliveries) +
        ",\"parked_at\":" + json_string(to_text(event.parked_at)) + ",\"reason\":" + json_string(event.reason) + "}\n";
}

std::vector<std::string> cells_of(const parked_event& event) {
    std::vector<std::string> cells;
    cells.push_back(std::to_string(event.position));
    cells.push_back(event.stream.empty() ? "" : std::to_string(event.version));
    cells.push_back(std::to_string(event.deliveries));
    cells.push_back(to_text(event.parked_at));
    cells.push_back(event.stream);
    cells.push_back(event.type);
    cells.push_back(event.reason);
    return cells;
}

template <class Item>
void print_list(const task& work, const std::vector<Item>& list, std::vector<table::column> columns) {
    table rows(work.out, std::move(columns));
    for (const Item& each : list) {
        if (work.given.how == style::json)
            work.out.put(to_json(each));
        else
            rows.add(cells_of(each));
    }
    if (work.given.how == style::table) rows.flush();
}

asio::awaitable<void> list_subscriptions(task work) {
    const store from = co_await open(work.given.options(work.background));
    const std::vector<subscription_info> list = co_await from.subscriptions();
    print_list(work, list,
        {{"NAME"}, {"STREAM"}, {"CHECKPOINT", true}, {"LAG", true}, {"SECONDS", true}, {"PARKED", true}, {"OWNER"}});
}

asio::awaitable<void> delete_subscription(task work) {
    const subject which(work.given);
    const store target = co_await open(work.given.options(work.background));
    co_await which.in(target).remove();
    if (work.given.how == style::json)
        work.out.put(which.json() + ",\"deleted\":true}\n");
    else
        work.out.put(which.text() + " is deleted\n");
}

asio::awaitable<void> reset_subscription(task work) {
    const subject which(work.given);
    std::int64_t checkpoint = 0;
    if (work.given.has("to")) checkpoint = work.given.get<std::int64_t>("to");
    if (checkpoint < 0) throw usage_error("--to takes a version or position, from 0");

    const store target = co_await open(work.given.options(work.background));
    const subscription_handle handle = which.in(target);
    auto resetting =
        which.stream == "$all" ? handle.reset_to_position(checkpoint) : handle.reset_to_version(checkpoint);
    co_await std::move(resetting);
    if (work.given.how == style::json)
        work.out.put(which.json() + ",\"checkpoint\":" + std::to_string(checkpoint) + "}\n");
    else
        work.out.put(which.text() + " goes on after " + std::to_string(checkpoint) + '\n');
}

/// To a store, a subscription that is not there has nothing parked.
asio::awaitable<void> must_exist(store from, const subject& which) {
    const std::vector<subscription_info> list = co_await from.subscriptions();
    const bool is_there = std::any_of(list.begin(), list.end(),
        [&](const subscription_info& each) { return each.stream == which.stream && each.name == which.name; });
    if (!is_there)
        throw error(failure(
            errc::subscription_not_found, "there is no subscription '" + which.name + "' to '" + which.stream + "'"));
}

asio::awaitable<void> list_parked(task work) {
    const subject which(work.given);
    const store from = co_await open(work.given.options(work.background));
    const std::vector<parked_event> list = co_await which.in(from).parked();
    if (list.empty()) co_await must_exist(from, which);
    print_list(work, list,
        {{"POSITION", true}, {"VERSION", true}, {"DELIVERIES", true}, {"PARKED AT"}, {"STREAM"}, {"TYPE"}, {"REASON"}});
}

asio::awaitable<void> release_parked(task work, bool discard) {
    const subject which(work.given);
    std::vector<std::int64_t> positions; // none = all
    if (work.given.has("position")) positions = work.given.get<std::vector<std::int64_t>>("position");
    if (discard && positions.empty() && !work.given.has("all"))
        throw usage_error("say which events to forget: --position N, or --all");

    const store target = co_await open(work.given.options(work.background));
    const subscription_handle handle = which.in(target);
    auto releasing = discard ? handle.discard(positions) : handle.replay(positions);
    const std::string count = std::to_string(co_await std::move(releasing));
    if (work.given.how == style::json)
        work.out.put(which.json() + ",\"" + (discard ? "discarded" : "replayed") + "\":" + count + "}\n");
    else
        work.out.put(count + (count == "1" ? " event" : " events") + " of " + which.text() +
            (discard ? " forgotten\n" : " to be delivered again\n"));
}

asio::awaitable<void> replay_parked(task work) { return release_parked(std::move(work), false); }
asio::awaitable<void> discard_parked(task work) { return release_parked(std::move(work), true); }

void add_replay_options(po::options_description& options) {
    auto add = options.add_options();
    add("position", po::value<std::vector<std::int64_t>>()->value_name("N"),
        "only the event at this position; may be given several times");
}

void add_discard_options(po::options_description& options) {
    add_replay_options(options);
    auto add = options.add_options();
    add("all", "all events that it has parked");
}

void add_reset_options(po::options_description& options) {
    auto add = options.add_options();
    add("to", po::value<std::int64_t>()->value_name("N"),
        "what lies after this version of the stream, or position of $all, is delivered again; by default 0: "
        "everything");
}

} // namespace

const command subscriptions_command = {
    .name = "subscriptions",
    .summary = "list the subscriptions, and how far they are",
    .argument = "",
    .help =
        R"(Lists the persistent subscriptions, by name: up to where everything is done (the version of the stream, or
position of $all), how many events lie after that and for how many seconds the oldest of them has been waiting, how many
events are parked, and who has the subscription now. What was acknowledged in the last moment may not be in it.
)",
    .run = list_subscriptions,
};

const command delete_subscription_command = {
    .name = "subscriptions delete",
    .summary = "forget a subscription",
    .argument = "STREAM",
    .second_argument = "NAME",
    .help =
        "Removes a subscription to a stream, or to '$all', with its checkpoint and what it has parked. Whoever has it\n"
        "is told, and gets nothing more.\n",
    .run = delete_subscription,
};

const command reset_subscription_command = {
    .name = "subscriptions reset",
    .summary = "have a subscription deliver again",
    .argument = "STREAM",
    .second_argument = "NAME",
    .help =
        "Sets the checkpoint of a subscription to a stream, or to '$all'. Whoever has it is told that it is lost, and\n"
        "goes on from there when it subscribes again.\n",
    .add_options = add_reset_options,
    .run = reset_subscription,
};

const command parked_command = {
    .name = "subscriptions parked",
    .summary = "list the events that a subscription has put aside",
    .argument = "STREAM",
    .second_argument = "NAME",
    .help =
        "Lists the events that a subscription to a stream, or to '$all', has put aside because they were refused too\n"
        "often: how often they were delivered, and the reason that was given last.\n",
    .run = list_parked,
};

const command replay_command = {
    .name = "subscriptions replay",
    .summary = "have parked events delivered again",
    .argument = "STREAM",
    .second_argument = "NAME",
    .help =
        "Has the events that a subscription to a stream, or to '$all', has put aside delivered again, all of them or\n"
        "those at some positions: by whoever has the subscription, or takes it next. Once they are acknowledged they "
        "are\n"
        "parked no longer.\n",
    .add_options = add_replay_options,
    .run = replay_parked,
};

const command discard_command = {
    .name = "subscriptions discard",
    .summary = "forget parked events",
    .argument = "STREAM",
    .second_argument = "NAME",
    .help = "Forgets events that a subscription to a stream, or to '$all', has put aside: they stay in their streams, "
            "but the\n"
            "subscription has done with them.\n",
    .add_options = add_discard_options,
    .run = discard_parked,
};

} // namespace eventstore::cli
