/// What is done with a session between two transactions.
#pragma once

#include "postgres/exclusive_connection.hpp"

#include <memory>

namespace eventstore::postgres {

/// A statement that nobody waits for any more ends with its connection. Not every server can do that.
inline constexpr char watch_connection[] = "set client_connection_check_interval = '1s'";

/// Rolls back what is open, and removes what a transaction has left behind: settings, temporary tables, locks, prepared
/// statements. Nothing is waited for: what is sent next comes behind it, and is sent elsewhere, should it fail. On the
/// session's strand, with nothing under way.
/// \param is_pooled a transaction pooler would have the session of another client cleaned: only rolls back
void send_reset(exclusive_connection& connection, bool is_pooled);

} // namespace eventstore::postgres
