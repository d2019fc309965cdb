/// What a migration would run.
#pragma once

#include "maintenance/session.hpp"

#include <memory>
#include <string>

namespace eventstore::maintenance {

asio::awaitable<result<std::string>> migration_script(std::shared_ptr<session> over, bool remakes_functions);

} // namespace eventstore::maintenance
