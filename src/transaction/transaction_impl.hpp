/// The inside of a transaction.
#pragma once

#include "append/append_request.hpp"
#include "base/live_objects.hpp"
#include "subscription/shared_subscription.hpp"
#include "transaction/open_transaction.hpp"

#include <eventstore/query_result.hpp>
#include <eventstore/sql_value.hpp>
#include <eventstore/transaction.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::detail {

namespace asio = boost::asio;

/// The inside of a transaction: its operations, one at a time, and what is to be appended at its end.
class transaction_impl : private live_object {
public:
    explicit transaction_impl(std::shared_ptr<open_transaction> open) : open_(std::move(open)) {}

    asio::any_io_executor get_executor() const { return open_->scope.environment.executor; }
    const detail::environment& environment() const noexcept { return open_->scope.environment; }
    const std::shared_ptr<const trace_source>& tracing() const noexcept { return open_->scope.tracing; }

    /// Changes the events that are collected for the commit; links are none.
    template <class Change>
    void change_events(const Change& apply) {
        const std::lock_guard lock(mutex_);
        for (append::append_part& part : appends_) {
            if (part.originals.empty()) apply(part.events, open_->scope.options);
        }
    }

    using self_ptr = std::shared_ptr<transaction_impl>;
    static asio::awaitable<result<query_result>> execute(self_ptr self, std::string sql, std::vector<sql_value> values);
    static asio::awaitable<result<std::vector<append_result>>> commit(self_ptr self);
    /// Appends before the commit, for many callers: each has an outcome of its own. Nobody else appends until the commit.
    static asio::awaitable<result<append::append_plan::verdict>> append_now(
        self_ptr self, std::vector<std::shared_ptr<append::append_request>> appends, append::append_care care);
    static asio::awaitable<result<void>> rollback(self_ptr self);

    /// Checks and collects. Returns why not.
    static std::optional<failure> append(const self_ptr& self, std::vector<stream_append> streams);
    static std::optional<failure> link(
        const self_ptr& self, std::string stream, expected_version expected, std::vector<uuid> event_ids);
    /// The same, for a batch that is acknowledged with the commit.
    static std::optional<failure> acknowledge(const self_ptr& self, std::optional<delivery::batch_of> batch);

private:
    class busy_mark;
    std::optional<failure> enter();
    std::optional<failure> collect(append::part_list parts);
    asio::awaitable<void> carry_out(std::shared_ptr<operation> step) const;

    const std::shared_ptr<open_transaction> open_;

    std::mutex mutex_;
    append::part_list appends_;
    std::vector<delivery::batch_of> batches_; // to be acknowledged
    bool is_busy_ = false;
    bool is_committing_ = false;
};

} // namespace eventstore::detail
