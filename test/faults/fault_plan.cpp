#include "faults/fault_plan.hpp"

#include <algorithm>
#include <random>

namespace eventstore::test::faults {

namespace {

constexpr milliseconds first_fault{1'500}; // after the start: there must be something to disturb

class planner {
public:
    planner(std::uint64_t seed, milliseconds length, milliseconds rest, const std::vector<fault_choice>& choices)
        : random_(seed), length_(length), rest_(rest), choices_(choices) {}

    std::vector<planned_fault> run() && {
        milliseconds now = first_fault;
        for (bool is_first_round = true; !choices_.empty(); is_first_round = false) {
            for (const fault_choice* kind : shuffled()) {
                const milliseconds end = add(now, *kind, !is_first_round);
                if (end == now) return std::move(plan_);
                now = end + between(rest_, 2 * rest_);
            }
        }
        return std::move(plan_);
    }

private:
    milliseconds between(milliseconds least, milliseconds most) {
        if (most <= least) return least;
        return least + milliseconds(random_() % static_cast<std::uint64_t>((most - least).count() + 1));
    }

    std::vector<const fault_choice*> shuffled() {
        std::vector<const fault_choice*> order;
        for (const fault_choice& kind : choices_) order.push_back(&kind);
        for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_() % i]);
        return order;
    }

    /// Returns when it is over; `now` if there is no time left.
    milliseconds add(milliseconds now, const fault_choice& kind, bool may_have_company) {
        const planned_fault first{kind.name, now, between(kind.shortest, kind.longest), random_()};
        if (first.end() > length_) return now;
        plan_.push_back(first);
        if (!may_have_company || kind.is_alone || random_() % 4 == 0) return first.end();
        const fault_choice& other = choices_[random_() % choices_.size()];
        const bool is_of_its_group = !kind.group.empty() && other.group == kind.group;
        if (other.is_alone || other.name == kind.name || is_of_its_group) return first.end();
        const planned_fault second{
            other.name, between(first.begin, first.end()), between(other.shortest, other.longest), random_()};
        if (second.end() > length_) return first.end();
        plan_.push_back(second);
        return std::max(first.end(), second.end());
    }

    std::mt19937_64 random_;
    milliseconds length_;
    milliseconds rest_;
    const std::vector<fault_choice>& choices_;
    std::vector<planned_fault> plan_;
};

} // namespace

std::vector<planned_fault> make_plan(
    std::uint64_t seed, milliseconds length, milliseconds rest, const std::vector<fault_choice>& choices) {
    return planner(seed, length, rest, choices).run();
}

} // namespace eventstore::test::faults
