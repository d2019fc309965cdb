// How long callers had to wait while something was wrong, from the records. Pure.
#pragma once

#include "faults/history.hpp"

#include <map>
#include <string>
#include <vector>

namespace eventstore::test::faults {

/// A fault that was injected.
struct fault_window {
    std::string name;
    instant begun = 0;
    instant ended = never;
};

/// Nanoseconds; time for which the process of the caller itself stood still does not count.
struct longest_pauses {
    int times = 0;
    instant call = 0;     ///< from a call of append to its answer
    instant stored = 0;   ///< from the first call to the answer that the events are stored: with all retries
    instant delivery = 0; ///< of a subscription, without a delivery while an event waited

    void include(const longest_pauses& other);
};

struct pauses_of_a_fault {
    longest_pauses alone;
    longest_pauses together; ///< with another one
};

/// Of each kind of fault, the pauses that overlap an injection of it, and have not begun in one that was over before.
std::map<std::string, pauses_of_a_fault> longest_pauses_of(
    const history& records, const std::vector<fault_window>& windows);

/// Rows of a table in Markdown.
std::string table_of(const std::map<std::string, pauses_of_a_fault>& pauses);

} // namespace eventstore::test::faults
