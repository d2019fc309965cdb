/// The hosts of a connection string.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore::postgres {

/// Lists as libpq has them: separated by commas, one entry for each server, or a single port for all.
struct host_list {
    std::string hosts;
    std::string addresses;
    std::string ports;

    std::size_t size() const noexcept;

    /// The others, in their order; nothing if there are none.
    /// \param name, port as PQhost and PQport tell them of a connection
    std::optional<host_list> without(std::string_view name, std::string_view port) const;
};

} // namespace eventstore::postgres
