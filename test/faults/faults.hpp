// The faults that a run can inject.
#pragma once

#include "faults/client.hpp"
#include "faults/fault_plan.hpp"
#include "faults/testbed.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace eventstore::test::faults {

/// One injection: begin(), then tick() every few milliseconds, then end(), after which everything works again. What throws
/// is told, and the run goes on: another fault may be in the way.
class fault {
public:
    virtual ~fault() = default;
    virtual void begin() {}
    virtual void tick() {}
    virtual void end() {}
};

struct fault_kind {
    fault_choice choice;
    std::string description; ///< what is done
    /// \param seed of what it chooses; length: of the injection
    std::unique_ptr<fault> (*make)(testbed& bed, std::uint64_t seed, milliseconds length);
    /// Why it cannot be injected here; empty if it can.
    std::string (*obstacle)(testbed& bed) = [](testbed&) { return std::string(); };
};

std::vector<fault_kind> client_faults();
std::vector<fault_kind> network_faults();
std::vector<fault_kind> session_faults();
std::vector<fault_kind> server_faults();

/// All of them.
std::vector<fault_kind> fault_kinds();

template <class Fault>
std::unique_ptr<fault> make_fault(testbed& bed, std::uint64_t seed, milliseconds length) {
    return std::make_unique<Fault>(bed, seed, length);
}

/// What faults have in common: what they disturb, and numbers from their seed.
class seeded_fault : public fault {
public:
    seeded_fault(testbed& bed, std::uint64_t seed, milliseconds length) : bed_(bed), random_(seed), length_(length) {}

protected:
    testbed& bed() noexcept { return bed_; }
    random_numbers& random() noexcept { return random_; }
    milliseconds length() const noexcept { return length_; }
    std::uint64_t below(std::uint64_t limit) { return faults::below(random_, limit); }

private:
    testbed& bed_;
    random_numbers random_;
    milliseconds length_;
};

} // namespace eventstore::test::faults
