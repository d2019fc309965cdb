/// One statement of a pool, from its call to its outcome.
#pragma once

#include "async/completion.hpp"
#include "postgres/connection.hpp"
#include "postgres/pool_state.hpp"

#include <eventstore/error.hpp>

#include <cstddef>
#include <memory>
#include <mutex>

namespace eventstore::postgres {

class pool;

/// What the caller of a pool waits for, and what its connection sends: more than once, if connections are lost.
///
/// The outcome of a read is its answer. That of a statement that writes is known when its transaction has ended: an answer
/// whose commit failed, or was never heard of, is none.
class pool_request final : public detail::completion<answer>, public request {
public:
    pool_request(std::weak_ptr<pool> owner, const statement& statement, parameters arguments);
    ~pool_request() override;

    const statement& sql() const noexcept override { return statement_; }
    const parameters& arguments() const noexcept override { return arguments_; }

    void on_answer(answer given) override;
    void on_synced(const failure* why) override;
    void on_skipped() override;
    void on_lost_at_work() override { was_at_work_ = true; }
    void on_lost(const failure& why, bool was_sent) override;

    /// About to be sent. False if nobody waits for it any more.
    bool begin_sending();
    pool_state::request_kind kind() const noexcept {
        return statement_.writes ? pool_state::request_kind::write : pool_state::request_kind::read;
    }
    /// Whether it shares its transaction with nothing.
    bool goes_alone() const noexcept { return statement_.writes || is_apart_; }
    /// Whether connections were lost while the server was at it.
    bool is_suspect() const noexcept { return attempts_ > 0; }
    void count_in(pool& owner) const;

    /// Ends it, unless it has ended already. Of a statement that writes, and that may have been carried out, the failure says
    /// so.
    void fail(failure why) noexcept;
    bool is_of(const statement_set* set) const noexcept { return statement_.set == set; }

    std::size_t slot = 0;        ///< of the connection that it was given to last
    steady_time waiting_since{}; ///< for a connection, if it had to; under the mutex of the pool
    bool is_repeated = false;    ///< an attempt before the one that was answered may have been carried out

private:
    void start() override { again(); }
    void cancel() noexcept override;
    void expire() noexcept override;
    void close() noexcept override;

    void again();
    bool clear_in_flight();
    void free_place();
    void succeed(answer given);
    void attempt_ended(bool may_be_done);

    const std::weak_ptr<pool> owner_; // which holds this request in its queues
    const statement& statement_;
    const std::shared_ptr<const statement_set> set_; // keeps statement_
    const parameters arguments_;

    // On the strand of its connection.
    answer answer_;
    bool is_in_flight_ = false;
    bool was_at_work_ = false;
    bool is_apart_ = false; // it was skipped or lost with others
    int attempts_ = 0;      // that were lost while the server was at it
    int skipped_ = 0;

    std::mutex mutex_;
    bool is_under_way_ = false;
    bool may_be_done_ = false; // by an attempt whose connection was lost
};

} // namespace eventstore::postgres
