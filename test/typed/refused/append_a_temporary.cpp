// refused: name the event first
#include <eventstore/store.hpp>

#include <string>

struct opened {
    std::string owner;
};

template <>
struct eventstore::codec<opened> {
    static event_data encode(const opened& event) { return event_data("Opened", event.owner); }
};

void use(const eventstore::store& store) { (void)store.append("account-1", eventstore::no_stream, opened{"Ada"}); }
