/// The text forms of PostgreSQL's values, read.
#pragma once

#include <eventstore/event_data.hpp>

#include <optional>
#include <string_view>

namespace eventstore::detail {

/// A timestamptz as `DateStyle = ISO` has it: `2024-02-29 12:00:00.25+02`, also with minutes and seconds of the offset,
/// and ` BC`. Nothing for `infinity`, which no timestamp can hold, or any other text.
std::optional<timestamp> parse_timestamp(std::string_view text) noexcept;

/// True if this statement begins or ends a transaction, by its first words; comments and empty statements before them are
/// passed over.
bool is_transaction_control(std::string_view sql) noexcept;

/// True if what the server says that it did has ended the transaction, even if another one has begun: the last word, should
/// the server see words where the above sees none. \param tag of the command, by the server
bool has_ended_transaction(std::string_view tag, std::string_view sql) noexcept;

} // namespace eventstore::detail
