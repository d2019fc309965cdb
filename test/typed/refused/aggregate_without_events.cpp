// refused: the state does not say which events it is computed from
#include <eventstore/aggregate.hpp>

struct opened {};

struct account {
    void apply(const opened&) {}
};

void use(const eventstore::store& store) { (void)eventstore::aggregate_store<account>(store); }
