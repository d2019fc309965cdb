#include "subscription/received_history.hpp"

#include <utility>

namespace eventstore::delivery {

void received_history::begin(
    const place& checkpoint, std::int32_t timeline, std::int64_t stream_id, const std::optional<uuid>& event) {
    timeline_ = timeline;
    stream_id_ = stream_id;
    if (of_log_) note(checkpoint, event);
}

void received_history::note(const place& received, const std::optional<uuid>& event) {
    if (event || last_ != received) event_ = event;
    last_ = received;
}

storage::log_mark received_history::mark(const place& received) const {
    storage::log_mark mark{timeline_, of_log_ ? received.position : received.version, std::nullopt};
    const bool is_there = of_log_ ? last_.position == received.position : last_ == received;
    if (is_there) mark.event = event_;
    return mark;
}

// Of a stream the event may be one that the filter has left out, at another position; there the checkpoint's has to do.
std::optional<uuid> received_history::event_at(const place& received) const {
    return of_log_ && last_.position == received.position ? event_ : std::nullopt;
}

storage::continuity received_history::judge(const storage::log_mark& mark, const read::reader::snapshot& page) const {
    // A stream that was made anew has other events at its versions; and one may begin beyond the end.
    if ((of_log_ || page.stream_id == stream_id_) && mark.event)
        return storage::continuity_of(mark, page.timeline, page.head, page.seen_event);
    const bool is_same = page.timeline == mark.timeline || page.timeline == 0;
    return is_same ? storage::continuity::held : storage::continuity::unknown;
}

std::optional<place> received_history::to_compare(const place& received) const {
    if (of_log_ || stream_id_ != 0 || received.position == 0) return std::nullopt;
    return received;
}

bool received_history::compared(const place& known, const read::reader::snapshot& there) {
    stream_id_ = there.stream_id;
    if (there.stream_id == 0) return false;
    if (there.head < known.version) return true;
    // If the event is not there any more, it was removed; nothing before it is left that could have been missed.
    if (there.page.empty() || there.page.front().link_version() != known.version) return false;
    return there.page.front().link_position() != known.position;
}

bool received_history::is_of(std::int64_t stream_id, const place& received) {
    if (stream_id == 0) return true;
    const std::int64_t known = std::exchange(stream_id_, stream_id);
    if (known == 0 || known == stream_id || received.version == 0) return true;
    stream_id_ = 0; // what was received may be of the new stream already
    return false;
}

} // namespace eventstore::delivery
