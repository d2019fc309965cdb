// refused: try_execute returns refusals as eventstore::failure
#include <eventstore/aggregate.hpp>

#include <boost/system/result.hpp>

struct account {
    void apply(const eventstore::recorded_event&) {}
};

void use(const eventstore::aggregate_store<account>& accounts) {
    (void)accounts.try_execute("account-1", [](const account&) -> boost::system::result<eventstore::event_data> {
        return eventstore::event_data("A", "");
    });
}
