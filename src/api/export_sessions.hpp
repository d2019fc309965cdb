/// The sessions of what exports.
#pragma once

#include "maintenance/exporter.hpp"
#include "runtime/open.hpp"

#include <eventstore/error.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <utility>

namespace eventstore::detail {

/// To a store that exists.
inline asio::awaitable<result<maintenance::export_sessions>> connect_to_export(
    store_options from, postgres::connection::strand strand, environment where) {
    const auto by = administrator(from, where);
    maintenance::export_sessions sessions;
    for (auto* const session : {&sessions.rows, &sessions.questions}) {
        auto connecting = connect_and_inspect(by, strand, from, storage::purpose::opening);
        const auto found = co_await std::move(connecting);
        if (!found) co_return found.error();
        *session = found->connection;
    }
    co_return sessions;
}

} // namespace eventstore::detail
