#include "faults/made_store.hpp"

#include <utility>

namespace eventstore::test::faults {

std::int64_t made_store::version_of(const std::string& stream) const {
    const auto found = streams_.find(stream);
    return found != streams_.end() ? found->second.version : 0;
}

bool made_store::is_deleted(const std::string& stream) const {
    const auto found = streams_.find(stream);
    return found != streams_.end() && found->second.is_deleted;
}

std::optional<std::int64_t> made_store::id_of(const std::string& stream) const {
    const auto found = streams_.find(stream);
    if (found == streams_.end()) return std::nullopt;
    return found->second.id;
}

const made_event* made_store::find(const uuid& id) const {
    const auto found = ids_.find(id);
    return found != ids_.end() ? &log_[found->second] : nullptr;
}

made_answer made_store::append(const std::vector<part_to_append>& parts) {
    made_answer answer;
    std::size_t known = 0;
    std::size_t all = 0;
    for (const part_to_append& part : parts) {
        all += part.ids.size();
        for (const uuid& id : part.ids) known += find(id) != nullptr ? 1 : 0;
    }
    if (known == all) {
        answer.is_done = true;
        for (const part_to_append& part : parts) {
            const made_event& first = *find(part.ids.front());
            const made_event& last = *find(part.ids.back());
            answer.places.push_back({first.version, last.version, first.position, last.position});
        }
        return answer;
    }
    if (known > 0) {
        answer.refusal = errc::duplicate_event;
        return answer;
    }
    std::map<std::string, std::int64_t> versions;
    for (const part_to_append& part : parts) {
        std::int64_t& version = versions.try_emplace(part.stream, version_of(part.stream)).first->second;
        const bool fits = part.expected == -1 || (part.expected == -2 && version > 0) || part.expected == version;
        if (is_deleted(part.stream)) answer.refusal = errc::stream_deleted;
        if (!fits || is_deleted(part.stream)) return answer;
        version += static_cast<std::int64_t>(part.ids.size());
    }
    for (const part_to_append& part : parts) {
        made_stream& stream = streams_[part.stream];
        if (stream.id == 0) stream.id = ++last_stream_id_;
        told_place& place = answer.places.emplace_back();
        place.first_version = stream.version + 1;
        place.first_position = static_cast<std::int64_t>(log_.size()) + 1;
        for (const uuid& id : part.ids) {
            ids_[id] = log_.size();
            log_.push_back(
                {static_cast<std::int64_t>(log_.size()) + 1, ++stream.version, part.stream, id, stream.id, false});
        }
        place.last_version = stream.version;
        place.last_position = static_cast<std::int64_t>(log_.size());
    }
    answer.is_done = true;
    return answer;
}

made_answer made_store::change(const std::string& stream, stream_change change) {
    made_answer answer;
    answer.refusal = errc::stream_not_found;
    const auto found = streams_.find(stream);
    if (found == streams_.end()) return answer;
    answer.is_done = true;
    if (change != stream_change::hard_delete) {
        found->second.is_deleted = change == stream_change::soft_delete;
        return answer;
    }
    for (made_event& event : log_) {
        const bool is_left = half_deleted_.contains(event.stream_id);
        if (event.is_removed || (event.stream_id != found->second.id && !is_left)) continue;
        event.is_removed = true;
        ids_.erase(event.id);
    }
    half_deleted_.clear(); // the next hard delete removes what is left
    floor_ = static_cast<std::int64_t>(log_.size());
    streams_.erase(found);
    return answer;
}

void made_store::half_delete(const std::string& stream, made_random& random) {
    const auto found = streams_.find(stream);
    if (found == streams_.end()) return;
    for (made_event& event : log_) {
        if (event.stream_id != found->second.id || event.is_removed || random.one_in(2)) continue;
        event.is_removed = true;
        ids_.erase(event.id);
    }
    // What is left is found by its id still: a retry is told where it was, or that it is there in part.
    half_deleted_[found->second.id] = "$deleted " + std::to_string(found->second.id);
    floor_ = static_cast<std::int64_t>(log_.size());
    streams_.erase(found);
}

void made_store::lose(std::int64_t position) {
    made_event& event = log_[static_cast<std::size_t>(position - 1)];
    event.is_removed = true;
    ids_.erase(event.id);
}

void made_store::forget(const std::vector<part_to_append>& parts) {
    for (const part_to_append& part : parts)
        for (const uuid& id : part.ids) ids_.erase(id);
}

log_facts made_store::facts() const {
    log_facts made;
    made.schema = schema_;
    made.floor = floor_;
    std::map<std::int64_t, std::size_t> places;
    for (const auto& [name, stream] : streams_) {
        places[stream.id] = made.streams.size();
        made.streams.push_back({stream.id, name, stream.version, stream.is_deleted});
    }
    for (const auto& [id, name] : half_deleted_) {
        places[id] = made.streams.size();
        made.streams.push_back({id, name, 0, false});
    }
    for (const made_event& event : log_) {
        if (event.is_removed) continue;
        made.events.push_back({event.position, event.version, event.id, places.at(event.stream_id), "Made", true});
    }
    return made;
}

} // namespace eventstore::test::faults
