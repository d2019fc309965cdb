// Read models hold the effect of each event exactly once, but of those that their handlers have refused.

#include "faults/known_store.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_set>

namespace eventstore::test::faults {

namespace {

/// Of all that a proxy has statements refused with, the one error that a projection takes for its event's: it does not pass
/// by itself, and the library cannot know whose fault it is. It may be told of a statement that the handler does not see.
constexpr std::string_view blamed_on_the_event = "XX000";

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

/// When a projection has first got past an event.
class projection_progress {
public:
    projection_progress(const history& records, name_number store, const std::string& projection) {
        for (const handler_call& one : records.handler_calls)
            if (one.store == store && records.names.name_of(one.projection) == projection)
                calls_.push_back({one.first, one.at});
        std::sort(
            calls_.begin(), calls_.end(), [](const call& left, const call& right) { return left.first < right.first; });
        instant earliest = never;
        for (auto one = calls_.rbegin(); one != calls_.rend(); ++one) earliest = one->at = std::min(earliest, one->at);
    }

    /// The first call of the handler with nothing but events behind this position; `never` if there is none.
    instant passed(std::int64_t position) const {
        const auto found = std::upper_bound(calls_.begin(), calls_.end(), position,
            [](std::int64_t value, const call& one) { return value < one.first; });
        return found == calls_.end() ? never : found->at;
    }

private:
    struct call {
        std::int64_t first = 0; // position
        instant at = 0;         // of this one, or of the earliest with a later one
    };
    std::vector<call> calls_;
};

/// Events are parked because the handler has failed with them, or a statement of its transaction was refused.
void check_parked(const known_store& known, const stored_projection& projection, report& out) {
    const history& records = known.records;
    const projection_progress progress(records, known.store, projection.table);
    std::unordered_set<std::int64_t> rejected;
    for (const handler_rejection& one : records.handler_rejections)
        if (one.store == known.store && records.names.name_of(one.projection) == projection.table)
            rejected.insert(one.position);
    for (const parked_event& parked : known.facts.parked) {
        if (parked.stream != "$all" || !is_one_of(projection.subscriptions, parked.subscription)) continue;
        const std::optional<std::size_t> found = known.at_position(parked.position);
        const std::string event =
            found ? known.text_of(known.events[*found]) : "the event at position " + std::to_string(parked.position);
        if (parked.deliveries <= projection.max_retries)
            out.add(known.schema(), rule::parked_without_refusals, "projection '", projection.table, "': ", event,
                " was parked after ", parked.deliveries, " deliveries; ", std::int64_t{projection.max_retries},
                " retries are due");
        if (rejected.contains(parked.position)) continue;
        // Those behind it wait for it, so that a statement which was refused later was none of its transaction's.
        const instant begun = found ? known.events[*found].first_begun : 0;
        const instant passed = progress.passed(parked.position);
        const auto may_be_its = [&](const refused_statement& one) {
            return begun <= one.at && one.at <= passed && records.names.name_of(one.sqlstate) == blamed_on_the_event;
        };
        if (std::none_of(records.refused_statements.begin(), records.refused_statements.end(), may_be_its))
            out.add(known.schema(), rule::parked_without_refusals, "projection '", projection.table, "': ", event,
                " is parked, and nobody has refused it");
    }
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
    for (const stored_projection& projection : known.facts.projections) {
        check_projection(known, projection, known.names, out);
        check_parked(known, projection, out);
    }
}

} // namespace eventstore::test::faults
