// refused: name the decision first
#include <eventstore/aggregate.hpp>

#include <string>

struct account {
    void apply(const eventstore::recorded_event&) {}
};

void use(const eventstore::aggregate_store<account>& accounts, const std::string& text) {
    (void)accounts.execute("account-1", [text](const account&) { return eventstore::event_data("Said", text); });
}
