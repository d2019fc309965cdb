/// \file
/// Compares the schema of a store with what its version should have; for operators.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/export.hpp>
#include <eventstore/finding.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <vector>

namespace eventstore {

/// What a validation has found.
struct validation_report {
    int version = 0;               ///< the version of the schema
    std::size_t compared = 0;      ///< tables, columns, constraints, indexes, triggers, functions and their bodies
    std::vector<finding> findings; ///< the worst first

    /// Nothing is missing or changed; something of your own may be there besides.
    bool is_as_expected() const noexcept {
        for (const finding& one : findings)
            if (one.severity == severity::problem) return false;
        return true;
    }
};

/// Compares tables, columns with their types and defaults, constraints, indexes, triggers, domains, functions and their
/// bodies, owners, and what PUBLIC may do, with a schema that is made anew for that: in a transaction that is rolled back, under
/// a name of its own. A server writes its catalogue down in its own way, so it must be the same server that makes both.
/// That needs CREATE on the database, or else TEMPORARY (the schema is then made of temporary tables).
///
/// Changes nothing. Errors: `schema_missing` (also if it is older than this library: migrate it first), `schema_too_new`,
/// `server_unusable` (the role has neither right, or the server is a standby), `timeout`, `connection_lost`,
/// `database_error`, `invalid_argument`. Cancellation: nothing is changed.
EVENTSTORE_EXPORT boost::asio::awaitable<validation_report> validate(store_options options);

} // namespace eventstore
