/// The inside of a transaction.
#pragma once

#include "base/live_objects.hpp"
#include "postgres/exclusive_connection.hpp"
#include "runtime/store_core.hpp"

#include <eventstore/query_result.hpp>
#include <eventstore/sql_value.hpp>
#include <eventstore/transaction.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::detail {

/// A session with an open transaction, and what is to be appended at its end. Destroyed, it gives the session back, which
/// rolls back what is open.
class transaction_impl : public std::enable_shared_from_this<transaction_impl>, private live_object {
public:
    transaction_impl(std::shared_ptr<store_impl> store, std::chrono::milliseconds limit, postgres::lease lease);
    ~transaction_impl();

    using self_ptr = std::shared_ptr<transaction_impl>;
    static asio::awaitable<result<query_result>> execute(self_ptr self, std::string sql, std::vector<sql_value> values);
    static asio::awaitable<result<std::vector<append_result>>> commit(self_ptr self);
    static asio::awaitable<result<void>> rollback(self_ptr self);

    /// Checks and collects. Returns why not.
    static std::optional<failure> append(const self_ptr& self, std::vector<stream_append> streams);
    static std::optional<failure> link(
        const self_ptr& self, std::string stream, expected_version expected, std::vector<uuid> event_ids);

    // For the steps, which are its statements under way: on the session's strand, or by the one who has claimed a step.

    const std::shared_ptr<store_core>& core() const noexcept { return core_; }

    /// The server has refused a statement: until a savepoint is gone back to, nothing else can be done.
    void failed(const failure& first);
    /// A statement has succeeded: if there was an error, a savepoint has been gone back to.
    void recovered();
    std::optional<failure> first_failure() const;

    /// The transaction has ended on the server; its session is in order. \param how for later calls, as a half sentence
    void end(std::string how);
    /// The transaction is ended by closing its connection.
    void break_off(std::string how, const failure& why);

private:
    class busy_mark;
    std::optional<failure> enter();
    std::optional<failure> collect(std::vector<append::append_part> parts);
    std::shared_ptr<postgres::exclusive_connection> session() const;
    std::optional<postgres::lease> take_lease(std::string how);

    const std::shared_ptr<store_core> core_;
    const std::chrono::milliseconds limit_;

    mutable std::mutex mutex_;
    std::shared_ptr<store_impl> store_; // null once ended: it keeps the store open
    postgres::lease lease_;
    std::optional<std::string> ended_; // how
    std::optional<failure> first_failure_;
    std::vector<append::append_part> appends_;
    bool is_busy_ = false;
    bool is_committing_ = false;
};

} // namespace eventstore::detail
