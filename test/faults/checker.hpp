// Proves from the records of a fault test and from what the database holds at its end that the store has kept its
// promise: what was acknowledged is there once, at the place that was told; what was refused is not; every subscriber got
// everything, in order; no two owners were at work together; read models are exact. Pure: no clock, no files, no server.
#pragma once

#include "faults/history.hpp"
#include "faults/log_facts.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::test::faults {

enum class rule {
    acknowledged_event_is_missing,
    refused_event_is_stored,
    event_is_stored_twice,
    nobody_appended_it, ///< or not to this stream, or to this store
    payload_is_damaged,
    told_place_is_wrong,
    answers_differ, ///< two acknowledgements of the same event, or of different events at one position
    append_is_torn, ///< a part of it is stored, or not in a row
    expected_version_was_ignored,
    positions_contradict_time, ///< begun after another one was acknowledged, and stored before it
    positions_have_a_gap,
    versions_have_a_gap, ///< or are not in the order of positions
    stream_row_is_wrong, ///< its version, or whether it is deleted
    deleted_event_is_stored,
    appended_to_a_deleted_stream,

    delivered_event_is_not_stored,
    delivered_event_differs,
    delivered_to_the_wrong_subscription,
    delivered_too_early, ///< before its append began
    delivered_out_of_order,
    delivered_again, ///< by the same owner, and nobody had refused it or left
    event_was_not_delivered,
    checkpoint_leads, ///< before an event that the owner has not acknowledged
    checkpoint_went_back,
    checkpoint_stayed_behind,
    parked_without_refusals,
    refused_event_was_dropped,

    owners_share_an_epoch,
    owners_overlap,

    projection_is_wrong,
    records_do_not_fit, ///< the harness is at fault, or this checker
};

std::string_view name_of(rule broken) noexcept;

struct violation {
    rule broken = rule::records_do_not_fit;
    std::string text; ///< names the store, the stream, the version, the position and the id, as far as there are any
};

/// In what order a subscription delivers.
enum class ordering {
    log,    ///< one consumer: all events in the order of the log
    stream, ///< partition::stream
    key,    ///< another partition, whose key subscription_rules::key computes
    none,   ///< partition::none with several consumers
};

/// What becomes of an event that was refused too often.
enum class refusals { stop, park, skip };

/// What the harness has asked of a subscription. Who resets or deletes a subscription takes another name for the next.
struct subscription_rules {
    std::string store; ///< the schema
    std::string stream = "$all";
    std::string name;

    ordering order = ordering::log;
    std::function<std::string(std::string_view stream, const stored_event&)> key{};
    std::function<bool(std::string_view stream, const stored_event&)> selects{}; ///< empty = everything
    std::int64_t after = 0;                                                      ///< a position: it starts behind it

    refusals exhausted = refusals::park;
    int max_retries = 5;
    bool replays_parked = false; ///< the harness releases parked events, which then come out of order

    /// For so long an owner may go on handing out events after the next one has begun. Time in which its process was
    /// paused does not count.
    std::chrono::nanoseconds lease = std::chrono::seconds(10);

    /// The harness has waited until everything was acknowledged, and the checkpoint written.
    bool is_finished = true;
};

/// The violations, by store and subject, always in the same order; of each rule the first twenty, and how many more there
/// are. Takes a time of n log n in the number of records and events.
///
/// \param stores the facts of each store that the records name
/// \param subscriptions the rules of each subscription that was used
std::vector<violation> check(
    const history& records, const std::vector<log_facts>& stores, const std::vector<subscription_rules>& subscriptions);

} // namespace eventstore::test::faults
