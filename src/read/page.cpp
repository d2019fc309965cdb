#include "read/page.hpp"

#include <chrono>
#include <deque>
#include <new>
#include <string>
#include <utility>

namespace eventstore {

namespace detail {

void retain(const page* shared) noexcept { shared->references_.fetch_add(1, std::memory_order_relaxed); }

void release(const page* shared) noexcept {
    if (shared->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete shared;
}

page::page(std::vector<page_row> rows, std::vector<keep_alive> storage, bool complete, std::int64_t next_from,
    std::size_t sources_bytes)
    : rows_(std::move(rows)),
      storage_(std::move(storage)),
      events_(std::allocator<recorded_event>().allocate(rows_.size())),
      complete_(complete),
      next_from_(next_from),
      sources_bytes_(sources_bytes) {
    for (std::size_t i = 0; i < rows_.size(); ++i)
        ::new (static_cast<void*>(events_ + i)) recorded_event(this, &rows_[i]);
}

page::~page() {
    // The events own nothing: there is nothing to destroy.
    std::allocator<recorded_event>().deallocate(events_, rows_.size());
}

event_page page::make(
    std::vector<page_row> rows, std::vector<keep_alive> storage, bool complete, std::int64_t next_from) {
    return event_page(new page(std::move(rows), std::move(storage), complete, next_from, 0));
}

event_page page::rest_of(const event_page& whole, std::size_t first) {
    std::vector<page_row> rows;
    for (const recorded_event* event = whole.begin() + first; event != whole.end(); ++event)
        rows.push_back(*event->row_);
    std::vector<keep_alive> storage(1, std::make_shared<const event_page>(whole));
    return event_page(
        new page(std::move(rows), std::move(storage), whole.is_complete(), whole.next_from(), kept_bytes(whole)));
}

event_page page::selection(std::span<const recorded_event* const> events, std::vector<event_page> sources) {
    std::vector<page_row> rows;
    rows.reserve(events.size());
    for (const recorded_event* event : events) rows.push_back(*event->row_);
    std::size_t bytes = 0;
    for (const event_page& source : sources) bytes += kept_bytes(source);
    std::vector<keep_alive> storage(1, std::make_shared<const std::vector<event_page>>(std::move(sources)));
    return event_page(new page(std::move(rows), std::move(storage), true, 0, bytes));
}

std::size_t page::kept_bytes(const recorded_event& event) noexcept {
    const page_row& row = *event.row_;
    return sizeof(row) + sizeof(event) + row.type.size() + row.data.size() + row.metadata.size();
}

std::size_t page::kept_bytes(const event_page& page) noexcept {
    if (page.empty()) return 0;
    std::size_t bytes = page.begin()->page_->sources_bytes_;
    if (bytes > 0) return bytes;
    for (const recorded_event& event : page) bytes += kept_bytes(event);
    return bytes;
}

namespace {

/// What is seen of other pages is copied behind the text, which has room for it: it does not move.
void append_view(std::string& text, std::string_view& view) {
    const char* begin = text.data() + text.size();
    text.append(view);
    view = {begin, view.size()};
}

std::size_t size_of_views(const page_row& row) {
    return row.stream.size() + row.type.size() + row.data.size() + row.metadata.size() +
        (row.link ? row.link->stream.size() : 0);
}

/// A row, and its link, that see nothing but the text.
page_row copy_into(std::string& text, std::deque<link_place>& links, page_row row) {
    for (std::string_view* view : {&row.stream, &row.type, &row.data, &row.metadata}) append_view(text, *view);
    if (row.link) {
        link_place& place = links.emplace_back(*row.link);
        append_view(text, place.stream);
        row.link = &place;
    }
    return row;
}

} // namespace

event_page page::detached(std::span<const recorded_event* const> events) {
    auto text = std::make_shared<std::string>();
    auto links = std::make_shared<std::deque<link_place>>();
    std::size_t size = 0;
    for (const recorded_event* event : events) size += size_of_views(*event->row_);
    text->reserve(size);
    std::vector<page_row> rows;
    rows.reserve(events.size());
    for (const recorded_event* event : events) rows.push_back(copy_into(*text, *links, *event->row_));
    std::vector<keep_alive> storage{std::move(text), std::move(links)};
    return make(std::move(rows), std::move(storage), true, 0);
}

recorded_event page::single(const page_row& row) {
    auto text = std::make_shared<std::string>();
    auto links = std::make_shared<std::deque<link_place>>();
    text->reserve(size_of_views(row));
    std::vector<page_row> own(1, copy_into(*text, *links, row));
    std::vector<keep_alive> storage(1, std::move(text));
    if (!links->empty()) storage.push_back(std::move(links));
    const auto* const shared = new page(std::move(own), std::move(storage), true, 0, 0);
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

bool event_page::is_complete() const noexcept { return !page_ || page_->complete(); }

std::int64_t event_page::next_from() const noexcept { return page_ ? page_->next_from() : 0; }

} // namespace eventstore
