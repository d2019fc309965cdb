/// The database of one store.
#pragma once

#include "postgres/pool.hpp"
#include "storage/statements.hpp"

#include <eventstore/error.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <utility>

namespace eventstore::storage {

namespace asio = boost::asio;

/// The statements for its schema, and the connections that carry them out.
struct database {
    std::shared_ptr<postgres::pool> pool;
    std::shared_ptr<const statements> known;

    asio::awaitable<result<postgres::answer>> ask(
        const postgres::statement& statement, postgres::parameters arguments, detail::steady_time deadline) const {
        return postgres::pool::execute(pool, statement, std::move(arguments), deadline);
    }
    /// Of a statement that writes, and may be repeated when its answer is lost.
    asio::awaitable<result<postgres::pool::change>> change(
        const postgres::statement& statement, postgres::parameters arguments, detail::steady_time deadline) const {
        return postgres::pool::execute_change(pool, statement, std::move(arguments), deadline);
    }
};

} // namespace eventstore::storage
