// Plants a bug in made-up runs that are right, and expects that the checker finds it, and names it.
#pragma once

#include "faults/made_run.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::test::faults {

/// A run with a bug in it: records and facts, which a plant changes.
struct planted_run {
    planted_run(unsigned seed, made_shape shape)
        : random(seed), made(made_world(seed, shape).run()), records(made.read()) {}

    std::vector<violation> check() const { return faults::check(records, made.stores, made.subscriptions); }
    name_number number_of(const std::string& text) { return records.names.number_of(text); }

    made_random random;
    made_run made;
    history records;
};

inline bool names(const std::vector<violation>& found, rule broken, const std::string& text) {
    return std::any_of(found.begin(), found.end(),
        [&](const violation& of) { return of.broken == broken && of.text.find(text) != std::string::npos; });
}

/// One of those that fit, at random; null if none does.
template <class Range, class Fits>
auto* choose(made_random& random, Range& range, const Fits& fits) {
    std::vector<decltype(&*range.begin())> found;
    for (auto& one : range)
        if (fits(one)) found.push_back(&one);
    return found.empty() ? nullptr : found[random.below(found.size())];
}

/// Plants the bug in many runs. `plant(run)` returns what the sentence has to name, or nothing where the run has no place
/// for the bug.
template <class Plant>
void expect_found(rule broken, const Plant& plant, made_shape shape = {.steps = 200, .has_changes = false}) {
    constexpr int enough = 30;
    int planted = 0;
    for (unsigned seed = 1; seed <= 2'000 && planted < enough; ++seed) {
        planted_run run(seed, shape);
        const std::optional<std::string> named = plant(run);
        if (!named) continue;
        ++planted;
        const std::vector<violation> found = run.check();
        if (names(found, broken, *named)) continue;
        BOOST_ERROR("seed " << seed << ": there is no " << name_of(broken) << " that names " << *named);
        for (const violation& other : found) BOOST_TEST_MESSAGE(name_of(other.broken) << ": " << other.text);
        return;
    }
    BOOST_TEST(planted == enough);
}

} // namespace eventstore::test::faults
