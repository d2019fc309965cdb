/// What a transaction has under way on its session: one operation of its caller's at a time.
#pragma once

#include "append/append_plan.hpp"
#include "async/operation.hpp"
#include "postgres/connection.hpp"
#include "subscription/shared_subscription.hpp"
#include "transaction/open_transaction.hpp"

#include <eventstore/append_result.hpp>
#include <eventstore/query_result.hpp>
#include <eventstore/sql_value.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace eventstore::detail {

/// Cancelled or out of time it ends the transaction, by closing its connection.
class transaction_step : public operation {
protected:
    transaction_step(
        std::shared_ptr<open_transaction> owner, std::shared_ptr<postgres::exclusive_connection> on, std::string doing);

    /// Sends what is to be sent. On the session's strand.
    virtual void send() = 0;
    /// Sets the outcome; for the claimer.
    virtual void set_failure(const failure& why) = 0;
    /// True if the server commits once it has what is sent.
    virtual bool commits() const noexcept { return false; }

    /// Before anything is sent. False if nobody waits for it any more.
    bool begin_sending();

    void fail(const failure& why);
    failure lost(const failure& why, bool was_sent) const;

    const std::shared_ptr<open_transaction> owner_;
    const std::shared_ptr<postgres::exclusive_connection> session_;
    const std::string doing_;

private:
    void start() override;
    void cancel() noexcept override;
    void expire() noexcept override;
    void close() noexcept override;
    void give_up(errc why) noexcept;

    std::mutex mutex_; // whoever gives it up must know whether it was sent
    bool was_sent_ = false;
};

/// One statement of the caller's; or, without an answer that matters, ROLLBACK.
class sql_step final : public transaction_step, public postgres::request {
public:
    sql_step(std::shared_ptr<open_transaction> owner, std::shared_ptr<postgres::exclusive_connection> on,
        std::string sql, const std::vector<sql_value>& values);

    result<query_result> outcome{failure()};

    const postgres::statement& what() const noexcept override { return what_; }
    const postgres::parameters& arguments() const noexcept override { return arguments_; }
    void on_answer(postgres::answer answer) override;
    void on_synced(const failure* why) override;
    void on_skipped() override;
    void on_lost(const failure& why, bool was_sent) override;

private:
    void send() override;
    void set_failure(const failure& why) override { outcome = why; }
    failure refusal(const failure& by_server) const;

    postgres::statement what_;
    postgres::parameters arguments_;
    postgres::answer answer_;
};

class rollback_step final : public transaction_step {
public:
    rollback_step(std::shared_ptr<open_transaction> owner, std::shared_ptr<postgres::exclusive_connection> on);

    result<void> outcome;

private:
    void send() override;
    void set_failure(const failure& why) override { outcome = why; }
};

/// The appends and checkpoints, if there are any, and COMMIT: groups of the pipeline, in one go. If one of them fails, the
/// COMMIT of their transaction is a ROLLBACK, and no further round trip is needed. Each has a Sync of its own: should the
/// client vanish between two of them, the server knows that it waits, and for how long. Behind a pooler each waits for the
/// answer to the one before. Checkpoints come last: whoever waits for their rows waits for nothing else then.
class commit_step final : public transaction_step {
public:
    using append_list = std::vector<std::shared_ptr<append::append_request>>;
    struct checkpoint {
        delivery::batch_of batch;
        delivery::lease_write row;
        postgres::parameters arguments{};
        postgres::answer answer{};
    };
    using checkpoint_list = std::vector<checkpoint>;

    commit_step(std::shared_ptr<open_transaction> owner, std::shared_ptr<postgres::exclusive_connection> on,
        append_list appends, checkpoint_list checkpoints);

    /// Where nobody knows whether it is committed, or a subscription is not its owner's any more: whoever subscribes next
    /// goes on from what the database holds.
    void end_subscriptions(const failure& why);

    /// Of each part of the appends.
    result<std::vector<append_result>> outcome{std::vector<append_result>()};

private:
    class part;
    void send() override;
    void set_failure(const failure& why) override { outcome = why; }
    bool commits() const noexcept override { return true; }

    void committed();
    void broken(const failure& why, bool was_sent);
    std::optional<failure> append_failure() const;
    std::optional<failure> checkpoint_failure() const;
    failure what_does_not_fit() const;

    const append_list appends_;
    const append::append_plan plan_; // refers to appends_
    postgres::statement commit_;
    postgres::parameters no_arguments_;
    postgres::parameters append_arguments_;
    postgres::answer appended_;
    checkpoint_list checkpoints_;
    postgres::answer committed_;
};

} // namespace eventstore::detail
