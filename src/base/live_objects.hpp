/// Counts the library's internal objects, so that tests can prove that nothing leaks.
#pragma once

#include <eventstore/export.hpp>

namespace eventstore::detail {

/// How many pages, operations, connections and stores are alive in this process.
EVENTSTORE_EXPORT long live_objects() noexcept;

/// A base that counts.
class EVENTSTORE_EXPORT live_object {
protected:
    live_object() noexcept;
    live_object(const live_object&) noexcept;
    live_object& operator=(const live_object&) noexcept = default;
    ~live_object();
};

} // namespace eventstore::detail
