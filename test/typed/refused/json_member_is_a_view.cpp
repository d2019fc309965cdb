// refused: text that is read must be owned: make it a std::string
#include <eventstore/decode.hpp>
#include <eventstore/json.hpp>

struct opened {
    std::string_view owner;
};
BOOST_DESCRIBE_STRUCT(opened, (), (owner))

template <>
struct eventstore::codec<opened> : eventstore::json_codec<opened, "Opened"> {};

void use(const eventstore::recorded_event& event) { (void)eventstore::decode<opened>(event); }
