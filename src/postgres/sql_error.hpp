/// What libpq and the server say, as a failure.
#pragma once

#include <eventstore/error.hpp>

#include <libpq-fe.h>

#include <string>
#include <string_view>

namespace eventstore::postgres {

/// The failure that an error result stands for. `doing` begins the message: "reading stream 'x'".
failure to_failure(const PGresult* error, std::string_view doing);

/// The same for SQL of the caller's own: a table that is missing is none of the store's. Most are database_error.
failure to_failure_of_caller(const PGresult* error, std::string_view doing);

/// connection_lost, with what libpq has to say of its connection.
failure connection_failure(const PGconn* connection, std::string_view doing);

/// Whether a failure to connect does not pass by itself.
bool is_final(const failure& why) noexcept;

/// libpq's message on one line, without trailing blanks.
std::string one_line(std::string_view text);

} // namespace eventstore::postgres
