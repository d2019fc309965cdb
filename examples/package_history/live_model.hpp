// The read model that is kept up to date while events come.
#pragma once

#include "installed.hpp"

#include <eventstore/store.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>

namespace package_history {

/// The subscription that keeps the model, for `store::wait_for`.
constexpr const char* live_model_name = "installed";

/// A model that follows the store from its first event on, until the store is closed. It changes on the executor of the
/// caller only. One at a time: whoever followed the store before does so no longer.
///
/// It is held in memory, so it begins anew each time. One that is kept in a database would go on at the checkpoint of its
/// subscription; an event may come again then, and must change nothing, as it is here.
asio::awaitable<std::shared_ptr<const package_model>> follow(es::store store);

} // namespace package_history
