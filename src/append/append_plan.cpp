#include "append/append_plan.hpp"

#include <algorithm>
#include <unordered_map>

namespace eventstore::append {

namespace {

using postgres::type_oid;

constexpr std::int64_t any = -1;
constexpr std::int64_t exists = -2;

timestamp from_unix(std::int64_t microseconds) { return timestamp(std::chrono::microseconds(microseconds)); }

void add(postgres::parameters& arguments, const storage::log_mark& seen) {
    if (seen.position == 0)
        arguments.add_null();
    else
        arguments.add(seen.position);
    if (seen.event)
        arguments.add(*seen.event);
    else
        arguments.add_null();
}

std::int64_t payload_bytes(const event_data& event) {
    return static_cast<std::int64_t>(event.data().size() + event.metadata().size());
}

} // namespace

append_plan::append_plan(std::span<const std::shared_ptr<append_request>> appends) : appends_(appends) {
    std::unordered_map<std::string_view, std::int32_t> group_of;
    parts_.reserve(appends.size());
    places_.reserve(appends.size());
    for (const auto& append : appends) {
        for (const append_part& part : append->parts) {
            const auto [found, is_first] = group_of.try_emplace(part.stream, static_cast<std::int32_t>(groups_.size()));
            if (is_first) {
                groups_.emplace_back();
                groups_.back().stream = part.stream;
                groups_.back().created_at = part.events.front().created_at();
            }
            group& of = groups_[static_cast<std::size_t>(found->second)];
            parts_.push_back(&part);
            places_.push_back({found->second, of.events});
            demand(of, part);
            of.events += static_cast<std::int32_t>(part.events.size());
            has_links_ |= !part.originals.empty();
        }
        has_units_ |= append->parts.size() > 1;
        events_ += append->events;
        bytes_ += append->bytes;
    }
    needs_care_ |= has_links_;
    put_new_streams_first();
}

// What this part, coming after of.events others, demands of the stream's version before the flush.
void append_plan::demand(group& of, const append_part& part) {
    if (part.expected == any) return;
    if (part.expected == exists) {
        if (of.events == 0) of.expected = exists;
        return;
    }
    const std::int64_t base = part.expected - of.events;
    const bool is_free = of.expected == any || (of.expected == exists && base > 0);
    if (base >= 0 && is_free)
        of.expected = base;
    else if (base < 0 || of.expected != base)
        needs_care_ = true;
}

void append_plan::put_new_streams_first() {
    std::vector<std::int32_t> order(groups_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
    const auto is_new = [&](std::int32_t at) { return groups_[static_cast<std::size_t>(at)].expected == 0; };
    const auto rest = std::stable_partition(order.begin(), order.end(), is_new);
    new_streams_ = static_cast<std::size_t>(rest - order.begin());
    if (new_streams_ == 0 || new_streams_ == groups_.size()) return;

    std::vector<group> sorted;
    sorted.reserve(groups_.size());
    std::vector<std::int32_t> moved_to(groups_.size());
    for (const std::int32_t from : order) {
        moved_to[static_cast<std::size_t>(from)] = static_cast<std::int32_t>(sorted.size());
        sorted.push_back(groups_[static_cast<std::size_t>(from)]);
    }
    groups_ = std::move(sorted);
    for (place& each : places_) each.group = moved_to[static_cast<std::size_t>(each.group)];
}

bool append_plan::is_lone() const noexcept { return parts_.size() == 1 && events_ == 1 && !has_links_; }

postgres::parameters append_plan::lone_arguments(const storage::log_mark& seen) const {
    const append_part& part = *parts_.front();
    const event_data& event = part.events.front();
    postgres::parameters arguments;
    arguments.reserve(bytes_ + 100);
    arguments.add(part.stream);
    arguments.add(part.expected);
    arguments.add(event.id());
    arguments.add(event.type());
    arguments.add(event.data());
    arguments.add(event.metadata());
    const auto add_optional = [&](const auto& value) {
        if (value)
            arguments.add(*value);
        else
            arguments.add_null();
    };
    add_optional(event.correlation_id());
    add_optional(event.causation_id());
    add_optional(event.created_at());
    arguments.add(appends_.front()->is_retry);
    add(arguments, seen);
    return arguments;
}

postgres::parameters append_plan::arguments(bool careful, const storage::log_mark& seen) const {
    postgres::parameters arguments;
    arguments.reserve(bytes_ + 80 * events_ + 60 * groups_.size() + 40 * parts_.size() + 500);

    arguments.begin_array(type_oid::text, groups_.size());
    for (const group& each : groups_) arguments.add(each.stream);
    arguments.begin_array(type_oid::int8, groups_.size());
    for (const group& each : groups_) arguments.add(each.expected);
    arguments.begin_array(type_oid::int4, groups_.size());
    for (const group& each : groups_) arguments.add(each.events);

    const auto add_optional = [&](const auto& value) {
        if (value)
            arguments.add(*value);
        else
            arguments.add_null();
    };
    if (std::ranges::any_of(groups_, [](const group& each) { return each.created_at.has_value(); })) {
        arguments.begin_array(type_oid::timestamptz, groups_.size(), true);
        for (const group& each : groups_) add_optional(each.created_at);
    } else {
        arguments.add_null();
    }
    arguments.add(static_cast<std::int32_t>(new_streams_));

    arguments.begin_array(type_oid::int4, parts_.size());
    for (const place& each : places_) arguments.add(each.group + 1);
    arguments.begin_array(type_oid::int8, parts_.size());
    for (const append_part* each : parts_) arguments.add(each->expected);
    arguments.begin_array(type_oid::int4, parts_.size());
    for (const append_part* each : parts_) arguments.add(static_cast<std::int32_t>(each->events.size()));
    arguments.begin_array(type_oid::boolean, parts_.size());
    for (const auto& append : appends_) {
        for (std::size_t n = 0; n < append->parts.size(); ++n) arguments.add(append->is_retry);
    }

    const auto for_each_event = [&](auto&& visit) {
        for (const append_part* part : parts_) {
            for (const event_data& event : part->events) visit(event);
        }
    };
    const auto begin_events = [&](type_oid type, bool has_nulls = false) {
        arguments.begin_array(type, events_, has_nulls);
    };

    begin_events(type_oid::int4);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        for (std::size_t n = 0; n < parts_[i]->events.size(); ++n) arguments.add(places_[i].group + 1);
    }
    begin_events(type_oid::int4);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        for (std::size_t n = 0; n < parts_[i]->events.size(); ++n)
            arguments.add(places_[i].offset + static_cast<std::int32_t>(n) + 1);
    }

    bool has_metadata = false;
    bool has_correlation = false;
    bool has_causation = false;
    bool has_created_at = false;
    std::int64_t largest = 0;
    for_each_event([&](const event_data& event) {
        has_metadata |= !event.metadata().empty();
        has_correlation |= event.correlation_id().has_value();
        has_causation |= event.causation_id().has_value();
        has_created_at |= event.created_at().has_value();
        largest = std::max(largest, payload_bytes(event));
    });

    begin_events(type_oid::uuid);
    for_each_event([&](const event_data& event) { arguments.add(event.id()); });
    begin_events(type_oid::text);
    for_each_event([&](const event_data& event) { arguments.add(event.type()); });
    begin_events(type_oid::bytea);
    for_each_event([&](const event_data& event) { arguments.add(event.data()); });
    if (has_metadata) {
        begin_events(type_oid::bytea);
        for_each_event([&](const event_data& event) { arguments.add(event.metadata()); });
    } else {
        arguments.add_null();
    }
    // Ids and times that hardly any event has are not sent as nulls.
    const auto add_column = [&](bool has_any, type_oid type, auto&& field) {
        if (!has_any) return arguments.add_null();
        begin_events(type, true);
        for_each_event([&](const event_data& event) { add_optional(field(event)); });
    };
    add_column(has_correlation, type_oid::uuid, [](const event_data& e) { return e.correlation_id(); });
    add_column(has_causation, type_oid::uuid, [](const event_data& e) { return e.causation_id(); });
    add_column(has_created_at, type_oid::timestamptz, [](const event_data& e) { return e.created_at(); });
    if (has_links_) {
        begin_events(type_oid::uuid, true);
        for (const append_part* part : parts_) {
            for (const uuid& each : part->originals) arguments.add(each);
            for (std::size_t n = part->originals.size(); n < part->events.size(); ++n) arguments.add_null();
        }
    } else {
        arguments.add_null();
    }
    if (has_units_) {
        arguments.begin_array(type_oid::int4, parts_.size());
        std::int32_t unit = 0;
        for (const auto& append : appends_) {
            for (std::size_t n = 0; n < append->parts.size(); ++n) arguments.add(unit);
            ++unit;
        }
    } else {
        arguments.add_null();
    }
    arguments.add(largest);
    arguments.add(careful);
    add(arguments, seen);
    return arguments;
}

namespace {

append_result placed(const append_part& append, std::int64_t first_version, std::int64_t first_position,
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
    only.result = placed(*parts_.front(), *from[1], *from[2], from_unix(*from[3]));
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
            const auto base = from[header + static_cast<std::size_t>(places_[i].group)];
            if (!base) return std::nullopt;
            outcome& next = list.emplace_back();
            next.result = placed(*parts_[i], *base + places_[i].offset + 1, position, clock);
            position += static_cast<std::int64_t>(parts_[i]->events.size());
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
        next.what = static_cast<outcome::kind>(*field[0]);
        next.actual_version = field[3].value_or(-1);
        if (next.what == outcome::kind::event_too_large || next.what == outcome::kind::no_jsonb) {
            next.bad_event = field[1].value_or(0);
            next.why_bad = field[2].value_or(0);
        }
        if (next.is_success()) {
            if (!field[1] || !field[2]) return std::nullopt;
            next.result = placed(*parts_[i], *field[1], *field[2], clock);
            next.result.already_appended = next.what == outcome::kind::already_appended;
            if (next.result.already_appended && field[4]) next.result.created_at = from_unix(*field[4]);
            if (next.result.already_appended && field[5])
                next.result.last_position = *field[5]; // of a run that took two appends, with others in between
        }
    }
    return all;
}

storage::log_mark last_stored(
    std::span<const std::shared_ptr<append_request>> appends, const append_plan::verdict& verdict) noexcept {
    storage::log_mark last;
    auto outcome = verdict.outcomes.begin();
    for (const auto& append : appends) {
        for (const append_part& part : append->parts) {
            const auto& each = *outcome++;
            if (each.is_success() && each.result.last_position > last.position)
                last = {verdict.timeline, each.result.last_position, part.events.back().id()};
        }
    }
    return last;
}

} // namespace eventstore::append
