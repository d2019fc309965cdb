// An aggregate that the tests share: a wallet, whose sum must be right whatever happens.
#pragma once

#include "support/store_fixture.hpp"

#include <eventstore/aggregate.hpp>
#include <eventstore/json.hpp>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace eventstore::test {

struct put_in {
    std::int64_t coins = 0;
    std::string from;

    friend bool operator==(const put_in&, const put_in&) = default;
};
BOOST_DESCRIBE_STRUCT(put_in, (), (coins, from))

struct taken_out {
    std::int64_t coins = 0;

    friend bool operator==(const taken_out&, const taken_out&) = default;
};
BOOST_DESCRIBE_STRUCT(taken_out, (), (coins))

struct wallet {
    using event = std::variant<put_in, taken_out>;

    std::int64_t coins = 0;
    std::int64_t changes = 0;
    std::string last_giver;

    void apply(const put_in& e) {
        if (e.coins == 13) throw std::runtime_error("thirteen coins are bad luck");
        coins += e.coins;
        ++changes;
        last_giver = e.from;
    }
    void apply(const taken_out& e) {
        coins -= e.coins;
        ++changes;
    }
    std::size_t memory() const noexcept { return last_giver.capacity(); }

    friend bool operator==(const wallet&, const wallet&) = default;
};
BOOST_DESCRIBE_STRUCT(wallet, (), (coins, changes, last_giver))

} // namespace eventstore::test

namespace eventstore {

template <>
struct codec<test::put_in> : json_codec<test::put_in, "PutIn"> {};
template <>
struct codec<test::taken_out> : json_codec<test::taken_out, "TakenOut"> {};
template <>
struct codec<test::wallet> : json_codec<test::wallet, "Wallet"> {};

} // namespace eventstore

namespace eventstore::test {

using wallets = aggregate_store<wallet>;

/// A decision: puts coins in.
inline auto put(std::int64_t coins) {
    return [coins](const wallet&) { return put_in{coins, "somebody"}; };
}
/// A decision: takes coins out, if there are enough.
inline auto take(std::int64_t coins) {
    return [coins](const wallet& w) -> result<taken_out> {
        if (w.coins < coins)
            return failure(
                errc::command_refused, "there are " + std::to_string(w.coins) + " coins, not " + std::to_string(coins));
        return taken_out{coins};
    };
}
inline aggregate_options cached() { return aggregate_options().cache_bytes(1'000'000); }

} // namespace eventstore::test
