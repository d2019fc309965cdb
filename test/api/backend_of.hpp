#pragma once

#include <eventstore/transaction.hpp>

namespace eventstore::test {

/// The process of the server that a transaction runs in.
inline boost::asio::awaitable<int> backend_of(transaction& tx) {
    const query_result pid = co_await tx.execute("select pg_backend_pid()");
    co_return pid.value<int>();
}

} // namespace eventstore::test
