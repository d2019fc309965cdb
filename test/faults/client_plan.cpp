#include "faults/client_plan.hpp"

#include "faults/patience.hpp"

namespace eventstore::test::faults {

namespace {

/// For the time between next() and its record, on a machine that is busy.
constexpr std::chrono::seconds busy_machine{4};

} // namespace

std::vector<used_subscription> used_subscriptions() {
    return {
        {"$all", "in order", 1, ordering::log},
        {"$all", "by stream", 3, ordering::stream},
        {"$all", "by key", 2, ordering::key},
        {"$all", "in no order", 2, ordering::none},
        {"shared-0", "of a stream", 1, ordering::log},
    };
}

std::string key_of(std::string_view stream) { return std::string(1, stream.back()); }

bool is_always_refused(const uuid& id) { return id.data[15] == 7 && id.data[14] < 64; }

subscription_rules rules_of(const used_subscription& used, const std::string& schema, std::chrono::milliseconds lease) {
    subscription_rules rules;
    rules.store = schema;
    rules.stream = used.stream;
    rules.name = used.name;
    rules.order = used.order;
    if (used.order == ordering::key)
        rules.key = [](std::string_view stream, const stored_event&) { return key_of(stream); };
    rules.max_retries = retries;
    rules.lease = lease + patient(busy_machine);
    return rules;
}

} // namespace eventstore::test::faults
