#include "installed.hpp"

#include "command.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>

#include <sstream>
#include <utility>

namespace package_history {

namespace json = boost::json;

namespace {

bool is_there(const package_state& state) {
    return state.status == "installed" || state.status.starts_with("triggers-"); // waiting for triggers: usable
}

bool is_gone(const package_state& state) { return state.status == "not-installed"; }

std::string text_of(const package_state* state) {
    if (state == nullptr || is_gone(*state)) return "not installed";
    return state->version + " (" + state->status + ")";
}

// debootstrap enters dpkg itself without an architecture, and dpkg names it with one from then on.
bool goes_on_by_its_full_name(const std::string& name, const package_states& states) {
    if (name.find(':') != std::string::npos) return false;
    const auto next = states.lower_bound(name + ':');
    return next != states.end() && next->first.starts_with(name + ':');
}

bool same(const package_state& left, const package_state* right) {
    if (right == nullptr || is_gone(*right)) return is_gone(left);
    if (is_there(left) && is_there(*right)) return left.version == right->version;
    return left.status == right->status && left.version == right->version;
}

} // namespace

void package_model::apply(const es::recorded_event& event) {
    ++events_;
    if (!event.stream().starts_with(package_prefix)) return;
    package_state& state = states_[std::string(event.stream().substr(package_prefix.size()))];
    if (event.type() == "PackageStatusChanged") {
        const json::value data = json::parse(json::string_view(event.data().data(), event.data().size()));
        state.status = json::value_to<std::string>(data.at("status"));
        state.version = json::value_to<std::string>(data.at("version"));
    } else if (event.type() == "PackageDisappeared") { // another package took over all of its files
        state.status = "not-installed";
    }
}

asio::awaitable<package_model> rebuild(es::store store) {
    package_model model;
    es::event_scan scan = store.scan_all(es::read_options().stream_prefix(std::string(package_prefix)));
    while (const auto page = co_await scan.next_page())
        for (const es::recorded_event& event : *page) model.apply(event);
    co_return model;
}

package_states parse_listing(std::string_view listing) {
    package_states states;
    std::istringstream in{std::string(listing)};
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::string name;
        package_state state;
        words >> name >> state.status >> state.version;
        if (!name.empty()) states[name] = std::move(state);
    }
    return states;
}

package_states ask_dpkg() {
    return parse_listing(
        output_of(R"(dpkg-query -W -f '${Package}:${Architecture} ${db:Status-Status} ${Version}\n')"));
}

comparison compare(const package_states& rebuilt, const package_states& present) {
    comparison result;
    for (const auto& [name, state] : rebuilt) {
        if (goes_on_by_its_full_name(name, rebuilt)) continue;
        const auto found = present.find(name);
        const package_state* const now = found == present.end() ? nullptr : &found->second;
        if (!same(state, now))
            result.different.push_back(name + ": by the events " + text_of(&state) + ", by dpkg " + text_of(now));
        else if (is_there(state))
            ++result.installed;
        else
            ++result.gone;
    }
    for (const auto& [name, state] : present)
        if (!is_gone(state) && !rebuilt.contains(name)) result.unknown.push_back(name);
    return result;
}

} // namespace package_history
