/// The inside of an event_page.
#pragma once

#include "base/live_objects.hpp"

#include <eventstore/event_page.hpp>
#include <eventstore/recorded_event.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::detail {

/// Rows, the events that refer to them, and what the rows' views point into: the results of libpq as they came (payloads
/// are not copied), and the streams' names.
class page : private live_object {
public:
    using keep_alive = std::shared_ptr<const void>;

    /// A shared page of these rows. Their views must point into `storage`.
    static event_page make(
        std::vector<page_row> rows, std::vector<keep_alive> storage, bool complete, std::int64_t next_from);

    /// The events of a page from this one on, as a page of their own that shares its storage.
    static event_page rest_of(const event_page& whole, std::size_t first);

    /// Events of several pages, as a page of their own that keeps those pages.
    static event_page selection(std::span<const recorded_event* const> events, std::vector<event_page> sources);

    /// The same with a copy of everything that the events' views see, so that it keeps no other page.
    static event_page detached(std::span<const recorded_event* const> events);

    /// The bytes of events that a page keeps in memory: its own, or those of the pages that it was cut from.
    static std::size_t kept_bytes(const event_page& page) noexcept;
    /// Of one event, with what describes it.
    static std::size_t kept_bytes(const recorded_event& event) noexcept;

    /// The stream that an event was read from.
    static std::string_view holder_of(const recorded_event& event) noexcept {
        return event.row_->link ? event.row_->link->stream : event.row_->stream;
    }
    /// The id of the row that it was read from: the link's own, or the event's.
    static const uuid& row_id_of(const recorded_event& event) noexcept {
        return event.row_->link ? event.row_->link->id : event.row_->id;
    }

    /// An event that owns a page of its own, with a copy of everything that the row's views see.
    static recorded_event single(const page_row& row);

    std::span<const recorded_event> events() const noexcept { return {events_, rows_.size()}; }
    bool complete() const noexcept { return complete_; }
    std::int64_t next_from() const noexcept { return next_from_; }

    page(const page&) = delete;
    page& operator=(const page&) = delete;

private:
    friend void retain(const page*) noexcept;
    friend void release(const page*) noexcept;

    page(std::vector<page_row> rows, std::vector<keep_alive> storage, bool complete, std::int64_t next_from,
        std::size_t sources_bytes);
    ~page();

    mutable std::atomic<std::size_t> references_{1};
    const std::vector<page_row> rows_;
    const std::vector<keep_alive> storage_;
    recorded_event* events_; // built in place: a copy would hold a reference to its own page
    const bool complete_;
    const std::int64_t next_from_;
    const std::size_t sources_bytes_; // of the pages that it was cut from, and keeps; 0 = there are none
};

} // namespace eventstore::detail
