#include "postgres/prepared_statements.hpp"

#include "base/text.hpp"

#include <utility>

namespace eventstore::postgres {

prepared_statements::use prepared_statements::next(std::size_t index, std::string_view name) {
    if (const auto known = places_.find(index); known != places_.end()) {
        known_.splice(known_.begin(), known_, known->second);
        return {known_.front().name, false};
    }
    if (known_.size() >= most_) {
        if (!comes_again(index)) return {};
        gone_.push_back(std::move(known_.back().name));
        places_.erase(known_.back().index);
        known_.pop_back();
    }
    known_.push_front({index, detail::message(name, "_", std::to_string(++names_given_))});
    places_[index] = known_.begin();
    return {known_.front().name, true};
}

bool prepared_statements::comes_again(std::size_t index) {
    if (const auto seen = seen_places_.find(index); seen != seen_places_.end()) {
        seen_.erase(seen->second);
        seen_places_.erase(seen);
        return true;
    }
    seen_.push_front(index);
    seen_places_[index] = seen_.begin();
    if (seen_.size() > most_) {
        seen_places_.erase(seen_.back());
        seen_.pop_back();
    }
    return false;
}

void prepared_statements::forget(std::size_t index) {
    const auto known = places_.find(index);
    if (known == places_.end()) return;
    known_.erase(known->second);
    places_.erase(known);
}

} // namespace eventstore::postgres
