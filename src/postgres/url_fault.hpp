/// What is wrong with a connection string.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace eventstore::postgres {

/// Why the string will not do, in words of the library's own, that hold nothing of it: where it is wrong, a part of a
/// password may stand anywhere, and libpq quotes what it does not understand. Nothing if it will do: libpq takes it, and
/// no '@' or port gives away that a user's name or a password in it is not encoded.
std::optional<std::string> fault_in_url(const std::string& url);

} // namespace eventstore::postgres
