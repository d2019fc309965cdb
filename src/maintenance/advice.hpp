/// Commands that can be pasted.
#pragma once

#include <string>
#include <string_view>

namespace eventstore::maintenance {

/// A word as the shell takes it.
std::string quoted_for_shell(std::string_view word);

/// `eventstore COMMAND`, with the schema if it is not the default.
std::string program_command(std::string_view command, std::string_view schema);

/// A text as SQL writes it, as people do.
std::string literal(std::string_view text);

/// SQL that changes streams, in a transaction that holds the lock of the log.
/// \param schema quoted as an identifier
std::string under_log_lock(std::string_view schema, std::string_view change);

} // namespace eventstore::maintenance
