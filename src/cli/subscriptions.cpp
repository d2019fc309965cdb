// `subscriptions` and what can be done with one.
#include "cli/arguments.hpp"
#include "cli/json_text.hpp"
#include "cli/subscription_rates.hpp"
#include "cli/table.hpp"
#include "cli/time_text.hpp"
#include "cli/usage_error.hpp"
#include "cli/watch.hpp"

#include <boost/program_options/value_semantic.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace eventstore::cli {

namespace po = boost::program_options;

namespace {

using watched_subscription = subscription_rates::watched;

/// What is below that many digits after the point is left out.
std::string seconds_text(std::chrono::microseconds time, std::size_t digits) {
    std::string fraction = std::to_string(time.count() % 1'000'000);
    fraction.insert(0, 6 - fraction.size(), '0');
    return std::to_string(time.count() / 1'000'000) + '.' + fraction.substr(0, digits);
}

/// A JSON object without its last brace.
std::string json_members_of(const subscription_info& info) {
    std::string line = "{\"stream\":" + json_string(info.stream) + ",\"name\":" + json_string(info.name) +
        ",\"checkpoint\":" + std::to_string(checkpoint_of(info)) +
        ",\"lag_events\":" + std::to_string(info.lag_events) + ",\"lag_seconds\":" + seconds_text(info.lag, 6) +
        ",\"parked\":" + std::to_string(info.parked);
    if (!info.owner.empty()) line += ",\"owner\":" + json_string(info.owner);
    return line + ",\"created_at\":" + json_string(to_text(info.created_at));
}

std::vector<std::string> cells_of(const subscription_info& info) {
    std::vector<std::string> cells;
    cells.push_back(info.name);
    cells.push_back(info.stream);
    cells.push_back(std::to_string(checkpoint_of(info)));
    cells.push_back(std::to_string(info.lag_events));
    cells.push_back(seconds_text(info.lag, 1));
    cells.push_back(std::to_string(info.parked));
    cells.push_back(info.owner);
    return cells;
}

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

std::string to_json(const subscription_info& info) { return json_members_of(info) + "}\n"; }

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
    for (const Item& item : list) {
        if (work.given.format == style::json)
            work.out.put(to_json(item));
        else
            rows.add(cells_of(item));
    }
    if (work.given.format == style::table) rows.flush();
}

asio::awaitable<void> list_subscriptions(task work) {
    const store from = co_await open(work.given.options(work.background));
    const std::vector<subscription_info> list = co_await from.subscriptions();
    print_list(work, list,
        {{"NAME"}, {"STREAM"}, {"CHECKPOINT", true}, {"LAG", true}, {"SECONDS", true}, {"PARKED", true}, {"OWNER"}});
}

asio::awaitable<std::vector<subscription_info>> look_for_subscriptions(store from) { return from.subscriptions(); }

std::vector<table::column> watched_columns() {
    return {{"NAME"}, {"STREAM"}, {"CHECKPOINT", true}, {"LAG", true}, {"SECONDS", true}, {"PARKED", true},
        {"RATE/s", true}, {"LEFT", true}, {"OWNER"}};
}

std::vector<std::string> watched_cells_of(const watched_subscription& one) {
    std::vector<std::string> cells = cells_of(one.info);
    const std::string owner = one.is_gone ? "(deleted)" : cells.back();
    cells.pop_back();
    cells.push_back(decimal_text(one.rate));
    if (one.info.lag_events == 0)
        cells.emplace_back();
    else
        cells.push_back(one.left ? time_left_text(*one.left) : "-");
    cells.push_back(owner);
    return cells;
}

std::string watched_line_of(const watched_subscription& one) {
    if (one.is_gone)
        return "{\"stream\":" + json_string(one.info.stream) + ",\"name\":" + json_string(one.info.name) +
            ",\"gone\":true}\n";
    std::string line = json_members_of(one.info) + ",\"events_per_second\":" + decimal_text(one.rate);
    if (one.left) line += ",\"seconds_left\":" + decimal_text(one.left->count());
    return line + "}\n";
}

constexpr watched_list<subscription_info> watched_subscriptions{
    look_for_subscriptions, watched_columns, watched_cells_of, watched_line_of};

asio::awaitable<void> list_or_watch(task work) {
    const auto every = watch_period(work.given);
    return every ? watch_until_stopped(work, *every, watched_subscriptions) : list_subscriptions(work);
}

asio::awaitable<void> delete_subscription(task work) {
    const subject subscription(work.given);
    const store target = co_await open(work.given.options(work.background));
    co_await subscription.in(target).remove();
    if (work.given.format == style::json)
        work.out.put(subscription.json() + ",\"deleted\":true}\n");
    else
        work.out.put(subscription.text() + " is deleted\n");
}

asio::awaitable<void> reset_subscription(task work) {
    const subject subscription(work.given);
    std::int64_t checkpoint = 0;
    if (work.given.has("to")) checkpoint = work.given.get<std::int64_t>("to");
    if (checkpoint < 0) throw usage_error("--to takes a version or position, from 0");

    const store target = co_await open(work.given.options(work.background));
    const subscription_handle handle = subscription.in(target);
    auto resetting =
        subscription.stream == "$all" ? handle.reset_to_position(checkpoint) : handle.reset_to_version(checkpoint);
    co_await std::move(resetting);
    if (work.given.format == style::json)
        work.out.put(subscription.json() + ",\"checkpoint\":" + std::to_string(checkpoint) + "}\n");
    else
        work.out.put(subscription.text() + " goes on after " + std::to_string(checkpoint) + '\n');
}

/// To a store, a subscription that is not there has nothing parked.
asio::awaitable<void> must_exist(store from, const subject& subscription) {
    const std::vector<subscription_info> list = co_await from.subscriptions();
    const bool is_there = std::any_of(list.begin(), list.end(), [&](const subscription_info& info) {
        return info.stream == subscription.stream && info.name == subscription.name;
    });
    if (!is_there)
        throw error(failure(errc::subscription_not_found,
            "there is no subscription '" + subscription.name + "' to '" + subscription.stream + "'"));
}

asio::awaitable<void> list_parked(task work) {
    const subject subscription(work.given);
    const store from = co_await open(work.given.options(work.background));
    const std::vector<parked_event> list = co_await subscription.in(from).parked();
    if (list.empty()) co_await must_exist(from, subscription);
    print_list(work, list,
        {{"POSITION", true}, {"VERSION", true}, {"DELIVERIES", true}, {"PARKED AT"}, {"STREAM"}, {"TYPE"}, {"REASON"}});
}

asio::awaitable<void> release_parked(task work, bool discard) {
    const subject subscription(work.given);
    std::vector<std::int64_t> positions; // none = all
    if (work.given.has("position")) positions = work.given.get<std::vector<std::int64_t>>("position");
    if (discard && positions.empty() && !work.given.has("all"))
        throw usage_error("say which events to forget: --position N, or --all");

    const store target = co_await open(work.given.options(work.background));
    const subscription_handle handle = subscription.in(target);
    auto releasing = discard ? handle.discard(positions) : handle.replay(positions);
    const std::string count = std::to_string(co_await std::move(releasing));
    if (work.given.format == style::json)
        work.out.put(subscription.json() + ",\"" + (discard ? "discarded" : "replayed") + "\":" + count + "}\n");
    else
        work.out.put(count + (count == "1" ? " event" : " events") + " of " + subscription.text() +
            (discard ? " forgotten\n" : " to be delivered again\n"));
}

asio::awaitable<void> replay_parked(task work) { return release_parked(std::move(work), false); }
asio::awaitable<void> discard_parked(task work) { return release_parked(std::move(work), true); }

void add_replay_options(po::options_description& options) {
    auto add = options.add_options();
    add("position", po::value<std::vector<std::int64_t>>()->value_name("N"),
        "only the event at this position; may be repeated");
}

void add_discard_options(po::options_description& options) {
    add_replay_options(options);
    auto add = options.add_options();
    add("all", "all parked events of the subscription");
}

void add_reset_options(po::options_description& options) {
    auto add = options.add_options();
    add("to", po::value<std::int64_t>()->value_name("N"),
        "deliver everything after this version of the stream, or position of $all, again; by default 0: all events");
}

} // namespace

const command subscriptions_command = {
    .name = "subscriptions",
    .summary = "list the subscriptions with checkpoint, lag and owner",
    .argument = "",
    .help =
        R"(Lists the persistent subscriptions, by name: the checkpoint (the version of the stream, or position of $all), the
number of events after it, for how many seconds the oldest of them has been waiting, the number of parked events, and
the owner. The most recent acknowledgements may be missing.

With --watch it goes on until it is interrupted: a terminal shows the list in place, anything else gets a line for each
subscription that has changed. The rate is that of the checkpoint, smoothed; the time left is by how fast the lag shrinks.
)",
    .add_options = add_watch_options,
    .run = list_or_watch,
};

const command delete_subscription_command = {
    .name = "subscriptions delete",
    .summary = "delete a subscription",
    .argument = "STREAM",
    .second_argument = "NAME",
    .help = "Deletes a subscription to a stream, or to '$all', with its checkpoint and parked events. Its owner gets\n"
            "an error, and no more events.\n",
    .run = delete_subscription,
};

const command reset_subscription_command = {
    .name = "subscriptions reset",
    .summary = "set the checkpoint of a subscription",
    .argument = "STREAM",
    .second_argument = "NAME",
    .help = "Sets the checkpoint of a subscription to a stream, or to '$all'. Its owner loses the subscription, and\n"
            "resumes from there when it subscribes again.\n",
    .add_options = add_reset_options,
    .run = reset_subscription,
};

const command parked_command = {
    .name = "subscriptions parked",
    .summary = "list the parked events of a subscription",
    .argument = "STREAM",
    .second_argument = "NAME",
    .help = "Lists the events that a subscription to a stream, or to '$all', has parked because they were refused too\n"
            "often: the number of deliveries, and the last reason given.\n",
    .run = list_parked,
};

const command replay_command = {
    .name = "subscriptions replay",
    .summary = "deliver parked events again",
    .argument = "STREAM",
    .second_argument = "NAME",
    .help = "Delivers parked events of a subscription to a stream, or to '$all', again, all of them or those at some\n"
            "positions, to its current or next owner. They are no longer parked once they are acknowledged.\n",
    .add_options = add_replay_options,
    .run = replay_parked,
};

const command discard_command = {
    .name = "subscriptions discard",
    .summary = "discard parked events",
    .argument = "STREAM",
    .second_argument = "NAME",
    .help = "Discards parked events of a subscription to a stream, or to '$all': they stay in their streams, but are\n"
            "no longer parked.\n",
    .add_options = add_discard_options,
    .run = discard_parked,
};

} // namespace eventstore::cli
