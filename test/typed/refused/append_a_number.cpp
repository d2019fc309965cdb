// refused: this type is no event: it has no codec\.
#include <eventstore/store.hpp>

void use(const eventstore::store& store) { (void)store.append("account-1", eventstore::no_stream, 5); }
