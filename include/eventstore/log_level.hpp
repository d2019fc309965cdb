/// \file
/// How much a line matters that a store tells `store_options::on_log`.
#pragma once

namespace eventstore {

/// A later level matters more.
enum class log_level {
    info,    ///< worth knowing: a notice of the server
    warning, ///< something failed, and is tried again
};

} // namespace eventstore
