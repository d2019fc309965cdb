// refused: name the event first
#include <eventstore/typed_event.hpp>

#include <string>

struct opened {
    std::string owner;
};

template <>
struct eventstore::codec<opened> {
    static event_data encode(const opened& event) { return event_data("Opened", event.owner); }
};

void use() { (void)eventstore::events(opened{"Ada"}); }
