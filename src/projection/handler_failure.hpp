/// What the failure of a handler's transaction means. Without I/O.
#pragma once

#include <eventstore/error.hpp>

#include <exception>

namespace eventstore::projection {

enum class blame {
    event,      ///< one of the events cannot be handled
    nobody,     ///< it passes by itself, or when somebody mends the server or the handler
    size,       ///< the same, and fewer events may help
    projection, ///< it has ended, or must subscribe again
};
blame blame_for(const failure& why);

/// The failure of an exception that a handler threw.
failure failure_of(const std::exception_ptr& thrown);

} // namespace eventstore::projection
