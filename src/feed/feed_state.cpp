#include "feed/feed_state.hpp"

#include "read/page.hpp"

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

void feed_state::begin(const storage::log_mark& head) {
    begun_ = true;
    told_ = head;
    head_ = std::max(head_, head.position);
}

void feed_state::go_on_in(std::int32_t timeline) {
    if (timeline == 0 || timeline == told_.timeline) return;
    told_.timeline = timeline;
    forget_own(); // what came after the fork may be lost
}

void feed_state::end() noexcept {
    begun_ = false;
    told_ = storage::log_mark();
    head_ = 0;
    own_.clear();
    own_bytes_ = 0;
    read_.reset();
    is_reading_ = false;
}

std::int64_t feed_state::known() const noexcept {
    return std::max({told_.position, head_, own_.empty() ? 0 : own_.back().last});
}

void feed_state::forget_own() {
    if (!own_.empty()) hint(own_.back().last);
    own_.clear();
    own_bytes_ = 0;
}

void feed_state::own_commit(
    std::int64_t first, std::int64_t last, std::int32_t timeline, event_page page, std::size_t bytes) {
    if (!begun_) return hint(last);                    // the head that is being looked up may be older
    if (timeline != told_.timeline) return hint(last); // what was told before it may be lost: its page will show
    if (last <= told_.position) return;
    if (own_bytes_ + bytes > most_kept_bytes_ && first > told_.position + 1) return hint(last);
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
    if (end <= told_.position) return std::nullopt;
    is_reading_ = true;
    hinted_when_asked_ = head_;
    own_when_asked_ = own_.empty() ? 0 : own_.back().last;
    const auto count = static_cast<std::size_t>(std::min(largest_page, end - told_.position));
    return page_wish{told_.position + 1, count};
}

void feed_state::page_arrived(const event_page& page, const storage::log_mark& head) {
    if (!std::exchange(is_reading_, false)) return;    // ended meanwhile
    if (own_when_asked_ > head.position) forget_own(); // they are of a history that is lost
    // Hard deletes leave gaps: what a complete page does not hold does not exist.
    std::int64_t through = page.next_from() - 1;
    if (page.is_complete()) {
        through = std::max(through, head.position);
        if (head_ == hinted_when_asked_) head_ = std::min(head_, through); // it was of a history that is lost
    }
    if (through <= told_.position) return;
    std::optional<uuid> event;
    if (through == head.position) event = head.event;
    if (!page.empty() && page.back().link_position() == through) event = detail::page::row_id_of(page.back());
    read_ = publication{page, through, event};
}

void feed_state::page_failed() {
    is_reading_ = false;
    forget_own();
}

std::optional<feed_state::publication> feed_state::next() {
    if (!begun_) return std::nullopt;
    if (read_) {
        // An own commit may have been told while the page was on its way.
        publication now{after(read_->page, told_.position), read_->through, read_->event};
        read_.reset();
        if (now.through > told_.position) return tell(std::move(now));
    }
    while (!own_.empty() && own_.front().first <= told_.position + 1) {
        commit front = std::move(own_.front());
        own_.pop_front();
        own_bytes_ -= front.bytes;
        if (front.last <= told_.position) continue; // was read
        publication now{after(front.page, told_.position), front.last, std::nullopt};
        if (!now.page.empty() && now.page.back().link_position() == front.last)
            now.event = detail::page::row_id_of(now.page.back());
        return tell(std::move(now));
    }
    return std::nullopt;
}

feed_state::publication feed_state::tell(publication outgoing) {
    told_.position = outgoing.through;
    told_.event = outgoing.event;
    return outgoing;
}

} // namespace eventstore::feed
