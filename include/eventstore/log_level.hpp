/// \file
/// Severity of the lines that a store passes to `store_options::on_log`.
#pragma once

namespace eventstore {

/// From the least to the most severe.
enum class log_level {
    info,    ///< information: a notice of the server
    warning, ///< a failure; what failed is tried again
};

} // namespace eventstore
