/// Has a schema made anew, and compares it with the one that is there.
#pragma once

#include "maintenance/session.hpp"

#include <eventstore/validate.hpp>

#include <memory>

namespace eventstore::maintenance {

asio::awaitable<result<validation_report>> validate(std::shared_ptr<session> over);

} // namespace eventstore::maintenance
