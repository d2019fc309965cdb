/// What proves that the log still holds all that a subscription has received.
#pragma once

#include "read/reader.hpp"
#include "storage/continuity.hpp"
#include "storage/log_mark.hpp"
#include "subscription/subscription_state.hpp"

#include <eventstore/uuid.hpp>

#include <cstdint>
#include <optional>

namespace eventstore::delivery {

/// The history in which all of it was, the event at its end, and which of the streams that had the name it is of. A fail-over
/// or a restored backup may lose the end of a log; a stream may be deleted for good and made anew. No locks, no I/O.
class received_history {
public:
    explicit received_history(bool of_log) : of_log_(of_log) {}

    /// \param stream_id 0 = not known, or the log
    void begin(
        const place& checkpoint, std::int32_t timeline, std::int64_t stream_id, const std::optional<uuid>& event);

    std::int32_t timeline() const noexcept { return timeline_; }
    /// A server of another timeline holds it, too.
    void go_on_in(std::int32_t timeline) noexcept {
        if (timeline != 0) timeline_ = timeline;
    }

    /// The last that was received, with the event there, if it is known: the next page must find it again.
    void note(const place& received, const std::optional<uuid>& event);
    /// What the next page is compared with; of one stream its position is a version.
    storage::log_mark mark(const place& received) const;
    /// The event at the last position received in the log, if it is known.
    std::optional<uuid> event_at(const place& received) const;
    /// What the page says about `mark`; unknown: the forks of the log tell.
    storage::continuity judge(const storage::log_mark& mark, const read::reader::snapshot& page) const;

    /// Live events do not tell which of the streams that had this name they are of. While that is not known, the last event
    /// received is looked up before a page counts.
    std::optional<place> to_compare(const place& received) const;
    /// It was looked up. True: another event stands there, and the stream was made anew.
    bool compared(const place& known, const read::reader::snapshot& there);
    /// A page is of this stream. False: what was received may be of another, and is to be compared first.
    bool is_of(std::int64_t stream_id, const place& received);

private:
    const bool of_log_;
    std::int32_t timeline_ = 0;
    std::int64_t stream_id_ = 0;
    place last_; // of which the event may be known
    std::optional<uuid> event_;
};

} // namespace eventstore::delivery
