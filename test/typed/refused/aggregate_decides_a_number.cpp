// refused: a decision returns a typed event
#include <eventstore/aggregate.hpp>

struct account {
    void apply(const eventstore::recorded_event&) {}
};

void use(const eventstore::aggregate_store<account>& accounts) {
    (void)accounts.execute("account-1", [](const account&) { return 7; });
}
