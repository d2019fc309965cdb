#include "storage/seen_log.hpp"

namespace eventstore::storage {

void seen_log::note(const log_mark& mark) {
    const std::lock_guard lock(mutex_);
    if (mark.timeline == 0 || mark.timeline >= latest_.timeline) take(mark);
}

void seen_log::note_held(const log_mark& mark) {
    const std::lock_guard lock(mutex_);
    take(mark);
}

void seen_log::take(const log_mark& mark) {
    if (mark.position < latest_.position) return;
    const bool is_same_place = mark.position == latest_.position;
    if (is_same_place && mark.event && latest_.event && mark.event != latest_.event) return;
    if (mark.timeline != 0) latest_.timeline = mark.timeline;
    if (!is_same_place || mark.event) latest_.event = mark.event;
    latest_.position = mark.position;
}

log_mark seen_log::latest() const {
    const std::lock_guard lock(mutex_);
    return latest_;
}

} // namespace eventstore::storage
