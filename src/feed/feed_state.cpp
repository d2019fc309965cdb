#include "feed/feed_state.hpp"

#include "log/page.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::feed {

namespace {

constexpr std::int64_t largest_page = 1'000; // events

/// The events of a page after a position.
event_page after(const event_page& page, std::int64_t position) {
    std::size_t told = 0;
    while (told < page.size() && page[told].link_position() <= position) ++told;
    return told == 0 ? page : detail::page::rest_of(page, told);
}

} // namespace

void feed_state::begin(std::int64_t head, std::int32_t timeline) {
    begun_ = true;
    timeline_ = timeline;
    published_ = head;
    published_event_.reset();
    head_ = std::max(head_, head);
}

void feed_state::end() noexcept {
    begun_ = false;
    published_event_.reset();
    head_ = 0;
    own_.clear();
    own_bytes_ = 0;
    read_.reset();
    is_reading_ = false;
}

void feed_state::own_commit(
    std::int64_t first, std::int64_t last, std::int32_t timeline, event_page page, std::size_t bytes) {
    if (!begun_) return hint(last);               // the head that is being looked up may be older
    if (timeline != timeline_) return hint(last); // what was told before it may be lost: its page will show
    if (last <= published_) return;
    if (own_bytes_ + bytes > most_kept_bytes_ && first > published_ + 1) return hint(last);
    own_bytes_ += bytes;
    // A transaction of a caller's, and a flush of the appender, may be told in another order than they were committed in.
    const auto after = std::ranges::upper_bound(own_, first, {}, &commit::first);
    own_.insert(after, {first, last, std::move(page), bytes});
}

void feed_state::hint(std::int64_t head) { head_ = std::max(head_, head); }

std::optional<feed_state::page_wish> feed_state::wish() {
    if (!begun_ || is_reading_ || read_) return std::nullopt;
    std::int64_t end = head_; // read up to here
    if (!own_.empty()) end = std::min(std::max(end, own_.front().first - 1), own_.front().first - 1);
    if (end <= published_) return std::nullopt;
    is_reading_ = true;
    hinted_when_asked_ = head_;
    return page_wish{published_ + 1, static_cast<std::size_t>(std::min(largest_page, end - published_))};
}

void feed_state::page_arrived(const event_page& page, std::int64_t head) {
    if (!std::exchange(is_reading_, false)) return; // ended meanwhile
    // Hard deletes leave gaps: what a complete page does not hold does not exist.
    std::int64_t through = page.next_from() - 1;
    if (page.complete()) {
        through = std::max(through, head);
        if (head_ == hinted_when_asked_) head_ = std::min(head_, through); // it was of a history that is lost
    }
    if (through > published_) read_ = publication{page, through};
}

std::optional<feed_state::publication> feed_state::next() {
    if (!begun_) return std::nullopt;
    if (read_) {
        // An own commit may have been told while the page was on its way.
        publication now{after(read_->page, published_), read_->through};
        read_.reset();
        return told(std::move(now));
    }
    while (!own_.empty() && own_.front().first <= published_ + 1) {
        commit front = std::move(own_.front());
        own_.pop_front();
        own_bytes_ -= front.bytes;
        if (front.last <= published_) continue; // was read
        return told({after(front.page, published_), front.last});
    }
    return std::nullopt;
}

feed_state::publication feed_state::told(publication what) {
    published_ = what.through;
    published_event_.reset();
    if (!what.page.empty() && what.page.back().link_position() == what.through)
        published_event_ = detail::page::row_id_of(what.page.back());
    return what;
}

} // namespace eventstore::feed
