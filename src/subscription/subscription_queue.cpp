// A subscription's queue: what comes into it, and what it is charged with.
#include "read/page.hpp"
#include "subscription/subscription_state.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::delivery {

namespace {

constexpr std::size_t most_overhang = 4; // a page that is so much larger than what is wanted of it is not kept
constexpr std::size_t small_page = 16'384;

} // namespace

subscription_state::opening subscription_state::open_for(
    const event_page& page, std::span<const std::uint32_t> indexes, place first, place through) {
    opening room;
    noted_ = through;
    if (!is_live_) return room;
    if (!settings_.of_log && first.position > received_.position) {
        // Versions begin again, or some are missing. (What has no position yet may be set to start beyond the end.)
        if (first.version <= received_.version && received_.position > 0) {
            restart();
            return room;
        }
        if (first.version > received_.version + 1) {
            fall_behind();
            return room;
        }
    }
    // A page that was read may have got further than the live source.
    while (room.skip < indexes.size() && count_of(page[indexes[room.skip]]) <= count_of(received_)) ++room.skip;
    if (room.skip < indexes.size() && queued_ >= settings_.max_queued) {
        is_live_ = false; // what does not fit stays in the database
        return room;
    }
    room.is_open = true;
    room.is_empty = queued_ == 0;
    room.events = settings_.max_queued - std::min(queued_, settings_.max_queued);
    room.bytes = settings_.max_queued_bytes - std::min(queued_bytes_, settings_.max_queued_bytes);
    return room;
}

void subscription_state::live(const event_page& page, std::span<const arrival> events, place through, bool is_all) {
    if (!is_live_) return; // something has happened meanwhile: it is read
    push(page, events);
    if (count_of(through) > count_of(received_)) received_ = through;
    is_live_ = is_all;
}

subscription_state::queue_entry& subscription_state::append(queue_entry next) {
    queued_bytes_ += next.charge;
    ++queued_;
    return entries_.emplace_back(std::move(next));
}

// Each event is charged with its part of the page. Few events of a large page are copied, and let it go.
void subscription_state::push(const event_page& page, std::span<const arrival> events) {
    if (events.empty()) return;
    std::size_t wanted = 0;
    for (const arrival& passed : events) wanted += detail::page::kept_bytes(page[passed.index]);
    const std::size_t whole = detail::page::kept_bytes(page);
    const bool is_copied = whole > most_overhang * wanted + small_page;
    event_page kept = page;
    if (is_copied) {
        std::vector<const recorded_event*> list;
        for (const arrival& passed : events) list.push_back(&page[passed.index]);
        kept = detail::page::detached(list);
    }
    const std::size_t overhang = is_copied ? 0 : (whole - std::min(whole, wanted)) / events.size();
    std::uint32_t next_index = 0;
    for (const arrival& passed : events) {
        queue_entry next;
        next.page = kept;
        next.index = is_copied ? next_index++ : passed.index;
        next.key = passed.key;
        next.incarnation = incarnation_;
        next.charge = detail::page::kept_bytes(next.event()) + overhang;
        const std::int64_t position = next.event().link_position();
        if (position <= earlier_.delivered)
            next.deliveries = earlier_.deliveries;
        else if (position <= earlier_.through)
            next.earlier = 1;
        append(std::move(next));
    }
}

void subscription_state::replay(const event_page& page, int earlier) {
    const checkpoint now = done(); // from here on the queue does not tell any more how far it is
    if (!now.event) done_event_.reset();
    done_ = now.where;
    queue_entry next;
    next.page = page;
    next.is_replay = true;
    next.earlier = earlier;
    next.charge = detail::page::kept_bytes(next.event());
    append(std::move(next));
}

} // namespace eventstore::delivery
