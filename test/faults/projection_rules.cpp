// Read models hold the effect of each event exactly once.

#include "faults/known_store.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <unordered_set>

namespace eventstore::test::faults {

namespace {

struct stream_sum {
    std::int64_t events = 0;
    std::int64_t versions = 0;
    std::int64_t last_version = 0;

    friend bool operator==(const stream_sum&, const stream_sum&) = default;
};

using stream_sums = std::unordered_map<std::string, stream_sum>;

/// What the streams come to through this position.
stream_sums sums_through(
    const known_store& known, std::int64_t position, const std::unordered_set<std::int64_t>& parked) {
    stream_sums sums;
    for (const stored_event& event : known.facts.events) {
        if (event.position > position) break;
        const stored_stream& stream = known.facts.streams[event.stream];
        if (parked.contains(event.position) || is_being_deleted(stream)) continue;
        stream_sum& sum = sums[stream.name];
        ++sum.events;
        sum.versions += event.version;
        sum.last_version = event.version;
    }
    return sums;
}

std::string text_of_sum(const stream_sum& sum) {
    return std::to_string(sum.events) + " events, versions that come to " + std::to_string(sum.versions) +
        ", and the last version " + std::to_string(sum.last_version);
}

bool is_one_of(const std::vector<std::string>& names, const std::string& text) {
    return std::find(names.begin(), names.end(), text) != names.end();
}

/// Each consumer of a projection has a checkpoint of its own, and its own streams: a row fits one of the checkpoints.
std::set<std::int64_t> checkpoints_of(const known_store& known, const stored_projection& projection) {
    std::set<std::int64_t> positions;
    for (const stored_subscription& found : known.facts.subscriptions)
        if (found.stream == "$all" && is_one_of(projection.subscriptions, found.name)) positions.insert(found.position);
    if (projection.subscriptions.empty()) positions.insert(std::numeric_limits<std::int64_t>::max());
    return positions;
}

void check_projection(
    const known_store& known, const stored_projection& projection, const name_table& names, report& out) {
    std::unordered_set<std::int64_t> parked;
    for (const parked_event& event : known.facts.parked)
        if (event.stream == "$all" && is_one_of(projection.subscriptions, event.subscription))
            parked.insert(event.position);
    std::vector<stream_sums> expected;
    for (const std::int64_t position : checkpoints_of(known, projection))
        expected.push_back(sums_through(known, position, parked));
    if (expected.empty()) expected.emplace_back(); // none of them exists: nothing was done

    std::unordered_set<std::string> removable;
    for (const change_attempt& change : known.records.changes)
        if (change.store == known.store && known.may_be_removed(change.stream))
            removable.insert(names.name_of(change.stream));

    const auto at = [](const stream_sums& sums, const std::string& stream) {
        const auto found = sums.find(stream);
        return found != sums.end() ? found->second : stream_sum();
    };
    const auto check_row = [&](const projected_stream& row) {
        const stream_sum actual{row.events, row.versions, row.last_version};
        if (removable.contains(row.stream)) {
            // It may hold the effects of events that are gone.
            const stream_sum least = at(expected.front(), row.stream);
            if (actual.events < least.events)
                out.add(known.schema(), rule::projection_is_wrong, "read model '", projection.table, "', stream '",
                    row.stream, "': it holds ", text_of_sum(actual), "; ", least.events, " events are stored");
            return;
        }
        const bool fits = std::any_of(
            expected.begin(), expected.end(), [&](const stream_sums& sums) { return at(sums, row.stream) == actual; });
        if (!fits)
            out.add(known.schema(), rule::projection_is_wrong, "read model '", projection.table, "', stream '",
                row.stream, "': it holds ", text_of_sum(actual), "; expected are ",
                text_of_sum(at(expected.back(), row.stream)));
        if (row.misordered != 0)
            out.add(known.schema(), rule::projection_is_wrong, "read model '", projection.table, "', stream '",
                row.stream, "': ", row.misordered, " events came after a later one, or twice");
    };
    std::unordered_set<std::string> seen;
    for (const projected_stream& row : projection.rows) {
        seen.insert(row.stream);
        check_row(row);
    }
    for (const stored_stream& stream : known.facts.streams)
        if (!is_being_deleted(stream) && !seen.contains(stream.name)) check_row({stream.name, 0, 0, 0, 0});
}

} // namespace

void check_projections(const known_store& known, report& out) {
    for (const stored_projection& projection : known.facts.projections)
        check_projection(known, projection, known.names, out);
}

} // namespace eventstore::test::faults
