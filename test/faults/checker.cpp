#include "faults/checker.hpp"

#include "faults/known_store.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::test::faults {

std::string_view name_of(rule broken) noexcept {
    switch (broken) {
    case rule::acknowledged_event_is_missing: return "acknowledged_event_is_missing";
    case rule::refused_event_is_stored: return "refused_event_is_stored";
    case rule::event_is_stored_twice: return "event_is_stored_twice";
    case rule::nobody_appended_it: return "nobody_appended_it";
    case rule::payload_is_damaged: return "payload_is_damaged";
    case rule::told_place_is_wrong: return "told_place_is_wrong";
    case rule::answers_differ: return "answers_differ";
    case rule::append_is_torn: return "append_is_torn";
    case rule::expected_version_was_ignored: return "expected_version_was_ignored";
    case rule::positions_contradict_time: return "positions_contradict_time";
    case rule::positions_have_a_gap: return "positions_have_a_gap";
    case rule::versions_have_a_gap: return "versions_have_a_gap";
    case rule::stream_row_is_wrong: return "stream_row_is_wrong";
    case rule::deleted_event_is_stored: return "deleted_event_is_stored";
    case rule::appended_to_a_deleted_stream: return "appended_to_a_deleted_stream";
    case rule::delivered_event_is_not_stored: return "delivered_event_is_not_stored";
    case rule::delivered_event_differs: return "delivered_event_differs";
    case rule::delivered_to_the_wrong_subscription: return "delivered_to_the_wrong_subscription";
    case rule::delivered_too_early: return "delivered_too_early";
    case rule::delivered_out_of_order: return "delivered_out_of_order";
    case rule::delivered_again: return "delivered_again";
    case rule::event_was_not_delivered: return "event_was_not_delivered";
    case rule::checkpoint_leads: return "checkpoint_leads";
    case rule::checkpoint_went_back: return "checkpoint_went_back";
    case rule::checkpoint_stayed_behind: return "checkpoint_stayed_behind";
    case rule::parked_without_refusals: return "parked_without_refusals";
    case rule::refused_event_was_dropped: return "refused_event_was_dropped";
    case rule::owners_share_an_epoch: return "owners_share_an_epoch";
    case rule::owners_overlap: return "owners_overlap";
    case rule::projection_is_wrong: return "projection_is_wrong";
    case rule::records_do_not_fit: return "records_do_not_fit";
    }
    return "unknown";
}

std::vector<violation> report::finish() && {
    for (std::size_t i = 0; i < counts_.size(); ++i)
        if (counts_[i] > most_of_a_rule)
            found_.push_back(
                {static_cast<rule>(i), std::to_string(counts_[i] - most_of_a_rule) + " more of this rule"});
    return std::move(found_);
}

namespace {

/// Each owner of a subscription, by epoch, and of one epoch by time.
std::vector<const ownership*> owners_of(const known_store& known, const subscription_rules& rules) {
    std::vector<const ownership*> owners;
    for (const ownership& owner : known.records.ownerships)
        if (owner.store == known.store && known.names.name_of(owner.stream) == rules.stream &&
            known.names.name_of(owner.subscription) == rules.name)
            owners.push_back(&owner);
    std::stable_sort(owners.begin(), owners.end(), [](const ownership* left, const ownership* right) {
        return left->epoch != right->epoch ? left->epoch < right->epoch : left->begun < right->begun;
    });
    return owners;
}

/// Records of a store or a subscription that the checker was not told of would go unproved.
void check_coverage(const history& records, const std::vector<log_facts>& stores,
    const std::vector<subscription_rules>& subscriptions, report& out) {
    const auto check_store = [&](name_number store) {
        const std::string& schema = records.names.name_of(store);
        const auto is_it = [&](const log_facts& facts) { return facts.schema == schema; };
        if (std::none_of(stores.begin(), stores.end(), is_it))
            out.add(schema, rule::records_do_not_fit, "there are records of this store, and nothing of its database");
    };
    std::vector<bool> seen(records.names.size());
    const auto check_once = [&](name_number store) {
        if (seen[store]) return;
        seen[store] = true;
        check_store(store);
    };
    for (const append_attempt& attempt : records.appends) check_once(attempt.store);
    for (const handler_call& call : records.handler_calls) check_once(call.store);
    for (const ownership& owner : records.ownerships) {
        check_once(owner.store);
        const auto is_its = [&](const subscription_rules& rules) {
            return rules.store == records.names.name_of(owner.store) &&
                rules.stream == records.names.name_of(owner.stream) &&
                rules.name == records.names.name_of(owner.subscription);
        };
        if (std::none_of(subscriptions.begin(), subscriptions.end(), is_its))
            out.add(records.names.name_of(owner.store), rule::records_do_not_fit, "subscription '",
                records.names.name_of(owner.subscription), "' to '", records.names.name_of(owner.stream),
                "' has owners, and no rules");
    }
}

} // namespace

std::vector<violation> check(const history& records, const std::vector<log_facts>& stores,
    const std::vector<subscription_rules>& subscriptions) {
    report out;
    name_table names;
    for (name_number number = 0; number < records.names.size(); ++number)
        names.number_of(records.names.name_of(number));
    check_coverage(records, stores, subscriptions, out);
    for (const log_facts& facts : stores) {
        const known_store known(records, names, facts);
        check_log(known, out);
        check_streams(known, out);
        check_appends(known, out);
        for (const subscription_rules& rules : subscriptions) {
            if (rules.store != facts.schema) continue;
            const std::vector<const ownership*> owners = owners_of(known, rules);
            check_owners(known, rules, owners, out);
            check_subscription(known, rules, owners, out);
        }
        check_projections(known, out);
    }
    return std::move(out).finish();
}

} // namespace eventstore::test::faults
