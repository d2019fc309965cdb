/// One append, from its call to its outcome.
#pragma once

#include "async/completion.hpp"

#include <eventstore/append_result.hpp>
#include <eventstore/error.hpp>
#include <eventstore/event_data.hpp>
#include <eventstore/stream_append.hpp>

#include <boost/container/small_vector.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace eventstore::append {

/// The events of one append: one, which needs no memory of its own, or a list.
class event_list {
public:
    event_list() = default;
    event_list(event_data event) : held_(std::move(event)) {}                // NOLINT(google-explicit-constructor)
    event_list(std::vector<event_data> events) : held_(std::move(events)) {} // NOLINT(google-explicit-constructor)

    const event_data* begin() const noexcept {
        if (const auto* event = std::get_if<event_data>(&held_)) return event;
        return std::get<std::vector<event_data>>(held_).data();
    }
    std::size_t size() const noexcept {
        const auto* events = std::get_if<std::vector<event_data>>(&held_);
        return events ? events->size() : 1;
    }
    const event_data* end() const noexcept { return begin() + size(); }
    bool empty() const noexcept { return size() == 0; }
    const event_data& front() const noexcept { return *begin(); }
    const event_data& back() const noexcept { return *(end() - 1); }
    const event_data& operator[](std::size_t place) const noexcept { return begin()[place]; }
    template <class Change>
    void change(const Change& apply) {
        if (auto* const event = std::get_if<event_data>(&held_)) return apply(*event);
        for (event_data& event : std::get<std::vector<event_data>>(held_)) apply(event);
    }
    operator std::span<const event_data>() const noexcept {
        return {begin(), size()};
    } // NOLINT(google-explicit-constructor)

private:
    std::variant<std::vector<event_data>, event_data> held_;
};

/// What one stream gets.
struct append_part {
    std::string stream;
    std::int64_t expected = -1; ///< exact, 0 = no stream, -1 = any version, -2 = stream exists
    std::optional<uuid> after;  ///< the last event of the stream; nothing = any
    event_list events;
    std::vector<uuid> originals; ///< if not empty: each event is a link, to the event with this id
};

using part_list = boost::container::small_vector<append_part, 1>;
using append_results = boost::container::small_vector<append_result, 1>;

/// The parts of an append to several streams, in order, those without events included.
part_list parts_of(std::vector<stream_append> streams);
/// Links, each with an id of its own, by which a retry finds it.
append_part link_part(std::string stream, const expected_version& expected, std::vector<uuid> event_ids);

class append_request;

/// Who carries appends out.
class appender {
public:
    virtual ~appender() = default;
    virtual void submit(std::shared_ptr<append_request> next) = 0;
    /// Its caller does not wait any more.
    virtual void cancelled(append_request& request) noexcept = 0;
    virtual void overdue(const std::shared_ptr<append_request>& request) noexcept = 0;
    /// What would have carried it out is gone.
    virtual void closed(append_request& request) noexcept = 0;
};

/// What a caller of append waits for: one part, or several that stand or fall together. Its fields belong to the
/// appender, under its mutex.
class append_request final : public detail::completion<append_results> {
public:
    append_request(std::weak_ptr<appender> by, part_list parts);

    const part_list parts;    ///< one at least
    const std::size_t bytes;  ///< of names, types and payloads
    const std::size_t events; ///< how many

    /// The stream that messages speak of.
    const std::string& stream() const noexcept { return parts.front().stream; }

    bool is_retry = false;      ///< an earlier attempt may have been carried out
    bool is_under_way = false;  ///< in a flush that was sent
    bool asks_for_care = false; ///< a flush with it was refused: each of its appends is judged by itself
    std::uint64_t piece = 0;    ///< of a flush that failed as a whole; see append_queue
    int attempts = 0;           ///< whose connections were lost
    int attempts_alone = 0;     ///< of those
    detail::steady_time queued_at{};
    detail::steady_time sent_at{}; ///< the last time

private:
    void start() override;
    void cancel() noexcept override;
    void expire() noexcept override;
    void close() noexcept override;

    const std::weak_ptr<appender> by_; // which holds this request in its queue
};

} // namespace eventstore::append
