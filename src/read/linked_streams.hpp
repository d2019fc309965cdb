/// Which streams are known to hold links.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_set>

namespace eventstore::read {

/// A bounded memory of names. It only decides which of two statements reads a stream faster: both read it right.
///
/// Two generations, as in stream_names. Thread safe.
class linked_streams {
public:
    explicit linked_streams(std::size_t generation = 10'000) : generation_(generation) {}

    bool has(const std::string& name) {
        const std::lock_guard lock(mutex_);
        if (young_.contains(name)) return true;
        if (!old_.contains(name)) return false;
        put(name);
        return true;
    }
    void add(const std::string& name) {
        const std::lock_guard lock(mutex_);
        put(name);
    }

private:
    void put(const std::string& name) {
        if (young_.size() >= generation_) {
            old_ = std::move(young_);
            young_.clear();
        }
        young_.insert(name);
    }

    const std::size_t generation_;
    std::mutex mutex_;
    std::unordered_set<std::string> young_;
    std::unordered_set<std::string> old_;
};

} // namespace eventstore::read
