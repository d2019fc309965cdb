// The read model that is kept up to date while events come.
#pragma once

#include "installed.hpp"

#include <eventstore/projection.hpp>
#include <eventstore/store.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace package_history {

/// A row for each package, in a table beside the events. A projection writes it together with its checkpoint: so it holds
/// each event once, whenever a process that keeps it is killed, and the next one goes on where it stood.
class live_model {
public:
    static constexpr const char* name = "installed";

    /// \param schema of the store, which the table is in
    /// \param lease how long the model stays with a process that was killed
    live_model(es::store store, const std::string& schema, es::milliseconds lease = es::projection_options().lease());

    /// Makes the table if it is not there, and keeps it until the store is closed. In another process, it waits until this
    /// one is gone.
    asio::awaitable<void> keep() const;

    /// Returns when the events up to this position are in the table.
    asio::awaitable<void> wait_for(std::int64_t position) const;

    struct contents {
        package_states states;
        std::size_t events = 0; // that have led to them
    };
    asio::awaitable<contents> read() const;

private:
    es::store store_;
    std::string table_;
    es::milliseconds lease_;
};

} // namespace package_history
