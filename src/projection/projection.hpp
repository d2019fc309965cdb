/// A projection that this process keeps, or waits to keep.
#pragma once

#include "projection/live_span.hpp"
#include "runtime/store_core.hpp"

#include <eventstore/projection_batch.hpp>
#include <eventstore/projection_options.hpp>
#include <eventstore/store.hpp>
#include <eventstore/subscription.hpp>
#include <eventstore/transaction.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace eventstore::projection {

namespace asio = boost::asio;

/// What all consumers of a version share. Immutable.
struct projection {
    projection(const store& in_, std::string name_, projection_handler handler_, projection_options options_);

    const store in; ///< each of its operations may take as long as the lease
    const std::shared_ptr<detail::store_core> core;
    const std::string name;
    const projection_handler handler;
    const projection_options options;

    std::string subscription_name(std::size_t consumer) const;
    subscription_options subscribing(std::size_t consumer) const;
};

/// Keeps what belongs to one consumer, until the store closes. Throws what ends the projection.
///
/// The coroutine runs on the caller's executor, so that the handler does.
asio::awaitable<void> keep(std::shared_ptr<const projection> of, std::size_t consumer);

/// Its version was dropped while consumers of this process waited for their subscriptions, and made them anew: they are
/// removed again. Once no consumer is left.
asio::awaitable<void> forget(std::shared_ptr<const projection> of);

} // namespace eventstore::projection
