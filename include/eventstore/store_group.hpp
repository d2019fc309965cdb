/// \file
/// Many stores over one set of connections.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/export.hpp>
#include <eventstore/store.hpp>
#include <eventstore/store_options.hpp>
#include <eventstore/store_stats.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string_view>

namespace eventstore {

namespace detail {
class group_impl;
}

/// A cheap handle to a group of stores: one schema each, in one database, with shared connections. For tenants, of
/// which a process may have thousands.
///
///     es::store_group tenants = co_await es::open_group(es::store_options("postgresql://localhost/shop").create());
///     es::store shop = co_await tenants.open("tenant_17");
///     co_await shop.append("account-1", es::no_stream, opened);
///
/// Each store behaves like one from `open`: it does not see the events, subscriptions or failures of another. The
/// stores share `pool_size` connections for reading, as many for appending and as many for transactions, all opened on
/// demand, and one that listens while there are subscriptions. Transactions of all stores wait in one queue for a
/// connection: long transactions of one tenant delay those of the others. An idle store uses no connection and sends no
/// statement.
///
/// **Limits.** Prepared statements are kept for the most used stores. The server uses some memory for each schema that
/// a connection has used; with thousands of schemas keep `pool_size` small.
///
/// **Lifetime.** The connections end with the last handle to the group and its stores. Otherwise like `store`.
///
/// **Thread safety.** Like `store`.
class EVENTSTORE_EXPORT store_group {
public:
    /// An empty handle, to be assigned to: every operation on it fails with `store_closed`.
    store_group() noexcept;
    explicit store_group(std::shared_ptr<detail::group_impl> impl) noexcept;
    store_group(const store_group&) noexcept;
    store_group(store_group&&) noexcept;
    store_group& operator=(const store_group&) noexcept;
    store_group& operator=(store_group&&) noexcept;
    ~store_group();

    /// Opens the store of a schema, after one check of it; with `store_options::create`, creates a missing schema, one
    /// schema at a time. Opening a schema twice gives two stores on it, as in two processes.
    ///
    /// Errors: `schema_missing`, `schema_too_new`, `invalid_argument` (the name), `connection_lost`, `timeout`,
    /// `store_closed`. Cancellation: nothing is left open.
    boost::asio::awaitable<store> open(std::string_view schema) const;

    /// The connections, and the statements sent for all stores since the group was opened. Append counts are in the
    /// stats of each store; the connections there are those of the whole group.
    store_stats stats() const;

    /// Closes all stores, like `store::close`, and then the connections. Takes at most twice `close_timeout`.
    /// Idempotent; all handles are closed at once.
    ///
    /// Cancellation: only the wait ends; closing continues.
    boost::asio::awaitable<void> close() const;

private:
    std::shared_ptr<detail::group_impl> impl_;
};

/// Opens a group: connects, and checks the server. The options apply to each store, except the schema.
///
/// Errors: `connection_lost` (with the reason that libpq gives), `server_unusable`, `invalid_argument`. Cancellation:
/// nothing is left behind.
EVENTSTORE_EXPORT boost::asio::awaitable<store_group> open_group(store_options options);

} // namespace eventstore
