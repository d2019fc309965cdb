/// Reads a log page by page, and has it verified.
#pragma once

#include "maintenance/session.hpp"

#include <eventstore/verify.hpp>

#include <memory>
#include <optional>

namespace eventstore::maintenance {

std::optional<failure> check_options(const verify_options& how);

/// On the strand of the session.
asio::awaitable<result<verify_report>> verify(std::shared_ptr<session> over, verify_options how);

} // namespace eventstore::maintenance
