/// Asks a server all that an examination looks at.
#pragma once

#include "maintenance/session.hpp"

#include <eventstore/doctor.hpp>

#include <memory>
#include <optional>

namespace eventstore::maintenance {

std::optional<failure> check_options(const doctor_options& how);

/// On the strand of the session, which has the settings of its role.
asio::awaitable<result<doctor_report>> examine(std::shared_ptr<session> over, doctor_options how);

} // namespace eventstore::maintenance
