// The log: appends and reads.
#include "simulation/database_model.hpp"

#include <algorithm>

namespace eventstore::test::simulation {

using append::append_care;
using append::append_part;
using append::append_plan;
using append::append_request;

const stream_row* database_model::find_stream(std::string_view name) const {
    const auto found = std::ranges::find(streams_, name, &stream_row::name);
    return found == streams_.end() ? nullptr : &*found;
}

const stored_event* database_model::find(const uuid& id) const {
    const auto found = by_id_.find(id);
    if (found == by_id_.end() || found->second > head()) return nullptr;
    return &log_[static_cast<std::size_t>(found->second - 1)];
}

stream_row& database_model::stream_of(std::string_view name) {
    const auto found = std::ranges::find(streams_, name, &stream_row::name);
    if (found != streams_.end()) return *found;
    return streams_.emplace_back(stream_row{static_cast<std::int64_t>(streams_.size()) + 1, std::string(name), 0});
}

void database_model::store(stream_row& stream, const event_data& event) {
    const std::int64_t position = head() + 1;
    log_.push_back(
        {position, ++stream.version, stream.id, stream.name, event.id(), *types_.insert(event.type()).first});
    by_id_.insert_or_assign(event.id(), position);
}

bool database_model::is_any_stored(const append_call& call) const {
    if (planted_ == bug::stores_a_retry_twice) return false;
    return std::ranges::any_of(call.appends, [&](const auto& request) {
        return std::ranges::any_of(request->parts, [&](const append_part& part) {
            return std::ranges::any_of(part.events, [&](const event_data& event) { return find(event.id()); });
        });
    });
}

// refuse_history: the writer has seen what this log does not hold.
bool database_model::refuses_history(const storage::log_mark& seen) const {
    if (seen.position == 0) return false;
    if (seen.position > head()) return true;
    return seen.event && log_[static_cast<std::size_t>(seen.position - 1)].id != *seen.event;
}

append_reply database_model::append(const append_call& call) {
    ++transactions_;
    append_reply reply = call.is_lone ? append_event(call) : append_events(call, call.care);
    const bool has_stored = reply.sqlstate.empty() && reply.values[0] == 0;
    if (planted_ == bug::loses_an_event && has_stored && transactions_ % 4 == 0) {
        --stream_of(log_.back().stream).version;
        by_id_.erase(log_.back().id);
        log_.pop_back();
    }
    return told(call, std::move(reply));
}

// append_event: one event of one append.
append_reply database_model::append_event(const append_call& call) {
    const append_part& part = call.appends.front()->parts.front();
    const event_data& event = part.events.front();
    const stream_row* const there = find_stream(part.stream);
    const bool is_there = there && there->version > 0;
    const bool fits = is_there ? part.expected < 0 || (part.expected > 0 && there->version == part.expected)
                               : part.expected == 0 || part.expected == -1;
    if (!fits) return append_events(call, append_care::all);
    if (find(event.id()) && planted_ != bug::stores_a_retry_twice) return {{}, "23505", false};
    if (refuses_history(call.seen)) return {{}, "ES002", false};
    stream_row& stream = stream_of(part.stream);
    store(stream, event);
    return {{0, stream.version, head(), 0, timeline}, {}, true};
}

// Whether each stream is as its group demands.
bool database_model::fits_streams(const append_call& call) const {
    return std::ranges::all_of(call.plan->groups(), [&](const append_plan::group& group) {
        const stream_row* const there = find_stream(group.stream);
        if (group.expected == 0) return !there;
        return there && (group.expected < 0 || there->version == group.expected);
    });
}

// The unique index refuses it.
std::string database_model::repeated_id(const append_call& call) const {
    if (planted_ == bug::stores_a_retry_twice) return {};
    std::set<uuid> ids;
    for (const auto& request : call.appends)
        for (const append_part& part : request->parts)
            for (const event_data& event : part.events)
                if (find(event.id()) || !ids.insert(event.id()).second) return "23505";
    return {};
}

append_reply database_model::append_events(const append_call& call, append_care care) {
    if (refuses_history(call.seen)) return {{}, "ES002", false};
    const bool has_retries = std::ranges::find(call.retries, true) != call.retries.end();
    bool is_careful = care == append_care::all;
    if (care == append_care::ids || (care == append_care::none && has_retries)) is_careful = is_any_stored(call);
    if (is_careful || !fits_streams(call)) return append_carefully(call);
    if (const std::string state = repeated_id(call); !state.empty()) return {{}, state, false};

    append_reply reply{{0, head(), 0, timeline}, {}, false};
    for (const append_plan::group& group : call.plan->groups())
        reply.values.emplace_back(stream_of(group.stream).version);
    std::vector<std::pair<std::string_view, const event_data*>> all;
    for (const auto& request : call.appends)
        for (const append_part& part : request->parts)
            for (const event_data& event : part.events) all.emplace_back(part.stream, &event);
    if (planted_ == bug::swaps_positions && all.size() > 1 && transactions_ % 4 == 0) std::swap(all[0], all[1]);
    for (const auto& [stream, event] : all) store(stream_of(stream), *event);
    return reply;
}

namespace {

/// An append of SQL, while append_events_carefully judges it.
struct careful_append {
    std::int64_t outcome = 0;
    std::int64_t version = 0;
    std::int64_t position = 0;
    std::int64_t last_position = 0;
    std::int64_t actual = 0;
    const append_part* part = nullptr;
};

struct placed_event {
    std::string_view stream;
    std::int64_t version = 0;
    std::int64_t position = 0;
};

} // namespace

append_reply database_model::append_carefully(const append_call& call) {
    std::map<std::string_view, std::int64_t> versions;
    for (const append_plan::group& group : call.plan->groups()) {
        const stream_row* const there = find_stream(group.stream);
        versions[group.stream] = there ? there->version : 0;
    }
    std::map<uuid, placed_event> placed; // by this very call
    std::vector<careful_append> all;
    std::int64_t next_position = head();

    const auto judge = [&](const append_part& part, careful_append& made) {
        std::size_t stored = 0;
        bool is_run = true;
        bool repeats_id = false;
        std::set<uuid> before;
        std::int64_t number = 0;
        for (const event_data& event : part.events) {
            repeats_id = !before.insert(event.id()).second || repeats_id;
            placed_event there;
            if (const stored_event* const known = find(event.id()))
                there = {known->stream, known->version, known->position};
            else if (const auto own = placed.find(event.id()); own != placed.end())
                there = own->second;
            if (number == 0) made.version = there.version;
            if (number == 0) made.position = there.position;
            made.last_position = there.position;
            if (there.position != 0) {
                ++stored;
                is_run = is_run && there.stream == part.stream && there.version == made.version + number;
            }
            ++number;
        }
        std::int64_t& version = versions[part.stream];
        made.actual = version;
        if (is_run && stored == part.events.size()) return 1;
        if (stored > 0 || repeats_id) return 6;
        if (part.expected == -2 && version == 0) return 4;
        if (part.expected == 0 && version > 0) return 3;
        if (part.expected >= 0 && version != part.expected) return 2;
        made.version = version + 1;
        made.position = next_position + 1;
        for (const event_data& event : part.events) placed[event.id()] = {part.stream, ++version, ++next_position};
        return 0;
    };
    const auto take_back = [&](const careful_append& lost) {
        for (const event_data& event : lost.part->events) placed.erase(event.id());
        next_position -= static_cast<std::int64_t>(lost.part->events.size());
        versions[lost.part->stream] -= static_cast<std::int64_t>(lost.part->events.size());
    };

    for (const auto& request : call.appends) {
        const std::size_t first = all.size();
        bool is_lost = false;
        for (const append_part& part : request->parts) {
            careful_append& made = all.emplace_back();
            made.part = &part;
            if (is_lost) {
                made.outcome = 7;
                continue;
            }
            made.outcome = judge(part, made);
            bool is_placed = made.outcome == 0;
            careful_append* const before = all.size() - 1 > first ? &all[all.size() - 2] : nullptr;
            is_lost = made.outcome > 1;
            if (before && !is_lost && made.outcome != before->outcome) { // a unit of which one part is there already
                (made.outcome == 0 ? before : &made)->outcome = 6;
                is_lost = true;
            }
            if (!is_lost || request->parts.size() == 1) continue;
            if (is_placed) take_back(made);
            for (std::size_t i = all.size() - 1; i-- > first;)
                if (all[i].outcome == 0) take_back(all[i]);
            for (std::size_t i = first; i < all.size(); ++i)
                if (all[i].outcome <= 1) all[i].outcome = 7;
        }
    }

    append_reply reply{{1, head(), 0, timeline}, {}, false};
    for (const append_plan::group& group : call.plan->groups()) // in their order they get their ids
        if (versions[group.stream] > 0) stream_of(group.stream);
    for (const careful_append& made : all) {
        reply.values.emplace_back(made.outcome);
        const bool is_stored = made.outcome <= 1;
        reply.values.push_back(is_stored ? std::optional(made.version) : std::nullopt);
        reply.values.push_back(is_stored ? std::optional(made.position) : std::nullopt);
        reply.values.emplace_back(made.actual);
        reply.values.emplace_back();
        reply.values.push_back(made.outcome == 1 ? std::optional(made.last_position) : std::nullopt);
        if (made.outcome != 0) continue;
        for (const event_data& event : made.part->events) store(stream_of(made.part->stream), event);
    }
    return reply;
}

// ---- reads

page_reply database_model::read_all(std::int64_t from, std::size_t count, std::int64_t seen) const {
    const page_call call{"$all", from, count, seen};
    return told(call, page_of_log(call));
}

page_reply database_model::read_stream(
    const std::string& name, std::int64_t from, std::size_t count, std::int64_t seen) const {
    const page_call call{name, from, count, seen};
    return told(call, page_of_stream(call));
}

page_reply database_model::page_of_log(const page_call& call) const {
    const auto& [name, from, count, seen] = call;
    page_reply page;
    page.head = head();
    if (!log_.empty()) page.head_event = log_.back().id;
    if (seen > 0 && seen <= head()) page.seen_event = log_[static_cast<std::size_t>(seen - 1)].id;
    for (std::int64_t position = from; position <= head() && page.events.size() < count; ++position) {
        page.events.push_back(&log_[static_cast<std::size_t>(position - 1)]);
    }
    if (planted_ == bug::page_forgets_an_event && page.events.size() > 2 && from % 5 == 0)
        page.events.erase(page.events.begin() + 1);
    return page;
}

page_reply database_model::page_of_stream(const page_call& call) const {
    const auto& [name, from, count, seen] = call;
    page_reply page;
    const stream_row* const stream = find_stream(name);
    page.is_missing = !stream;
    if (!stream) return page;
    page.head = stream->version;
    page.stream_id = stream->id;
    for (const stored_event& event : log_) {
        if (event.stream_id != stream->id) continue;
        if (event.version == seen) page.seen_event = event.id;
        if (event.version >= from && page.events.size() < count) page.events.push_back(&event);
    }
    if (planted_ == bug::page_forgets_an_event && page.events.size() > 2) page.events.erase(page.events.begin() + 1);
    return page;
}

bool database_model::is_held(std::int64_t position, const std::optional<uuid>& event) const {
    if (position > head()) return false;
    return position == 0 || !event || log_[static_cast<std::size_t>(position - 1)].id == *event;
}

look_reply database_model::look(const storage::log_mark& seen) const {
    look_reply reply;
    reply.head = {timeline, head(), std::nullopt};
    if (!log_.empty()) reply.head.event = log_.back().id;
    reply.is_held = is_held(seen.position, seen.event);
    return told(look_call{seen}, reply);
}

} // namespace eventstore::test::simulation
