/// One append, from its call to its outcome.
#pragma once

#include "async/completion.hpp"

#include <eventstore/append_result.hpp>
#include <eventstore/error.hpp>
#include <eventstore/event_data.hpp>
#include <eventstore/stream_append.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace eventstore::append {

class group_commit;

/// What one stream gets.
struct append_part {
    std::string stream;
    std::int64_t expected = -1; ///< exact, 0 = no stream, -1 = any version, -2 = stream exists
    std::vector<event_data> events;
    std::vector<uuid> originals; ///< if not empty: each event is a link, to the event with this id
};

/// The parts of an append to several streams, in order, those without events included.
std::vector<append_part> parts_of(std::vector<stream_append> streams);
/// Links, each with an id of its own, by which a retry finds it.
append_part link_part(std::string stream, std::int64_t expected, std::vector<uuid> event_ids);

/// What a caller of append waits for: one part, or several that stand or fall together. Its fields belong to the
/// group_commit, under its mutex.
class append_request final : public detail::completion<std::vector<append_result>> {
public:
    append_request(std::weak_ptr<group_commit> owner, std::vector<append_part> parts);

    const std::vector<append_part> parts; ///< one at least
    const std::size_t bytes;              ///< of names, types and payloads
    const std::size_t events;             ///< how many

    /// The stream that messages speak of.
    const std::string& stream() const noexcept { return parts.front().stream; }

    bool is_retry = false;      ///< an earlier attempt may have been carried out
    bool is_under_way = false;  ///< in a flush that was sent
    bool asks_for_care = false; ///< a flush with it was refused: each of its appends is judged by itself
    std::uint64_t piece = 0;    ///< of a flush that failed as a whole; see append_queue
    int attempts = 0;           ///< whose connections were lost
    int attempts_alone = 0;     ///< of those

private:
    friend class group_commit;

    void start() override;
    void cancel() noexcept override;
    void expire() noexcept override;
    void close() noexcept override;

    const std::weak_ptr<group_commit> owner_; // which holds this request in its queue
};

} // namespace eventstore::append
