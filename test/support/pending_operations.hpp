// Operations of a store that may be interrupted anywhere: by the end of a context, above all.
#pragma once

#include "support/store_fixture.hpp"

#include <map>
#include <string>

namespace eventstore::test {

/// Each kind of operation that can be pending, by its name. Each takes a handle to its store, as callers do, whose stream
/// `a` holds six events.
const std::map<std::string, store_work>& pending_operations();

} // namespace eventstore::test
