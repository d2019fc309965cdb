/// A transaction that is open on its session.
#pragma once

#include "append/append_plan.hpp"
#include "async/environment.hpp"
#include "async/trace_source.hpp"
#include "base/live_objects.hpp"
#include "postgres/exclusive_connection.hpp"
#include "postgres/exclusive_pool.hpp"
#include "storage/seen_log.hpp"
#include "storage/statements.hpp"
#include "subscription/store_parts.hpp"

#include <eventstore/error.hpp>
#include <eventstore/store_options.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

namespace eventstore::detail {

/// What a transaction knows of its store.
struct transaction_scope {
    store_options options;
    detail::environment environment;
    std::shared_ptr<const storage::statements> statements;
    std::shared_ptr<const storage::seen_log> seen;
    std::shared_ptr<const delivery::store_parts> parts; ///< of the store
    std::chrono::milliseconds limit;                    ///< of each operation
    std::function<std::optional<failure>()> refusal;    ///< why the store does nothing any more
    std::function<void(std::span<const std::shared_ptr<append::append_request>>, const append::append_plan::verdict&)>
        committed;                               ///< told of its appends, once they are
    std::shared_ptr<const trace_source> tracing; ///< null: nothing is traced
};

/// The session, until the transaction has ended, and how it did. Destroyed, it gives the session back, which rolls back what
/// is open. Thread safe.
class open_transaction : private live_object {
public:
    /// \param keeps_open the store, until the end
    open_transaction(transaction_scope of, std::shared_ptr<const void> keeps_open, postgres::lease lease);
    ~open_transaction();

    const transaction_scope scope;

    /// How it has ended, if it has.
    std::optional<failure> ended() const;
    /// The same, or that its store is closed.
    std::optional<failure> refusal() const;
    /// Null once it has ended.
    std::shared_ptr<postgres::exclusive_connection> session() const;

    /// The server has refused a statement: until a savepoint is gone back to, nothing else can be done.
    void failed(const failure& first);
    /// A statement has succeeded: if there was an error, a savepoint has been gone back to.
    void recovered();
    std::optional<failure> first_failure() const;

    /// The transaction has ended on the server; its session is in order.
    /// \param ended_as for later calls, as a half sentence
    void end(std::string ended_as);
    /// The transaction is ended by closing its connection.
    void break_off(std::string ended_as, const failure& why);

private:
    std::optional<postgres::lease> take_lease(std::string ended_as);

    mutable std::mutex mutex_;
    std::shared_ptr<const void> keeps_open_; // null once ended
    postgres::lease lease_;
    std::optional<std::string> ended_; // how
    std::optional<failure> first_failure_;
};

} // namespace eventstore::detail
