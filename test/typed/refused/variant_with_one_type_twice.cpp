// refused: two types of the variant have codecs for the same event type
#include <eventstore/decode.hpp>

template <int>
struct numbered {};

template <int Number>
struct eventstore::codec<numbered<Number>> {
    static constexpr std::string_view type = "Numbered";
    static event_data encode(const numbered<Number>&) { return event_data("Numbered", ""); }
    static numbered<Number> decode(const recorded_event&) { return {}; }
};

void use(const eventstore::recorded_event& event) {
    (void)eventstore::decode<std::variant<numbered<1>, numbered<2>>>(event);
}
