/// Making the roles of a store.
#pragma once

#include "maintenance/session.hpp"

#include <memory>
#include <string>

namespace eventstore::maintenance {

asio::awaitable<result<void>> grant_roles(std::shared_ptr<session> over, std::string prefix);

} // namespace eventstore::maintenance
