// How a simulated subscription gets its events.
#include "simulation/made_page.hpp"
#include "simulation/subscription_driver.hpp"

#include <utility>

namespace eventstore::test::simulation {

using namespace delivery;

place subscription_driver::covered_by(const live_batch& batch) const {
    if (is_log()) return {batch.through, 0};
    const recorded_event& last = batch.page[batch.indexes.back()];
    return {last.link_position(), last.link_version()};
}

place subscription_driver::first_of(const live_batch& batch) const {
    if (is_log()) return {};
    const recorded_event& first = batch.page[batch.indexes.front()];
    return {first.link_position(), first.link_version()};
}

void subscription_driver::on_live(const live_batch& batch) {
    if (!state_ || ended_) return;
    const auto room = state_->open_for(batch.page, batch.indexes, first_of(batch), covered_by(batch));
    if (!room.is_open) return carry_out(changed());
    const event_filter::outcome found = filter_.apply(batch.page, batch.indexes, room);
    const std::size_t filtered = room.skip + found.examined;
    const bool is_all = filtered == batch.indexes.size();
    place through;
    std::optional<uuid> event;
    if (filtered > 0) {
        const recorded_event& last = batch.page[batch.indexes[filtered - 1]];
        through = {last.link_position(), is_log() ? 0 : last.link_version()};
        event = eventstore::detail::page::row_id_of(last);
    }
    if (is_all && is_log()) event = batch.event;
    if (is_all) through = covered_by(batch);
    state_->live(batch.page, found.passed, through, is_all);
    if (state_->received() == through) history_.note(through, event);
    const consequences todo = changed();
    report(write_by::terms);
    carry_out(todo);
}

// plan_page, and the question
void subscription_driver::read(const page_wish& wish) {
    const place received = state_->received();
    const storage::log_mark seen = history_.mark(received);
    const std::optional<place> compared = history_.to_compare(received);
    std::int64_t from = compared ? received.version : wish.from;
    if (parts_.planted == bug::delivers_twice && !compared && from > 1) --from;
    const std::size_t count = compared ? 1 : wish.count;
    parts_.pool.ask_for(
        pool_driver::kind::read,
        [this, from, count, seen] {
            if (is_log()) return parts_.database.read_all(from, count, seen.position);
            return parts_.database.read_stream(stream_, from, count, seen.position);
        },
        [this, wish, from, seen, compared](
            const std::optional<page_reply>& reply) { page_answered(wish, from, seen, compared, reply); });
}

void subscription_driver::page_answered(const page_wish& wish, std::int64_t asked_from, const storage::log_mark& seen,
    const std::optional<place>& compared, const std::optional<page_reply>& reply) {
    if (ended_) return;
    if (!reply) {
        if (parts_.planted == bug::forgets_the_wish) return;
        parts_.where.timer(
            parts_.where.now() + reads_.failed(errc::connection_lost, parts_.where.random.next()), [this, wish] {
                if (!ended_) read(wish);
            });
        return;
    }
    page_reply there = *reply;
    if (there.is_missing) there = page_reply();
    auto answer = snapshot_of(there, asked_from, is_log());
    if (!there.is_missing && !reply->is_missing && history_.judge(seen, answer) == storage::continuity::lost)
        return end();
    std::optional<page_wish> more;
    if (compared && !reply->is_missing) {
        if (history_.compared(*compared, answer))
            state_->restart();
        else
            state_->page_failed();
        more = state_->wish();
    } else {
        more = take_page(answer);
    }
    reads_.succeeded();
    if (more) read(*more);
}

std::optional<subscription_driver::page_wish> subscription_driver::take_page(const read::reader::snapshot& answer) {
    const event_page& page = answer.page;
    if (!history_.is_of(answer.stream_id, state_->received())) {
        state_->page_failed();
        return state_->wish();
    }
    std::vector<arrival> events = filter_.apply(page);
    if (parts_.planted == bug::delivers_a_pair_swapped && events.size() > 1) std::swap(events[0], events[1]);
    place through{page.next_from() - 1, 0};
    if (!is_log()) through = {page.empty() ? 0 : page.back().link_position(), page.next_from() - 1};
    const place before = state_->received();
    state_->page_arrived(page, events, through, page.is_complete());
    const bool is_moved = state_->received() != before;
    history_.note(state_->received(), is_moved ? answer.event_at(page.next_from() - 1) : answer.seen_event);
    consequences todo = changed();
    report(write_by::terms);
    const auto next = std::exchange(todo.wish, std::nullopt);
    carry_out(todo);
    return next;
}

} // namespace eventstore::test::simulation
