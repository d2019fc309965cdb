#include "append/append_plan.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>

namespace eventstore::append {

namespace {

constexpr std::int64_t any = -1;
constexpr std::int64_t exists = -2;

timestamp from_unix(std::int64_t microseconds) { return timestamp(std::chrono::microseconds(microseconds)); }

} // namespace

append_plan::append_plan(std::span<const std::shared_ptr<append_request>> appends) {
    std::size_t count = 0;
    for (const auto& append : appends) count += append->parts.size();
    boost::unordered_flat_map<std::string_view, std::int32_t> group_of;
    if (count > 1) group_of.reserve(count);
    parts_.reserve(count);
    groups_.reserve(count);
    std::int32_t unit = 0;
    for (const auto& append : appends) {
        for (const append_part& of_append : append->parts) {
            std::int32_t place = static_cast<std::int32_t>(groups_.size());
            if (count > 1) place = group_of.try_emplace(of_append.stream, place).first->second;
            if (static_cast<std::size_t>(place) == groups_.size()) {
                groups_.emplace_back();
                groups_.back().stream = of_append.stream;
                groups_.back().created_at = of_append.events.front().created_at();
            }
            group& of = groups_[static_cast<std::size_t>(place)];
            part& next = parts_.emplace_back();
            next.group = place + 1;
            next.offset = of.events;
            next.unit = unit;
            next.expected = of_append.expected;
            next.after = of_append.after;
            next.is_retry = append->is_retry;
            next.events = of_append.events;
            next.originals = of_append.originals;
            demand(of, of_append);
            of.events += static_cast<std::int32_t>(next.events.size());
            has_links_ |= !next.originals.empty();
        }
        ++unit;
        has_units_ |= append->parts.size() > 1;
        events_ += append->events;
        bytes_ += append->bytes;
    }
    needs_care_ |= has_links_;
    put_new_streams_first();
}

// What this part, coming after of.events others, demands of the stream's version before the flush.
void append_plan::demand(group& of, const append_part& wanted) {
    if (wanted.after && of.events > 0) needs_care_ = true; // the last event is one of this flush
    if (wanted.expected == any) return;
    if (wanted.expected == exists) {
        if (of.events == 0) of.expected = exists;
        return;
    }
    const std::int64_t base = wanted.expected - of.events;
    const bool is_free = of.expected == any || (of.expected == exists && base > 0);
    if (base >= 0 && is_free)
        of.expected = base;
    else if (base < 0 || of.expected != base)
        needs_care_ = true;
}

void append_plan::put_new_streams_first() {
    const auto is_new = [](const group& candidate) { return candidate.expected == 0; };
    new_streams_ = static_cast<std::size_t>(std::ranges::count_if(groups_, is_new));
    if (std::ranges::is_partitioned(groups_, is_new)) return;

    std::vector<std::int32_t> order(groups_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
    std::ranges::stable_partition(
        order, [&](std::int32_t at) { return is_new(groups_[static_cast<std::size_t>(at)]); });
    std::vector<group> sorted;
    sorted.reserve(groups_.size());
    std::vector<std::int32_t> moved_to(groups_.size());
    for (const std::int32_t from : order) {
        moved_to[static_cast<std::size_t>(from)] = static_cast<std::int32_t>(sorted.size());
        sorted.push_back(groups_[static_cast<std::size_t>(from)]);
    }
    groups_ = std::move(sorted);
    for (part& entry : parts_) entry.group = moved_to[static_cast<std::size_t>(entry.group) - 1] + 1;
}

bool append_plan::is_lone() const noexcept { return parts_.size() == 1 && events_ == 1 && !has_links_; }

storage::append_rows append_plan::rows(append_care care, const storage::log_mark& seen) const {
    storage::append_rows all;
    all.groups = groups_;
    all.parts = parts_;
    all.new_streams = new_streams_;
    all.events = events_;
    all.bytes = bytes_;
    all.has_units = has_units_;
    all.has_links = has_links_;
    if (care != append_care::ids) all.is_careful = care == append_care::all;
    all.is_plain = is_plain();
    all.seen = seen;
    return all;
}

// One new event for each stream, in order: said by leaving out what is the same for all of them.
bool append_plan::is_plain() const noexcept {
    if (groups_.size() != events_ || parts_.size() != events_ || has_units_) return false;
    std::int32_t next = 0;
    return std::ranges::all_of(parts_, [&](const part& entry) { return entry.group == ++next && !entry.is_retry; });
}

postgres::parameters append_plan::lone_arguments(const storage::log_mark& seen) const {
    return storage::encode_lone(rows(append_care::none, seen));
}

postgres::parameters append_plan::arguments(append_care care, const storage::log_mark& seen) const {
    return storage::encode(rows(care, seen));
}

namespace {

append_result placed(const append_plan::part& append, std::int64_t first_version, std::int64_t first_position,
    std::optional<timestamp> clock) {
    const auto count = static_cast<std::int64_t>(append.events.size());
    append_result result;
    result.first_version = first_version;
    result.last_version = first_version + count - 1;
    result.first_position = first_position;
    result.last_position = first_position + count - 1;
    result.created_at = append.events.back().created_at().value_or(clock.value_or(timestamp()));
    return result;
}

} // namespace

std::optional<append_plan::verdict> append_plan::lone_outcome(const answer& from) const {
    if (from.empty() || from.front() != 0)
        return outcomes(from); // something was out of the ordinary, and append_events has answered
    if (from.size() != 5 || !from[1] || !from[2] || !from[3] || !from[4]) return std::nullopt;
    outcome only;
    only.result = placed(parts_.front(), *from[1], *from[2], from_unix(*from[3]));
    return verdict{std::vector<outcome>(1, only), static_cast<std::int32_t>(*from[4])};
}

std::optional<append_plan::verdict> append_plan::outcomes(const answer& from) const {
    constexpr std::size_t header = 4;
    if (from.size() < header || !from[0] || !from[1] || !from[2] || !from[3]) return std::nullopt;
    const std::int64_t head = *from[1];
    const timestamp clock = from_unix(*from[2]);
    verdict all;
    all.timeline = static_cast<std::int32_t>(*from[3]);
    std::vector<outcome>& list = all.outcomes;
    list.reserve(parts_.size());

    if (*from[0] == 0) {
        if (from.size() != header + groups_.size()) return std::nullopt;
        std::int64_t position = head + 1;
        for (std::size_t i = 0; i < parts_.size(); ++i) {
            const auto base = from[header + static_cast<std::size_t>(parts_[i].group) - 1];
            if (!base) return std::nullopt;
            outcome& next = list.emplace_back();
            next.result = placed(parts_[i], *base + parts_[i].offset + 1, position, clock);
            position += static_cast<std::int64_t>(parts_[i].events.size());
        }
        return all;
    }

    constexpr std::size_t fields = 6;
    if (*from[0] != 1 || from.size() != header + fields * parts_.size()) return std::nullopt;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        const auto* const field = &from[header + fields * i];
        if (!field[0] || *field[0] < 0 || *field[0] > static_cast<std::int64_t>(outcome::last_kind))
            return std::nullopt;
        outcome& next = list.emplace_back();
        next.status = static_cast<outcome::kind>(*field[0]);
        next.actual_version = field[3].value_or(-1);
        if (next.status == outcome::kind::event_too_large || next.status == outcome::kind::no_jsonb) {
            next.bad_event = field[1].value_or(0);
            next.why_bad = field[2].value_or(0);
        }
        if (next.is_success()) {
            if (!field[1] || !field[2]) return std::nullopt;
            next.result = placed(parts_[i], *field[1], *field[2], clock);
            next.result.already_appended = next.status == outcome::kind::already_appended;
            if (next.result.already_appended && field[4]) next.result.created_at = from_unix(*field[4]);
            if (next.result.already_appended && field[5])
                next.result.last_position = *field[5]; // of a run that took two appends, with others in between
        }
    }
    return all;
}

appended_counts appended_of(
    std::span<const std::shared_ptr<append_request>> appends, const append_plan::verdict& verdict) noexcept {
    appended_counts sum;
    auto outcome = verdict.outcomes.begin();
    for (const auto& append : appends) {
        if (outcome->status == append_plan::outcome::kind::appended) {
            ++sum.appends;
            sum.events += append->events;
        }
        outcome += static_cast<std::ptrdiff_t>(append->parts.size());
    }
    return sum;
}

storage::log_mark last_stored(
    std::span<const std::shared_ptr<append_request>> appends, const append_plan::verdict& verdict) noexcept {
    storage::log_mark last;
    auto outcome = verdict.outcomes.begin();
    for (const auto& append : appends) {
        for (const append_part& part : append->parts) {
            const auto& part_outcome = *outcome++;
            if (part_outcome.is_success() && part_outcome.result.last_position > last.position)
                last = {verdict.timeline, part_outcome.result.last_position, part.events.back().id()};
        }
    }
    return last;
}

} // namespace eventstore::append
