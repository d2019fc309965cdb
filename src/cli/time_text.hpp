// Times as text: 2025-06-24T14:36:25.123456Z, as the library writes and reads them.
#pragma once

#include "base/time_text.hpp"

namespace eventstore::cli {

using detail::parse_time;
using detail::to_text;

} // namespace eventstore::cli
