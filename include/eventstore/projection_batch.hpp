/// \file
/// What the handler of a projection gets.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/recorded_event.hpp>

#include <cstddef>
#include <functional>

#include <boost/asio/awaitable.hpp>

namespace eventstore {

class transaction; // eventstore/transaction.hpp

/// The events of one transaction of a projection, in log order: one at least.
///
/// Lifetime: until the handler has returned; copy the events to keep.
class projection_batch {
public:
    using value_type = recorded_event;
    using const_iterator = const recorded_event*;
    using iterator = const_iterator;

    projection_batch(const recorded_event* events, std::size_t count, int version, bool is_live) noexcept
        : events_(events), count_(count), version_(version), is_live_(is_live) {}

    const recorded_event* begin() const noexcept { return events_; }
    const recorded_event* end() const noexcept { return events_ + count_; }
    std::size_t size() const noexcept { return count_; }
    const recorded_event& operator[](std::size_t index) const noexcept { return events_[index]; }
    const recorded_event& front() const noexcept { return events_[0]; }
    const recorded_event& back() const noexcept { return events_[count_ - 1]; }

    /// The version of the projection that is written; see `projection_options::version`.
    int version() const noexcept { return version_; }

    /// True if side effects belong to this version: appends, messages to others. Each event is live in one version of a
    /// projection only, however many versions are written. A read model is written in either case.
    bool is_live() const noexcept { return is_live_; }

private:
    const recorded_event* events_;
    std::size_t count_;
    int version_;
    bool is_live_;
};

/// Writes the events of a batch into a read model. It may execute SQL and collect appends in the transaction, which is
/// committed after it has returned, together with the checkpoint. It must not commit, roll back or keep the transaction.
using projection_handler = std::function<boost::asio::awaitable<void>(transaction& tx, const projection_batch& batch)>;

} // namespace eventstore
