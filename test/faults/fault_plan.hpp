// Which faults a run injects, and when. Pure: the same seed and length make the same plan.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace eventstore::test::faults {

using std::chrono::milliseconds;

/// A kind of fault, as far as a plan has to know it.
struct fault_choice {
    std::string name;
    milliseconds shortest{0};
    milliseconds longest{0};
    bool is_alone = false; ///< never together with another one
    std::string group{};   ///< nor with another one of its group, if it has one
};

struct planned_fault {
    std::string name;
    milliseconds begin{0}; ///< after the start of the run
    milliseconds length{0};
    std::uint64_t seed = 0; ///< for what it chooses: targets, directions, offsets

    milliseconds end() const noexcept { return begin + length; }
    friend bool operator==(const planned_fault&, const planned_fault&) = default;
};

/// First each kind alone, as far as there is time, in an order of the seed's; then each again and again, most of them
/// together with another kind that begins while it lasts. Nothing of it lasts beyond the length.
/// \param rest that follows each, or twice as long at most
std::vector<planned_fault> make_plan(
    std::uint64_t seed, milliseconds length, milliseconds rest, const std::vector<fault_choice>& choices);

} // namespace eventstore::test::faults
