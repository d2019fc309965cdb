/// What connections are made by.
#pragma once

#include <eventstore/store_options.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace eventstore::postgres {

/// Of the options of a store, those that concern its server.
struct connection_options {
    connection_options(const store_options& all) // NOLINT(google-explicit-constructor): a part of them
        : url(all.url()),
          session_url(all.session_url()),
          is_pooled(all.is_pooled()),
          pool_size(all.pool_size()),
          operation_timeout(all.operation_timeout()) {}

    std::string url;
    std::string session_url; ///< past the pooler; empty: there is no other way
    bool is_pooled = false;
    std::size_t pool_size = 0;
    std::chrono::milliseconds operation_timeout;

    /// Whether a session can listen.
    bool can_listen() const noexcept { return !is_pooled || !session_url.empty(); }
};

} // namespace eventstore::postgres
