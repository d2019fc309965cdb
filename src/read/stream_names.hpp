/// The names of streams by their ids, remembered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace eventstore::read {

/// A bounded memory of names. A stream's name never changes, and an id is never given out again.
///
/// Two generations: when the young one is full it becomes the old one, and the old one is forgotten; a name that is
/// still in use moves on. Thread safe.
class stream_names {
public:
    using name = std::shared_ptr<const std::string>;

    explicit stream_names(std::size_t generation = 20'000) : generation_(generation) {}

    /// The name, or null if it is not remembered.
    name find(std::int64_t id) {
        const std::lock_guard lock(mutex_);
        if (const auto found = young_.find(id); found != young_.end()) return found->second;
        const auto found = old_.find(id);
        if (found == old_.end()) return nullptr;
        const name kept = found->second;
        put(id, kept);
        return kept;
    }

    name remember(std::int64_t id, std::string_view text) {
        auto made = std::make_shared<const std::string>(text);
        const std::lock_guard lock(mutex_);
        put(id, made);
        return made;
    }

    void forget(std::int64_t id) {
        const std::lock_guard lock(mutex_);
        young_.erase(id);
        old_.erase(id);
    }

    /// The log is not the one that the names are of: ids may be given out again.
    void forget_all() {
        const std::lock_guard lock(mutex_);
        young_.clear();
        old_.clear();
    }

    std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return young_.size() + old_.size();
    }

private:
    void put(std::int64_t id, name text) {
        if (young_.size() >= generation_) {
            old_ = std::move(young_);
            young_.clear();
        }
        young_[id] = std::move(text);
    }

    const std::size_t generation_;
    mutable std::mutex mutex_;
    std::unordered_map<std::int64_t, name> young_;
    std::unordered_map<std::int64_t, name> old_;
};

} // namespace eventstore::read
