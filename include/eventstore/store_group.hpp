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

/// A cheap handle to a group of stores: one schema each, in one database, and the same connections for all of them. For
/// tenants, of whom a process may have thousands.
///
///     es::store_group tenants = co_await es::open_group(es::store_options("postgresql://localhost/shop").create());
///     es::store shop = co_await tenants.open("tenant_17");
///     co_await shop.append("account-1", es::no_stream, opened);
///
/// The stores are what `open` would give, each for itself: none sees the events, subscriptions or failures of another.
/// They share `pool_size` connections for reading, as many for appending and as many for transactions, all opened when they
/// are needed, and one that listens while there are subscriptions. Transactions wait in order for a connection, whoever
/// begins them: one tenant's long ones hold up those of the others. A store that nobody uses costs no connection and no
/// statement.
///
/// **Limits.** A statement is kept prepared for those stores that are used the most. The server keeps some memory for each
/// schema that a connection has met; keep `pool_size` small where the schemas are thousands.
///
/// **Lifetime.** The connections end with the last handle to the group and to its stores. Otherwise as `store`.
///
/// **Thread safety.** As `store`.
class EVENTSTORE_EXPORT store_group {
public:
    /// An empty handle, good for being assigned to: every operation on it fails with `store_closed`.
    store_group() noexcept;
    explicit store_group(std::shared_ptr<detail::group_impl> impl) noexcept;
    store_group(const store_group&) noexcept;
    store_group(store_group&&) noexcept;
    store_group& operator=(const store_group&) noexcept;
    store_group& operator=(store_group&&) noexcept;
    ~store_group();

    /// Opens the store of a schema, by one look at it; with `store_options::create`, makes it where it is missing, one
    /// schema at a time. Opened twice, there are two stores on one schema, as two processes would have them.
    ///
    /// Errors: `schema_missing`, `schema_too_new`, `invalid_argument` (the name), `connection_lost`, `timeout`,
    /// `store_closed`. Cancellation: nothing is left open.
    boost::asio::awaitable<store> open(std::string_view schema) const;

    /// The connections, and the statements sent for all stores since the group was opened. What is about appends stands in
    /// the stores' own; the connections there are those of the whole group.
    store_stats stats() const;

    /// Closes all stores, as `store::close` does, and then the connections. Takes twice `close_timeout` at most.
    /// Idempotent; all handles are closed at once.
    ///
    /// Cancellation: the waiting ends, the closing goes on.
    boost::asio::awaitable<void> close() const;

private:
    std::shared_ptr<detail::group_impl> impl_;
};

/// Opens a group: connects, and checks the server. The options count for each store; their schema does not.
///
/// Errors: `connection_lost` (with the reason that libpq gives), `server_unusable`, `invalid_argument`. Cancellation:
/// nothing is left behind.
EVENTSTORE_EXPORT boost::asio::awaitable<store_group> open_group(store_options options);

} // namespace eventstore
