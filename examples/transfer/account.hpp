// An account of a bank: its events, and its state.
#pragma once

#include <eventstore/aggregate.hpp>
#include <eventstore/json.hpp>

#include <cstdint>
#include <string>
#include <variant>

namespace transfer {

struct deposited {
    std::int64_t cents = 0;
};
BOOST_DESCRIBE_STRUCT(deposited, (), (cents))

/// Both sides of a transfer have its id.
struct sent {
    std::string transfer;
    std::string to;
    std::int64_t cents = 0;
};
BOOST_DESCRIBE_STRUCT(sent, (), (transfer, to, cents))

struct received {
    std::string transfer;
    std::string from;
    std::int64_t cents = 0;
};
BOOST_DESCRIBE_STRUCT(received, (), (transfer, from, cents))

struct account {
    using event = std::variant<deposited, sent, received>;

    std::int64_t cents = 0;

    void apply(const deposited& e) { cents += e.cents; }
    void apply(const sent& e) { cents -= e.cents; }
    void apply(const received& e) { cents += e.cents; }
};

} // namespace transfer

template <>
struct eventstore::codec<transfer::deposited> : eventstore::json_codec<transfer::deposited, "MoneyDeposited"> {};
template <>
struct eventstore::codec<transfer::sent> : eventstore::json_codec<transfer::sent, "MoneySent"> {};
template <>
struct eventstore::codec<transfer::received> : eventstore::json_codec<transfer::received, "MoneyReceived"> {};

namespace transfer {

using accounts = eventstore::aggregate_store<account>;

} // namespace transfer
