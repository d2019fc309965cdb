#include "simulation/feed_driver.hpp"

#include "simulation/made_page.hpp"
#include "storage/continuity.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

namespace eventstore::test::simulation {

feed_driver::feed_driver(
    process& where, pool_driver& pool, database_model& database, storage::seen_log& seen, bug planted, task join)
    : where_(where), pool_(pool), database_(database), seen_(seen), planted_(planted), join_(std::move(join)) {}

void feed_driver::attach(
    follower* next, const std::string& stream, eventstore::detail::steady_time deadline, attached finish) {
    const auto arrival = std::make_shared<attachment>(attachment{{next, stream}, std::move(finish)});
    where_.timer(deadline, [arrival] {
        if (!std::exchange(arrival->is_claimed, true)) arrival->finish(std::nullopt);
    });
    arriving_.push_back(arrival);
    if (state_.has_begun()) return begin(state_.mark());
    if (!std::exchange(is_running_, true)) {
        join_();
        schedule_.begin(where_.now());
    } else {
        schedule_.look_now();
    }
    changed_.soon();
}

void feed_driver::begin(const storage::log_mark& head) {
    if (!state_.has_begun()) state_.begin(head);
    for (const auto& arrival : std::exchange(arriving_, {})) {
        if (std::exchange(arrival->is_claimed, true)) continue;
        followers_.push_back(arrival->next);
        where_.post([arrival, from = state_.published()] { arrival->finish(from); });
    }
}

bool feed_driver::is_followed() {
    std::erase_if(arriving_, [](const auto& arrival) { return arrival->is_claimed; });
    return !followers_.empty() || !arriving_.empty();
}

void feed_driver::detach(const follower* gone) {
    std::erase_if(followers_, [&](const registration& entry) { return entry.told == gone; });
    std::erase_if(arriving_, [&](const auto& arrival) { return arrival->next.told == gone; });
    if (is_followed()) return;
    state_.end();
    changed_.soon(); // the loop ends
}

void feed_driver::own_commit(std::int64_t first, std::int64_t last, event_page page, std::size_t bytes) {
    where_.post([this, first, last, page = std::move(page), bytes] {
        state_.own_commit(first, last, database_model::timeline, page, bytes);
        progress();
    });
}

void feed_driver::hint(std::int64_t head) {
    where_.post([this, head] {
        state_.hint(head);
        progress();
    });
}

void feed_driver::listening_changed(bool works) {
    if (!is_running_) return;
    if (planted_ == bug::does_not_look_after_reconnect) return;
    schedule_.listening_changed(works);
    changed_.soon();
}

void feed_driver::run() {
    if (is_looking_ || !is_running_) return;
    if (!is_followed()) {
        is_running_ = false;
        return;
    }
    if (planted_ == bug::does_not_look_after_reconnect && state_.has_begun()) return;
    if (schedule_.is_due(where_.now()))
        look();
    else
        changed_.at(schedule_.due());
}

void feed_driver::look() {
    schedule_.begin_look();
    is_looking_ = true;
    const storage::log_mark seen = state_.mark();
    pool_.ask_for(
        pool_driver::kind::read, [this, seen] { return database_.look(seen); },
        [this, seen](const std::optional<look_reply>& now) {
            is_looking_ = false;
            milliseconds pause{0};
            if (!now) {
                pause = looks_.failed(errc::connection_lost, where_.random.next());
            } else {
                looks_.succeeded();
                if (!now->is_held) fail(failure(errc::log_truncated, "look"));
                if (is_followed() && now->is_held) {
                    begin(now->head);
                    state_.hint(now->head.position);
                    progress();
                    pause = schedule_.period();
                }
            }
            schedule_.end_look(where_.now(), pause);
            run();
        });
}

void feed_driver::progress() {
    while (const auto next = state_.next()) publish(*next);
    if (const auto wish = state_.wish()) read(*wish);
}

void feed_driver::read(const feed::feed_state::page_wish& wish) {
    const storage::log_mark seen = state_.mark();
    pool_.ask_for(
        pool_driver::kind::read,
        [this, wish, seen] { return database_.read_all(wish.from, wish.count, seen.position); },
        [this, wish, seen](const std::optional<page_reply>& reply) {
            if (reply && state_.has_begun()) {
                reads_.succeeded();
                const auto answer = snapshot_of(*reply, wish.from, true);
                const auto continuity = storage::continuity_of(seen, answer.timeline, answer.head, answer.seen_event);
                if (continuity == storage::continuity::lost) return fail(failure(errc::log_truncated, "page"));
                state_.page_arrived(answer.page, {answer.timeline, answer.head, answer.event_at(answer.head)});
                return progress();
            }
            state_.page_failed();
            if (!state_.has_begun()) return;
            until_read_.at(where_.now() + reads_.failed(errc::connection_lost, where_.random.next()));
        });
}

void feed_driver::publish(const feed::feed_state::publication& publication) {
    const event_page& page = publication.page;
    seen_.note(state_.mark());
    std::vector<std::uint32_t> all(page.size());
    std::map<std::string_view, std::vector<std::uint32_t>> by_stream;
    for (std::uint32_t i = 0; i < page.size(); ++i) {
        all[i] = i;
        by_stream[page[i].stream()].push_back(i);
    }
    for (const registration& entry : std::vector(followers_)) {
        const bool is_log = entry.stream.empty();
        const auto own = by_stream.find(entry.stream);
        if (!is_log && own == by_stream.end()) continue;
        const std::span<const std::uint32_t> indexes = is_log ? all : own->second;
        entry.told->on_live({page, indexes, publication.through, state_.timeline(), publication.event});
    }
}

void feed_driver::fail(const failure& why) {
    state_.end();
    for (const registration& entry : std::exchange(followers_, {})) entry.told->on_feed_failed(why);
}

} // namespace eventstore::test::simulation
