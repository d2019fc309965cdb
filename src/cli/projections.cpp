// `projections`: read models, and how far each version is.
#include "cli/arguments.hpp"
#include "cli/confirmation.hpp"
#include "cli/findings.hpp"
#include "cli/json_text.hpp"
#include "cli/table.hpp"
#include "cli/time_text.hpp"
#include "cli/usage_error.hpp"
#include "cli/watch.hpp"

#include <eventstore/projection.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eventstore::cli {

namespace {

std::int64_t lag_of(const projection_info& info) { return std::max<std::int64_t>(info.head - info.position, 0); }

} // namespace

template <>
struct progress_of<projection_info> {
    static std::pair<std::string, int> key(const projection_info& info) { return {info.name, info.version}; }
    static std::int64_t done(const projection_info& info) { return info.position; }
    static std::int64_t lag(const projection_info& info) { return lag_of(info); }
    static bool is_same(const projection_info& a, const projection_info& b) {
        return a.position == b.position && a.head == b.head && a.parked == b.parked && a.state == b.state;
    }
};

namespace {

using watched_projection = progress_rates<projection_info>::watched;

std::string_view word_for(projection_state state) {
    switch (state) {
    case projection_state::replaying: return "replaying";
    case projection_state::taking_over: return "taking over";
    case projection_state::in_use: return "in use";
    case projection_state::superseded: return "superseded";
    }
    return "unknown";
}

/// Of the log; 100.0 only if nothing is left.
std::string percent_text(const projection_info& info) {
    if (lag_of(info) == 0) return "100.0";
    const auto tenths = static_cast<std::int64_t>(1000.0 * double(info.position) / double(info.head));
    return decimal_text(double(std::min<std::int64_t>(tenths, 999)) / 10);
}

/// A JSON object without its last brace.
std::string members_of(const projection_info& info) {
    std::string state(word_for(info.state));
    std::replace(state.begin(), state.end(), ' ', '_');
    std::string line = "{\"name\":" + json_string(info.name) + ",\"version\":" + std::to_string(info.version) +
        ",\"state\":" + json_string(state) + ",\"position\":" + std::to_string(info.position) +
        ",\"lag_events\":" + std::to_string(lag_of(info)) + ",\"percent\":" + percent_text(info) +
        ",\"consumers\":" + std::to_string(info.subscriptions.size()) + ",\"parked\":" + std::to_string(info.parked) +
        ",\"started_at\":" + json_string(to_text(info.started_at));
    if (info.switched_at) line += ",\"switched_at\":" + json_string(to_text(*info.switched_at));
    return line;
}

std::vector<std::string> cells_of(const projection_info& info, std::string rate, std::string left) {
    std::vector<std::string> cells;
    cells.push_back(info.name);
    cells.push_back(std::to_string(info.version));
    cells.emplace_back(word_for(info.state));
    cells.push_back(std::to_string(info.position));
    cells.push_back(std::to_string(lag_of(info)));
    cells.push_back(percent_text(info));
    if (!rate.empty()) cells.push_back(std::move(rate));
    cells.push_back(std::move(left));
    cells.push_back(std::to_string(info.subscriptions.size()));
    cells.push_back(std::to_string(info.parked));
    return cells;
}

std::vector<table::column> columns(bool has_rate) {
    std::vector<table::column> list{
        {"NAME"}, {"VERSION", true}, {"STATE"}, {"POSITION", true}, {"LAG", true}, {"PERCENT", true}};
    if (has_rate) list.push_back({"RATE/s", true});
    list.push_back({"LEFT", true});
    list.push_back({"CONSUMERS", true});
    list.push_back({"PARKED", true});
    return list;
}

asio::awaitable<void> list_projections(task work) {
    const store from = co_await open(work.given.options(work.background));
    const std::vector<projection_info> list = co_await projections(from);
    table rows(work.out, columns(false));
    for (const projection_info& info : list) {
        if (work.given.format == style::table) {
            rows.add(cells_of(info, "", info.time_left ? time_left_text(*info.time_left) : ""));
            continue;
        }
        std::string line = members_of(info);
        if (info.time_left) line += ",\"seconds_left\":" + std::to_string(info.time_left->count());
        work.out.put(line + "}\n");
    }
    if (work.given.format == style::table) rows.flush();
}

asio::awaitable<std::vector<projection_info>> look_for_projections(store from) { return projections(from); }

std::vector<table::column> watched_projection_columns() { return columns(true); }

std::vector<std::string> watched_cells_of(const watched_projection& one) {
    std::string left;
    if (one.is_gone)
        left = "(dropped)";
    else if (lag_of(one.info) > 0)
        left = one.left ? time_left_text(*one.left) : "-";
    return cells_of(one.info, decimal_text(one.rate), std::move(left));
}

std::string watched_line_of(const watched_projection& one) {
    if (one.is_gone)
        return "{\"name\":" + json_string(one.info.name) + ",\"version\":" + std::to_string(one.info.version) +
            ",\"gone\":true}\n";
    std::string line = members_of(one.info) + ",\"events_per_second\":" + decimal_text(one.rate);
    if (one.left) line += ",\"seconds_left\":" + decimal_text(one.left->count());
    return line + "}\n";
}

constexpr watched_list<projection_info> watched_projections{
    look_for_projections, watched_projection_columns, watched_cells_of, watched_line_of};

asio::awaitable<void> list_or_watch_projections(task work) {
    const auto every = watch_period(work.given);
    return every ? watch_until_stopped(work, *every, watched_projections) : list_projections(work);
}

int version_in(const arguments& given) {
    const std::string text = given.get<std::string>("second_argument");
    int version = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), version);
    if (failed != std::errc() || end != text.data() + text.size() || version < 1)
        throw usage_error("projections drop: the version is a number, from 1");
    return version;
}

asio::awaitable<void> drop_projection(task work) {
    const std::string name = work.given.get<std::string>("argument");
    const int version = version_in(work.given);
    const bool asks = has_to_ask(work.given, "say --yes to drop the version");
    const store target = co_await open(work.given.options(work.background));
    const projection_handle handle(target, name);
    if (asks) {
        const std::vector<projection_info> versions = co_await handle.versions();
        const auto found = std::find_if(
            versions.begin(), versions.end(), [&](const projection_info& info) { return info.version == version; });
        if (found != versions.end()) { // else the drop says so
            const std::string one = printable(name) + '@' + std::to_string(version);
            ask_to_type(one,
                "Version " + std::to_string(version) + " of the projection " + printable(name) + " is " +
                    std::string(word_for(found->state)) + ", at position " + std::to_string(found->position) +
                    ". Its checkpoints and " + count_text(std::size_t(found->parked), "parked event") +
                    " will be lost; its tables stay.\nType " + one + " to drop it: ");
        }
    }
    co_await handle.drop(version);
    if (work.given.format == style::json)
        work.out.put(
            "{\"name\":" + json_string(name) + ",\"version\":" + std::to_string(version) + ",\"dropped\":true}\n");
    else
        work.out.put("version " + std::to_string(version) + " of the projection " + printable(name) +
            " is dropped; its tables are yours to drop\n");
}

} // namespace

const command projections_command = {
    .name = "projections",
    .summary = "list the projections with state, position and progress",
    .argument = "",
    .help =
        R"(Lists the versions of the projections that `run_projection` keeps. States: in use (readers are sent to it), replaying
(written beside the one in use), taking over (it has the side effects, and readers follow at once; in an imported store, when
it has replayed), superseded (written on, until it is dropped). The lag is the number of positions of the log after the checkpoint; PERCENT is how much of the log it
has handled. The time left of a version that readers do not use yet is by its average rate.

Parked events of a projection are those of its subscriptions, NAME@VERSION, or NAME@VERSION/1 and so on if it has several
consumers: `eventstore subscriptions parked '$all' balances@1`.

With --watch it goes on until it is interrupted: a terminal shows the list in place, anything else gets a line for each
version that has changed. The rate is that of the position, smoothed; the time left is by how fast the lag shrinks.
)",
    .add_options = add_watch_options,
    .run = list_or_watch_projections,
};

const command drop_projection_command = {
    .name = "projections drop",
    .summary = "drop a version of a projection",
    .argument = "NAME",
    .second_argument = "VERSION",
    .help =
        "Removes a version of a projection with its checkpoints and parked events, but not its tables. Its run ends\n"
        "with an error. A version that is in use can be dropped only if it is the last one. On a terminal it asks\n"
        "for NAME@VERSION; without a terminal it needs --yes.\n",
    .add_options = add_confirmation_option,
    .run = drop_projection,
};

} // namespace eventstore::cli
