#include "subscription/subscription_state.hpp"

#include "read/page.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::delivery {

namespace {

constexpr std::size_t largest_page = 1'000; // events read at once
constexpr std::size_t most_entries = 4;     // times max_queued: with what is in flight, and done out of order
constexpr std::chrono::milliseconds longest_wait = std::chrono::minutes(1);

bool share_a_batch(const recorded_event& left, const recorded_event& right) {
    return left.stream() == right.stream() && left.correlation_id() == right.correlation_id();
}

} // namespace

subscription_state::subscription_state(const settings& how, place start)
    : how_(how), received_(start), noted_(start), done_(start), announced_(start.position) {}

// ---- what comes in

std::optional<subscription_state::page_wish> subscription_state::wish() {
    if (is_live_ || is_reading_) return std::nullopt;
    if (!has_room()) return std::nullopt;
    if (entries_.size() > most_entries * how_.max_queued + how_.max_in_flight * how_.max_batch * consumers_.size())
        return std::nullopt;
    is_reading_ = true;
    noted_when_asked_ = noted_;
    page_wish wish;
    wish.from = count_of(received_) + 1;
    wish.count = std::min(largest_page, std::max<std::size_t>(how_.max_queued - queued_, 1));
    wish.bytes = std::max<std::size_t>(how_.max_queued_bytes - queued_bytes_, 1);
    return wish;
}

void subscription_state::page_arrived(
    const event_page& page, std::span<const arrival> events, place through, bool complete) {
    is_reading_ = false;
    push(page, events);
    received_.position = std::max(received_.position, through.position);
    received_.version = std::max(received_.version, through.version);
    // What was noted before the page was asked for is in it, if it is anywhere.
    is_live_ = complete && (noted_ == noted_when_asked_ || received_.position >= noted_.position);
}

void subscription_state::restart() noexcept {
    ++life_;
    received_.version = 0;
    is_live_ = false;
    is_reading_ = false;
}

// ---- consumers

consumer_id subscription_state::join() {
    consumers_.emplace(++last_consumer_, consumer());
    return last_consumer_;
}

void subscription_state::leave(consumer_id who) {
    const auto found = consumers_.find(who);
    if (found == consumers_.end()) return;
    for (const batch& each : found->second.batches) {
        for (auto which = each.first; which < each.first + each.count; ++which) {
            if (which < first_ || at(which).now != status::in_flight || at(which).holder != who) continue;
            release_key(at(which));
            queue_again(at(which));
            next_ = std::min(next_, which);
        }
    }
    consumers_.erase(found);
}

void subscription_state::queue_again(entry& what) {
    what.now = status::queued;
    what.holder = 0;
    ++queued_;
    queued_bytes_ += what.charge;
}

void subscription_state::release_key(const entry& what) {
    if (how_.order != ordering::by_key) return;
    const auto held = held_keys_.find(what.key);
    if (held != held_keys_.end() && --held->second.events == 0) held_keys_.erase(held);
}

bool subscription_state::is_busy(consumer_id who) const {
    const auto found = consumers_.find(who);
    return found != consumers_.end() && found->second.batches.size() >= how_.max_in_flight;
}

bool subscription_state::is_free_for(const entry& what, consumer_id who) const {
    if (how_.order != ordering::by_key) return true;
    const auto held = held_keys_.find(what.key);
    if (held != held_keys_.end() && held->second.who != who) return false;
    return std::ranges::find(waiting_keys_, what.key) == waiting_keys_.end();
}

std::optional<sequence_number> subscription_state::first_for(consumer_id who, steady_time now) {
    next_retry_ = steady_time::max();
    waiting_keys_.clear();
    bool all_before_are_out = true;
    for (auto which = std::max(next_, first_); which < end(); ++which) {
        const entry& each = at(which);
        if (each.now != status::queued && each.now != status::exhausted) continue;
        if (std::exchange(all_before_are_out, false)) next_ = which;
        if (each.now == status::exhausted) { // it stands in the way until it is parked
            if (how_.order == ordering::total) return std::nullopt;
            if (how_.order == ordering::by_key) waiting_keys_.push_back(each.key);
            continue;
        }
        if (each.not_before > now) {
            next_retry_ = std::min(next_retry_, each.not_before);
            if (how_.order == ordering::total) return std::nullopt;
            if (how_.order == ordering::by_key) waiting_keys_.push_back(each.key);
            continue;
        }
        if (is_free_for(each, who)) return which;
    }
    if (all_before_are_out) next_ = end();
    return std::nullopt;
}

// Consumers who could take something share what is there.
std::size_t subscription_state::share() const {
    if (consumers_.size() < 2) return how_.max_batch;
    std::size_t able = 0;
    for (const auto& [id, each] : consumers_) able += each.batches.size() < how_.max_in_flight ? 1 : 0;
    able = std::max<std::size_t>(able, 1);
    return std::min(how_.max_batch, std::max<std::size_t>((queued_ + able - 1) / able, 1));
}

std::optional<subscription_state::hand_out> subscription_state::take(consumer_id who, steady_time now) {
    const auto found = consumers_.find(who);
    if (found == consumers_.end() || queued_ == 0) return std::nullopt;
    consumer& to = found->second;
    if (to.batches.size() >= how_.max_in_flight) return std::nullopt;
    const auto first = first_for(who, now);
    if (!first) return std::nullopt;

    const std::size_t most = share();
    const entry& head = at(*first);
    std::uint32_t count = 0;
    bool is_covered = true; // by what the database knows
    for (auto which = *first; which < end() && count < most; ++which, ++count) {
        entry& each = at(which);
        if (count > 0) {
            if (each.now != status::queued || each.not_before > now || each.reported() != head.reported()) break;
            if (how_.by_stream && !share_a_batch(head.event(), each.event())) break;
            if (!is_free_for(each, who)) break;
        }
        is_covered = is_covered && is_announced(each);
    }
    if (!is_covered) {
        wanted_ = {*first, count, count};
        return std::nullopt;
    }
    has_handed_out_ = true;
    for (auto which = *first; which < *first + count; ++which) {
        entry& each = at(which);
        each.now = status::in_flight;
        each.holder = who;
        ++each.deliveries;
        queued_bytes_ -= each.charge;
        if (!each.is_replay) furthest_ = std::max(furthest_, each.event().link_position());
        if (how_.order == ordering::by_key) {
            key_holder& held = held_keys_[each.key];
            held.who = who;
            ++held.events;
        }
        to.furthest_position = std::max(to.furthest_position, each.event().link_position());
        to.furthest_version = std::max(to.furthest_version, each.event().link_version());
    }
    queued_ -= count;
    if (next_ == *first) next_ += count;
    to.batches.push_back({*first, count, count});
    return make_batch(*first, count);
}

subscription_state::hand_out subscription_state::make_batch(sequence_number first, std::uint32_t count) {
    const entry& head = at(first);
    hand_out made;
    made.first = first;
    made.count = count;
    made.delivery = head.reported();
    bool is_run = true; // of one page: no copy at all
    for (std::uint32_t i = 1; i < count && is_run; ++i) {
        const entry& each = at(first + i);
        is_run = each.page.begin() == head.page.begin() && each.index == head.index + i;
    }
    if (is_run) {
        made.page = head.page;
        made.events = head.page.begin() + head.index;
        return made;
    }
    std::vector<const recorded_event*> events;
    std::vector<event_page> pages;
    for (std::uint32_t i = 0; i < count; ++i) {
        const entry& each = at(first + i);
        events.push_back(&each.event());
        if (pages.empty() || pages.back().begin() != each.page.begin()) pages.push_back(each.page);
    }
    made.page = detail::page::selection(events, std::move(pages));
    made.events = made.page.begin();
    return made;
}

void subscription_state::give_back(consumer_id who, sequence_number first, std::uint32_t count) {
    const auto found = consumers_.find(who);
    if (found == consumers_.end()) return;
    for (auto which = first; which < first + count; ++which) {
        if (which < first_ || at(which).now != status::in_flight || at(which).holder != who) continue;
        entry& each = at(which);
        release_key(each);
        --each.deliveries;
        queue_again(each);
        next_ = std::min(next_, which);
    }
    std::erase_if(found->second.batches, [&](const batch& each) { return each.first == first; });
}

// An event in flight is not in flight any more; the batch that has nothing left makes room for the next.
void subscription_state::settle(consumer& who, sequence_number which, status to) {
    entry& what = at(which);
    release_key(what);
    what.now = to;
    what.holder = 0;
    const auto held = std::ranges::find_if(
        who.batches, [&](const batch& each) { return which >= each.first && which < each.first + each.count; });
    if (held != who.batches.end() && --held->left == 0) who.batches.erase(held);
}

bool subscription_state::acknowledge(consumer_id who, sequence_number first, std::uint32_t count) {
    const auto found = consumers_.find(who);
    if (found == consumers_.end()) return false;
    for (auto which = std::max(first, first_); which < first + count; ++which) {
        if (at(which).now == status::in_flight && at(which).holder == who) settle(found->second, which, status::done);
    }
    drop_done();
    return true;
}

subscription_state::through_result subscription_state::acknowledge_through(
    consumer_id who, std::int64_t where, bool is_position) {
    const auto found = consumers_.find(who);
    if (found == consumers_.end()) return through_result::gone;
    consumer& by = found->second;
    if (where > (is_position ? by.furthest_position : by.furthest_version)) {
        const std::int64_t done = is_position ? done_.position : done_.version;
        return where <= done ? through_result::ok : through_result::never_handed_out;
    }
    std::vector<sequence_number> all;
    for (const batch& each : by.batches) {
        for (auto which = std::max(each.first, first_); which < each.first + each.count; ++which) {
            const entry& held = at(which);
            if (held.now != status::in_flight || held.holder != who) continue;
            if ((is_position ? held.event().link_position() : held.event().link_version()) <= where)
                all.push_back(which);
        }
    }
    for (const sequence_number which : all) settle(by, which, status::done);
    drop_done();
    return through_result::ok;
}

subscription_state::refusal subscription_state::refuse(
    consumer_id who, sequence_number first, std::uint32_t count, steady_time now) {
    refusal result;
    const auto found = consumers_.find(who);
    if (found == consumers_.end()) {
        result.is_gone = true;
        return result;
    }
    for (auto which = std::max(first, first_); which < first + count; ++which) {
        entry& each = at(which);
        if (each.now != status::in_flight || each.holder != who) continue;
        if (each.deliveries > how_.max_retries) {
            settle(found->second, which, status::exhausted);
            if (result.count == 0) result.first = which;
            result.count = static_cast<std::uint32_t>(which - result.first + 1);
        } else {
            const auto wait = how_.retry_after * (std::int64_t{1} << std::min(each.deliveries - 1, 20));
            settle(found->second, which, status::queued);
            queue_again(each);
            each.not_before = now + std::min<std::chrono::milliseconds>(wait, longest_wait);
            next_retry_ = std::min(next_retry_, each.not_before);
        }
        next_ = std::min(next_, which); // it stands in the way of those behind it
    }
    return result;
}

void subscription_state::exhausted(sequence_number first, std::uint32_t count) {
    for (auto which = std::max(first, first_); which < first + count; ++which) {
        if (at(which).now != status::exhausted) continue;
        at(which).now = status::done;
        at(which).was_parked = true;
    }
    drop_done();
}

void subscription_state::drop_done() {
    while (!entries_.empty() && entries_.front().now == status::done) {
        const recorded_event& event = entries_.front().event();
        if (entries_.front().is_replay) {
            if (!entries_.front().was_parked) replayed_.push_back(event.link_position());
        } else {
            done_ = {event.link_position(), event.link_version()};
            done_event_ = detail::page::row_id_of(event);
            done_life_ = entries_.front().life;
            ++done_count_;
        }
        entries_.pop_front();
        ++first_;
    }
    next_ = std::max(next_, first_);
}

// ---- how far it is

subscription_state::checkpoint subscription_state::done() const {
    checkpoint now;
    now.events = done_count_;
    now.where = done_;
    if (entries_.empty()) {
        now.where = received_; // what was filtered out is done, too
    } else if (entries_.front().is_replay) {
        // tells nothing of what lies before it
    } else if (how_.of_log) {
        now.where.position = std::max(done_.position, entries_.front().event().link_position() - 1);
    } else {
        const std::int64_t before = entries_.front().event().link_version() - 1;
        now.where.version = entries_.front().life == done_life_ ? std::max(done_.version, before) : before;
    }
    const std::uint32_t life = entries_.empty() ? life_ : entries_.front().life;
    if (count_of(now.where) == count_of(done_) && life == done_life_) now.event = done_event_;
    return now;
}

std::optional<subscription_state::checkpoint> subscription_state::done_with(
    consumer_id who, sequence_number first, std::uint32_t count) const {
    if (count == 0 || first < first_ || first + count > end()) return std::nullopt;
    for (auto which = first_; which < first + count; ++which) {
        const entry& each = at(which);
        const bool is_of_it = which >= first && each.now == status::in_flight && each.holder == who;
        if ((each.now != status::done && !is_of_it) || each.is_replay) return std::nullopt;
    }
    const recorded_event& last = at(first + count - 1).event();
    return checkpoint{{last.link_position(), how_.of_log ? 0 : last.link_version()}, detail::page::row_id_of(last),
        done_count_ + (first - first_) + count};
}

} // namespace eventstore::delivery
