// refused: this type has no JSON form: describe it by BOOST_DESCRIBE_STRUCT
#include <eventstore/json.hpp>

struct money {
    int cents = 0;
};
struct deposited {
    money amount;
};
BOOST_DESCRIBE_STRUCT(deposited, (), (amount))

template <>
struct eventstore::codec<deposited> : eventstore::json_codec<deposited, "Deposited"> {};

void use(const deposited& event) { (void)eventstore::to_event_data(event); }
