#include "postgres/prepared_statements.hpp"

#include "base/text.hpp"

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <string>
#include <utility>

namespace eventstore::postgres {

namespace {

/// 60 bits of its SHA-1: a name has 63 bytes at most.
std::string hash_of(std::string_view text) {
    boost::uuids::name_generator_sha1 hash(boost::uuids::uuid{});
    std::string digits = boost::uuids::to_string(hash(text.data(), text.size()));
    std::erase(digits, '-');
    return digits.erase(12, 1).substr(0, 15); // without the digit that is the same for all
}

} // namespace

prepared_statements::use prepared_statements::next(std::size_t index, std::string_view name, std::string_view text) {
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
    known_.push_front({index, detail::message(name, "_", hash_of(text), "_", std::to_string(++names_given_))});
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
