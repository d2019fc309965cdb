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

subscription_state::subscription_state(const settings& options, place start)
    : settings_(options), received_(start), noted_(start), done_(start), announced_(start.position) {}

// ---- what comes in

std::optional<subscription_state::page_wish> subscription_state::wish() {
    if (is_live_ || is_reading_) return std::nullopt;
    if (!has_room()) return std::nullopt;
    if (entries_.size() >
        most_entries * settings_.max_queued + settings_.max_in_flight * settings_.max_batch * consumers_.size())
        return std::nullopt;
    is_reading_ = true;
    noted_when_asked_ = noted_;
    page_wish wish;
    wish.from = count_of(received_) + 1;
    wish.count = std::min(largest_page, std::max<std::size_t>(settings_.max_queued - queued_, 1));
    wish.bytes = std::max<std::size_t>(settings_.max_queued_bytes - queued_bytes_, 1);
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
    ++incarnation_;
    received_.version = 0;
    is_live_ = false;
    is_reading_ = false;
}

// ---- consumers

consumer_id subscription_state::join() {
    consumers_.emplace(++last_consumer_, consumer_state());
    return last_consumer_;
}

void subscription_state::leave(consumer_id consumer) {
    const auto found = consumers_.find(consumer);
    if (found == consumers_.end()) return;
    for (const batch& held_batch : found->second.batches) {
        for (auto number = held_batch.first; number < held_batch.first + held_batch.count; ++number) {
            if (number < first_ || at(number).now != status::in_flight || at(number).holder != consumer) continue;
            release_key(at(number));
            queue_again(at(number));
            next_ = std::min(next_, number);
        }
    }
    consumers_.erase(found);
}

void subscription_state::queue_again(queue_entry& entry) {
    entry.now = status::queued;
    entry.holder = 0;
    ++queued_;
    queued_bytes_ += entry.charge;
}

void subscription_state::release_key(const queue_entry& entry) {
    if (settings_.order != ordering::by_key) return;
    const auto held = held_keys_.find(entry.key);
    if (held != held_keys_.end() && --held->second.events == 0) held_keys_.erase(held);
}

bool subscription_state::is_busy(consumer_id consumer) const {
    const auto found = consumers_.find(consumer);
    return found != consumers_.end() && found->second.batches.size() >= settings_.max_in_flight;
}

bool subscription_state::is_free_for(const queue_entry& entry, consumer_id consumer) const {
    if (settings_.order != ordering::by_key) return true;
    const auto held = held_keys_.find(entry.key);
    if (held != held_keys_.end() && held->second.consumer != consumer) return false;
    return std::ranges::find(waiting_keys_, entry.key) == waiting_keys_.end();
}

std::optional<sequence_number> subscription_state::first_for(consumer_id consumer, steady_time now) {
    next_retry_ = steady_time::max();
    waiting_keys_.clear();
    bool all_before_are_out = true;
    for (auto number = std::max(next_, first_); number < end(); ++number) {
        const queue_entry& entry = at(number);
        if (entry.now != status::queued && entry.now != status::exhausted) continue;
        if (std::exchange(all_before_are_out, false)) next_ = number;
        if (entry.now == status::exhausted) { // it stands in the way until it is parked
            if (settings_.order == ordering::total) return std::nullopt;
            if (settings_.order == ordering::by_key) waiting_keys_.push_back(entry.key);
            continue;
        }
        if (entry.not_before > now) {
            next_retry_ = std::min(next_retry_, entry.not_before);
            if (settings_.order == ordering::total) return std::nullopt;
            if (settings_.order == ordering::by_key) waiting_keys_.push_back(entry.key);
            continue;
        }
        if (is_free_for(entry, consumer)) return number;
    }
    if (all_before_are_out) next_ = end();
    return std::nullopt;
}

// Consumers who could take something share what is there.
std::size_t subscription_state::share() const {
    if (consumers_.size() < 2) return settings_.max_batch;
    std::size_t able = 0;
    for (const auto& [id, state] : consumers_) able += state.batches.size() < settings_.max_in_flight ? 1 : 0;
    able = std::max<std::size_t>(able, 1);
    return std::min(settings_.max_batch, std::max<std::size_t>((queued_ + able - 1) / able, 1));
}

std::optional<subscription_state::hand_out> subscription_state::take(consumer_id consumer, steady_time now) {
    const auto found = consumers_.find(consumer);
    if (found == consumers_.end() || queued_ == 0) return std::nullopt;
    consumer_state& state = found->second;
    if (state.batches.size() >= settings_.max_in_flight) return std::nullopt;
    const auto first = first_for(consumer, now);
    if (!first) return std::nullopt;

    const std::size_t most = share();
    const queue_entry& head = at(*first);
    std::uint32_t count = 0;
    bool is_covered = true; // by what the database knows
    for (auto number = *first; number < end() && count < most; ++number, ++count) {
        queue_entry& entry = at(number);
        if (count > 0) {
            if (entry.now != status::queued || entry.not_before > now || entry.reported() != head.reported()) break;
            if (entry.is_replay != head.is_replay) break; // they are acknowledged in different ways
            if (settings_.by_stream && !share_a_batch(head.event(), entry.event())) break;
            if (!is_free_for(entry, consumer)) break;
        }
        is_covered = is_covered && is_announced(entry);
    }
    if (!is_covered) {
        wanted_ = {*first, count, count};
        return std::nullopt;
    }
    has_handed_out_ = true;
    for (auto number = *first; number < *first + count; ++number) {
        queue_entry& entry = at(number);
        entry.now = status::in_flight;
        entry.holder = consumer;
        ++entry.deliveries;
        queued_bytes_ -= entry.charge;
        if (!entry.is_replay) furthest_ = std::max(furthest_, entry.event().link_position());
        if (settings_.order == ordering::by_key) {
            key_holder& held = held_keys_[entry.key];
            held.consumer = consumer;
            ++held.events;
        }
        state.furthest_position = std::max(state.furthest_position, entry.event().link_position());
        state.furthest_version = std::max(state.furthest_version, entry.event().link_version());
    }
    queued_ -= count;
    if (next_ == *first) next_ += count;
    state.batches.push_back({*first, count, count});
    return make_batch(*first, count);
}

subscription_state::hand_out subscription_state::make_batch(sequence_number first, std::uint32_t count) {
    const queue_entry& head = at(first);
    hand_out made;
    made.first = first;
    made.count = count;
    made.delivery = head.reported();
    bool is_run = true; // of one page: no copy at all
    for (std::uint32_t i = 1; i < count && is_run; ++i) {
        const queue_entry& entry = at(first + i);
        is_run = entry.page.begin() == head.page.begin() && entry.index == head.index + i;
    }
    if (is_run) {
        made.page = head.page;
        made.events = head.page.begin() + head.index;
        return made;
    }
    std::vector<const recorded_event*> events;
    std::vector<event_page> pages;
    for (std::uint32_t i = 0; i < count; ++i) {
        const queue_entry& entry = at(first + i);
        events.push_back(&entry.event());
        if (pages.empty() || pages.back().begin() != entry.page.begin()) pages.push_back(entry.page);
    }
    made.page = detail::page::selection(events, std::move(pages));
    made.events = made.page.begin();
    return made;
}

void subscription_state::give_back(consumer_id consumer, sequence_number first, std::uint32_t count) {
    const auto found = consumers_.find(consumer);
    if (found == consumers_.end()) return;
    for (auto number = first; number < first + count; ++number) {
        if (number < first_ || at(number).now != status::in_flight || at(number).holder != consumer) continue;
        queue_entry& entry = at(number);
        settle(found->second, number, status::queued);
        --entry.deliveries;
        queue_again(entry);
        next_ = std::min(next_, number);
    }
}

// An event in flight is not in flight any more; the batch that has nothing left makes room for the next.
void subscription_state::settle(consumer_state& state, sequence_number number, status next) {
    queue_entry& entry = at(number);
    release_key(entry);
    entry.now = next;
    entry.holder = 0;
    const auto held = std::ranges::find_if(state.batches, [&](const batch& held_batch) {
        return number >= held_batch.first && number < held_batch.first + held_batch.count;
    });
    if (held != state.batches.end() && --held->left == 0) state.batches.erase(held);
}

bool subscription_state::acknowledge(consumer_id consumer, sequence_number first, std::uint32_t count) {
    const auto found = consumers_.find(consumer);
    if (found == consumers_.end()) return false;
    for (auto number = std::max(first, first_); number < first + count; ++number) {
        if (at(number).now == status::in_flight && at(number).holder == consumer)
            settle(found->second, number, status::done);
    }
    drop_done();
    return true;
}

subscription_state::through_result subscription_state::acknowledge_through(
    consumer_id consumer, std::int64_t where, bool is_position) {
    const auto found = consumers_.find(consumer);
    if (found == consumers_.end()) return through_result::gone;
    consumer_state& state = found->second;
    if (where > (is_position ? state.furthest_position : state.furthest_version)) {
        const std::int64_t done = is_position ? done_.position : done_.version;
        return where <= done ? through_result::ok : through_result::never_handed_out;
    }
    std::vector<sequence_number> all;
    for (const batch& held_batch : state.batches) {
        for (auto number = std::max(held_batch.first, first_); number < held_batch.first + held_batch.count; ++number) {
            const queue_entry& held = at(number);
            if (held.now != status::in_flight || held.holder != consumer) continue;
            if ((is_position ? held.event().link_position() : held.event().link_version()) <= where)
                all.push_back(number);
        }
    }
    for (const sequence_number number : all) settle(state, number, status::done);
    drop_done();
    return through_result::ok;
}

subscription_state::refusal subscription_state::refuse(
    consumer_id consumer, sequence_number first, std::uint32_t count, steady_time now) {
    refusal result;
    const auto found = consumers_.find(consumer);
    if (found == consumers_.end()) {
        result.is_gone = true;
        return result;
    }
    for (auto number = std::max(first, first_); number < first + count; ++number) {
        queue_entry& entry = at(number);
        if (entry.now != status::in_flight || entry.holder != consumer) continue;
        if (entry.deliveries > settings_.max_retries) {
            settle(found->second, number, status::exhausted);
            if (result.count == 0) result.first = number;
            result.count = static_cast<std::uint32_t>(number - result.first + 1);
        } else {
            const auto wait = settings_.retry_after * (std::int64_t{1} << std::min(entry.deliveries - 1, 20));
            settle(found->second, number, status::queued);
            queue_again(entry);
            entry.not_before = now + std::min<std::chrono::milliseconds>(wait, longest_wait);
            next_retry_ = std::min(next_retry_, entry.not_before);
        }
        next_ = std::min(next_, number); // it stands in the way of those behind it
    }
    return result;
}

void subscription_state::exhausted(sequence_number first, std::uint32_t count) {
    for (auto number = std::max(first, first_); number < first + count; ++number) {
        if (at(number).now != status::exhausted) continue;
        at(number).now = status::done;
        at(number).was_parked = true;
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
            done_incarnation_ = entries_.front().incarnation;
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
    } else if (settings_.of_log) {
        now.where.position = std::max(done_.position, entries_.front().event().link_position() - 1);
    } else {
        const std::int64_t before = entries_.front().event().link_version() - 1;
        now.where.version =
            entries_.front().incarnation == done_incarnation_ ? std::max(done_.version, before) : before;
    }
    const std::uint32_t incarnation = entries_.empty() ? incarnation_ : entries_.front().incarnation;
    if (count_of(now.where) == count_of(done_) && incarnation == done_incarnation_) now.event = done_event_;
    return now;
}

const recorded_event* subscription_state::oldest() const noexcept {
    const auto first = std::ranges::find(entries_, false, &queue_entry::is_replay); // the first one is never done
    return first == entries_.end() ? nullptr : &first->event();
}

std::size_t subscription_state::handed_out() const noexcept {
    std::size_t events = 0;
    for (const auto& [id, state] : consumers_) {
        for (const batch& held_batch : state.batches) events += held_batch.left;
    }
    return events;
}

std::optional<subscription_state::checkpoint> subscription_state::done_with(
    consumer_id consumer, sequence_number first, std::uint32_t count) const {
    if (count == 0 || first < first_ || first + count > end()) return std::nullopt;
    for (auto number = first_; number < first + count; ++number) {
        const queue_entry& entry = at(number);
        const bool is_of_it = number >= first && entry.now == status::in_flight && entry.holder == consumer;
        if ((entry.now != status::done && !is_of_it) || entry.is_replay) return std::nullopt;
    }
    const recorded_event& last = at(first + count - 1).event();
    return checkpoint{{last.link_position(), settings_.of_log ? 0 : last.link_version()}, detail::page::row_id_of(last),
        done_count_ + (first - first_) + count};
}

std::vector<std::int64_t> subscription_state::replayed_in(
    consumer_id consumer, sequence_number first, std::uint32_t count) const {
    std::vector<std::int64_t> positions;
    if (first < first_ || first + count > end()) return positions;
    for (auto number = first; number < first + count; ++number) {
        const queue_entry& entry = at(number);
        if (entry.is_replay && entry.now == status::done) continue; // by an earlier transaction
        if (entry.now != status::in_flight || entry.holder != consumer || !entry.is_replay)
            return std::vector<std::int64_t>();
        positions.push_back(entry.event().link_position());
    }
    return positions;
}

} // namespace eventstore::delivery
