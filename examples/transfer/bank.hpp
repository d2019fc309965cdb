// Transfers between two accounts: two streams, one append.
#pragma once

#include "account.hpp"

#include <eventstore/store.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace transfer {

struct order {
    std::string id; // the same one again is carried out once
    std::string from;
    std::string to;
    std::int64_t cents = 0;
};

/// What both accounts get; nothing if the sender has not got that much.
std::optional<std::vector<eventstore::stream_append>> decide(
    const order& wanted, const eventstore::aggregate<account>& sender, const eventstore::aggregate<account>& receiver);

class bank {
public:
    explicit bank(eventstore::store opened);

    /// Moves the money, or nothing; false if the sender has not got that much. True, too, if this order was carried out
    /// before. Another transfer may change one of the two accounts meanwhile: then both are read again, and it is
    /// decided anew.
    boost::asio::awaitable<bool> move(order wanted) const;
    boost::asio::awaitable<void> deposit(std::string to, std::int64_t cents) const;
    boost::asio::awaitable<std::int64_t> balance(std::string of) const;

    int conflicts() const noexcept { return conflicts_; }

private:
    boost::asio::awaitable<bool> is_carried_out(order wanted) const;

    eventstore::store store_;
    accounts accounts_;
    mutable int conflicts_ = 0;
};

} // namespace transfer
