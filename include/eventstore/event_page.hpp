/// \file
/// A page of events: the result of a read.
#pragma once

#include <eventstore/export.hpp>
#include <eventstore/recorded_event.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace eventstore {

/// Events in the order in which they were read: contiguous, immutable, shared. Copying a page copies a pointer;
/// iteration changes no reference count.
///
/// Thread safety: distinct objects may be used from any threads, even if they share events.
class EVENTSTORE_EXPORT event_page {
public:
    using value_type = recorded_event;
    using const_iterator = const recorded_event*;
    using iterator = const_iterator;

    event_page() noexcept = default;
    explicit event_page(const detail::page* adopted) noexcept : page_(adopted) {}
    event_page(const event_page& other) noexcept;
    event_page(event_page&& other) noexcept : page_(std::exchange(other.page_, nullptr)) {}
    event_page& operator=(event_page other) noexcept {
        std::swap(page_, other.page_);
        return *this;
    }
    ~event_page();

    const recorded_event* begin() const noexcept;
    const recorded_event* end() const noexcept;
    std::size_t size() const noexcept { return static_cast<std::size_t>(end() - begin()); }
    bool empty() const noexcept { return begin() == end(); }
    const recorded_event& operator[](std::size_t index) const noexcept { return begin()[index]; }
    const recorded_event& front() const noexcept { return *begin(); }
    const recorded_event& back() const noexcept { return *(end() - 1); }

    /// True if no events followed when the page was read; false if it was cut by `count`, by `max_bytes`, or (with a
    /// filter) by the time limit of one read. A filtered page may be empty and not complete.
    bool is_complete() const noexcept;

    /// Start of the next page: the version (of a stream) or position (of the log) to pass to `read_options::from`.
    std::int64_t next_from() const noexcept;

private:
    const detail::page* page_ = nullptr;
};

} // namespace eventstore
