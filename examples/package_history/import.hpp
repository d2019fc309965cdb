// Brings the log into the store.
#pragma once

#include "dpkg_log.hpp"

#include <eventstore/store.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace package_history {

namespace asio = boost::asio;

struct import_counts {
    std::size_t streams = 0;
    std::size_t appended = 0;
    std::size_t already_there = 0;
    std::int64_t last_position = 0; // where the last of these entries is in the log of the store
};

/// Appends each entry to its stream: many streams at a time, each in its own order. Entries that an earlier import has
/// appended are left as they are.
asio::awaitable<import_counts> import_entries(es::store store, const std::vector<entry>& entries);

} // namespace package_history
