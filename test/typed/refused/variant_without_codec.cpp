// refused: this type cannot be decoded: it has no codec\. Write, before its first use: template <> struct eventstore::codec
#include <eventstore/decode.hpp>

#include <string>

struct opened {
    std::string owner;
};
struct closed {};

template <>
struct eventstore::codec<opened> {
    static constexpr std::string_view type = "Opened";
    static event_data encode(const opened& event) { return event_data("Opened", event.owner); }
    static opened decode(const recorded_event& event) { return opened{std::string(event.data())}; }
};

void use(const eventstore::recorded_event& event) { (void)eventstore::decode<std::variant<opened, closed>>(event); }
