/// Which parked events of a subscription are being delivered again.
#pragma once

#include <cstdint>
#include <set>
#include <utility>

namespace eventstore::delivery {

/// They are read one by one while there is room, and wait in the database for the rest of the time. One reader at a time.
class parked_replays {
public:
    /// Some were marked to be delivered again.
    void want() noexcept { is_wanted_ = true; }
    bool is_wanted() const noexcept { return is_wanted_; }
    /// A list of them is read: whoever marks more from here on says so again.
    void begin_list() noexcept { is_wanted_ = false; }

    /// True if a reader is to begin now.
    bool begin_reading(bool has_room) noexcept {
        if (!is_wanted_ || is_reading_ || !has_room) return false;
        return is_reading_ = true;
    }
    void end_reading() noexcept { is_reading_ = false; }

    /// False if the event at this position is queued or out already.
    bool add(std::int64_t position) { return positions_.insert(position).second; }
    /// It is done, and not parked any more; or it is parked again.
    void remove(std::int64_t position) { positions_.erase(position); }
    const std::set<std::int64_t>& positions() const noexcept { return positions_; }

private:
    std::set<std::int64_t> positions_;
    bool is_wanted_ = false;
    bool is_reading_ = false;
};

} // namespace eventstore::delivery
