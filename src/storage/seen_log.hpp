/// How far a store has seen the log.
#pragma once

#include "storage/log_mark.hpp"

#include <mutex>

namespace eventstore::storage {

/// The furthest mark that a store has seen, by its own appends, its feed and its reads. Whatever the store asks of the
/// server next must hold it: else the log was cut back, or it is another server's. Thread safe.
class seen_log {
public:
    /// Only forward: a late word of an older history, or of an earlier position, changes nothing. A later history is taken
    /// where it reaches at least as far; one that has another event at the same position never is.
    void note(const log_mark& mark);

    /// The same, of a server that was shown latest() with the question, and holds it: its timeline may be any, since the
    /// log can have moved to a cluster that counts anew.
    void note_held(const log_mark& mark);

    log_mark latest() const;

private:
    void take(const log_mark& mark); // with the mutex held

    mutable std::mutex mutex_;
    log_mark latest_;
};

} // namespace eventstore::storage
