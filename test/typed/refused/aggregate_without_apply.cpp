// refused: the state has no apply for one of its events
#include <eventstore/aggregate.hpp>

struct opened {};
struct closed {};

template <>
struct eventstore::codec<opened> {
    static constexpr std::string_view type = "Opened";
    static event_data encode(const opened&) { return event_data("Opened", ""); }
    static opened decode(const recorded_event&) { return {}; }
};
template <>
struct eventstore::codec<closed> {
    static constexpr std::string_view type = "Closed";
    static event_data encode(const closed&) { return event_data("Closed", ""); }
    static closed decode(const recorded_event&) { return {}; }
};

struct account {
    using event = std::variant<opened, closed>;
    void apply(const opened&) {}
};

void use(const eventstore::store& store) { (void)eventstore::aggregate_store<account>(store); }
