// Which package is installed in which version: once rebuilt from the events, and once as dpkg has it.
#pragma once

#include <eventstore/store.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace package_history {

namespace asio = boost::asio;
namespace es = eventstore;

struct package_state {
    std::string status; // in dpkg's words: installed, config-files, not-installed ...
    std::string version;

    bool operator==(const package_state&) const = default;
};
using package_states = std::map<std::string, package_state, std::less<>>; // by NAME:ARCHITECTURE

/// A read model: the present as the sum of what happened.
class package_model {
public:
    void apply(const es::recorded_event& event);

    const package_states& states() const noexcept { return states_; }
    std::size_t events() const noexcept { return events_; }

private:
    package_states states_;
    std::size_t events_ = 0;
};

/// The events that a package_model is made of are in streams of this prefix.
constexpr std::string_view package_prefix = "package-";

/// Reads the events of all packages back from the store.
asio::awaitable<package_model> rebuild(es::store store);

/// The packages that dpkg knows. `listing`: lines of `NAME:ARCHITECTURE status version`.
package_states parse_listing(std::string_view listing);
package_states ask_dpkg();

struct comparison {
    std::size_t installed = 0;          // in both, in the same version
    std::size_t gone = 0;               // removed, in both
    std::vector<std::string> different; // each as a sentence
    std::vector<std::string> unknown;   // older than the events: they say nothing about it
};
comparison compare(const package_states& rebuilt, const package_states& present);

} // namespace package_history
