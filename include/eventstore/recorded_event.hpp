/// \file
/// Recorded events.
#pragma once

#include <eventstore/event_data.hpp>
#include <eventstore/export.hpp>
#include <eventstore/uuid.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace eventstore {

namespace detail {

class page;
struct page_row;

EVENTSTORE_EXPORT void retain(const page* shared) noexcept; // one atomic count for each page
EVENTSTORE_EXPORT void release(const page* shared) noexcept;

/// The place of a link, in the stream that holds it. Owned by the page.
struct link_place {
    std::int64_t version = 0;
    std::int64_t position = 0;
    uuid id{}; // the link's own
    std::string_view stream;
};

/// One event of a page. Views point into the page.
struct page_row {
    std::int64_t version = 0;
    std::int64_t position = 0;
    timestamp created_at{};
    uuid id{};
    std::string_view stream;
    std::string_view type;
    std::string_view data;
    std::string_view metadata;
    std::optional<uuid> correlation_id;
    std::optional<uuid> causation_id;
    const link_place* link = nullptr; ///< set = the event was read through a link
};

} // namespace detail

/// One recorded event.
///
/// Lifetime: elements of a page have no reference count and live as long as the page. A copy keeps the *whole page*
/// alive; `detached()` keeps only the event itself: use it to keep few events of large pages. Views (`data()` and so
/// on) live as long as the event that returned them; temporaries return none.
///
/// Thread safety: immutable; distinct objects may be used from any threads. No call blocks.
class recorded_event {
public:
    recorded_event(const recorded_event& other) noexcept : page_(other.page_), row_(other.row_), owner_(true) {
        detail::retain(page_);
    }
    recorded_event(recorded_event&& other) noexcept : recorded_event(std::as_const(other)) {}
    recorded_event& operator=(recorded_event other) noexcept {
        std::swap(page_, other.page_);
        std::swap(row_, other.row_);
        std::swap(owner_, other.owner_);
        return *this;
    }
    ~recorded_event() {
        if (owner_) detail::release(page_);
    }

    /// Its place in its stream, from 1, without gaps.
    std::int64_t version() const noexcept { return row_->version; }
    /// Its place in the log of all streams, from 1, in commit order. Positions become visible in order: no event will
    /// ever appear below a visible position.
    std::int64_t position() const noexcept { return row_->position; }
    /// True if it was read through a link, from another stream than its own. All other values are those of the
    /// original.
    bool is_linked() const noexcept { return row_->link != nullptr; }
    /// Its version in the stream that it was read from: the link's, or its own.
    std::int64_t link_version() const noexcept { return row_->link ? row_->link->version : row_->version; }
    /// The position of what was read: the link's, or its own.
    std::int64_t link_position() const noexcept { return row_->link ? row_->link->position : row_->position; }
    const uuid& id() const& noexcept { return row_->id; }
    uuid id() const&& noexcept { return row_->id; }
    timestamp created_at() const noexcept { return row_->created_at; }
    std::optional<uuid> correlation_id() const noexcept { return row_->correlation_id; }
    std::optional<uuid> causation_id() const noexcept { return row_->causation_id; }

    std::string_view stream() const& noexcept { return row_->stream; }
    std::string_view stream() const&& = delete;
    std::string_view type() const& noexcept { return row_->type; }
    std::string_view type() const&& = delete;
    std::string_view data() const& noexcept { return row_->data; }
    std::string_view data() const&& = delete;
    std::string_view metadata() const& noexcept { return row_->metadata; }
    std::string_view metadata() const&& = delete;

    /// Returns a copy that does not keep the page alive.
    EVENTSTORE_EXPORT recorded_event detached() const;

    /// Makes an event for tests of a handler. `created_at` is that of the data, or else now.
    EVENTSTORE_EXPORT static recorded_event make(
        std::string stream, std::int64_t version, std::int64_t position, event_data data);

private:
    friend class detail::page;
    enum class adopt { reference };

    recorded_event(const detail::page* shared, const detail::page_row* row) noexcept : page_(shared), row_(row) {}
    recorded_event(const detail::page* shared, const detail::page_row* row, adopt) noexcept
        : page_(shared), row_(row), owner_(true) {}

    const detail::page* page_;
    const detail::page_row* row_;
    bool owner_ = false;
};

} // namespace eventstore
