#include "log/page.hpp"

#include <chrono>
#include <new>
#include <utility>

namespace eventstore {

namespace detail {

void retain(const page* shared) noexcept { shared->references_.fetch_add(1, std::memory_order_relaxed); }

void release(const page* shared) noexcept {
    if (shared->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete shared;
}

page::page(std::vector<page_row> rows, std::vector<keep_alive> storage, bool complete, std::int64_t next_from)
    : rows_(std::move(rows)),
      storage_(std::move(storage)),
      events_(std::allocator<recorded_event>().allocate(rows_.size())),
      complete_(complete),
      next_from_(next_from) {
    for (std::size_t i = 0; i < rows_.size(); ++i)
        ::new (static_cast<void*>(events_ + i)) recorded_event(this, &rows_[i]);
}

page::~page() {
    // The events own nothing: there is nothing to destroy.
    std::allocator<recorded_event>().deallocate(events_, rows_.size());
}

event_page page::make(
    std::vector<page_row> rows, std::vector<keep_alive> storage, bool complete, std::int64_t next_from) {
    return event_page(new page(std::move(rows), std::move(storage), complete, next_from));
}

event_page page::rest_of(const event_page& whole, std::size_t first) {
    std::vector<page_row> rows;
    for (const recorded_event* each = whole.begin() + first; each != whole.end(); ++each) rows.push_back(*each->row_);
    return make(std::move(rows), std::vector<keep_alive>(1, std::make_shared<const event_page>(whole)),
        whole.complete(), whole.next_from());
}

event_page page::selection(std::span<const recorded_event* const> events, std::vector<event_page> sources) {
    std::vector<page_row> rows;
    rows.reserve(events.size());
    for (const recorded_event* each : events) rows.push_back(*each->row_);
    std::vector<keep_alive> storage(1, std::make_shared<const std::vector<event_page>>(std::move(sources)));
    return make(std::move(rows), std::move(storage), true, 0);
}

recorded_event page::single(const page_row& row) {
    auto text = std::make_shared<std::string>();
    text->reserve(row.stream.size() + row.type.size() + row.data.size() + row.metadata.size());
    page_row own = row;
    for (std::string_view* each : {&own.stream, &own.type, &own.data, &own.metadata}) {
        const char* begin = text->data() + text->size(); // the room is reserved: it does not move
        text->append(*each);
        *each = {begin, each->size()};
    }
    std::vector<keep_alive> storage(1, text);
    if (row.link) {
        auto place = std::make_shared<link_place>(*row.link);
        auto holder = std::make_shared<const std::string>(place->stream);
        place->stream = *holder;
        own.link = place.get();
        storage.push_back(std::move(place));
        storage.push_back(std::move(holder));
    }
    const auto* const shared = new page(std::vector<page_row>(1, own), std::move(storage), true, 0);
    return recorded_event(shared, shared->rows_.data(), recorded_event::adopt::reference);
}

} // namespace detail

recorded_event recorded_event::detached() const { return detail::page::single(*row_); }

recorded_event recorded_event::make(std::string stream, std::int64_t version, std::int64_t position, event_data data) {
    detail::page_row row;
    row.version = version;
    row.position = position;
    const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    row.created_at = data.created_at().value_or(now);
    row.id = data.id();
    row.stream = stream;
    row.type = data.type();
    row.data = data.data();
    row.metadata = data.metadata();
    row.correlation_id = data.correlation_id();
    row.causation_id = data.causation_id();
    return detail::page::single(row);
}

event_page::event_page(const event_page& other) noexcept : page_(other.page_) {
    if (page_) detail::retain(page_);
}

event_page::~event_page() {
    if (page_) detail::release(page_);
}

const recorded_event* event_page::begin() const noexcept { return page_ ? page_->events().data() : nullptr; }

const recorded_event* event_page::end() const noexcept {
    return page_ ? page_->events().data() + page_->events().size() : nullptr;
}

bool event_page::complete() const noexcept { return !page_ || page_->complete(); }

std::int64_t event_page::next_from() const noexcept { return page_ ? page_->next_from() : 0; }

} // namespace eventstore
