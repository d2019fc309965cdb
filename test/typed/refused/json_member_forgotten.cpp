// refused: the type has more members than its BOOST_DESCRIBE_STRUCT names: those would not be stored
#include <eventstore/json.hpp>

#include <optional>
#include <string>

struct opened {
    std::string owner;
    std::optional<std::string> branch;
};
BOOST_DESCRIBE_STRUCT(opened, (), (owner))

template <>
struct eventstore::codec<opened> : eventstore::json_codec<opened, "Opened"> {};

void use(const opened& event) { (void)eventstore::to_event_data(event); }
