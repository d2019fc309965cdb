/// What a transaction has under way on its session: one operation of its caller's at a time.
#pragma once

#include "append/append_plan.hpp"
#include "async/completion.hpp"
#include "async/service.hpp"
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

/// Its connection broke, or was closed with the store.
/// \param may_be_done it commits, and was sent
failure step_lost(const std::string& doing, const failure& why, bool may_be_done);
/// Cancelled or out of time.
failure step_given_up(const std::string& doing, errc why, bool may_be_done);
/// Closes the connection of a transaction whose step was given up.
void break_off_step(open_transaction& owner, errc why) noexcept;

/// Cancelled or out of time it ends the transaction, by closing its connection.
template <class T>
class transaction_step : public completion<T> {
protected:
    transaction_step(
        std::shared_ptr<open_transaction> owner, std::shared_ptr<postgres::exclusive_connection> on, std::string doing)
        : completion<T>(std::move(doing)), owner_(std::move(owner)), session_(std::move(on)) {}

    /// Sends what is to be sent. On the session's strand.
    virtual void send() = 0;
    /// True if the server commits once it has what is sent.
    virtual bool commits() const noexcept { return false; }

    void lost(const failure& why, bool was_sent) { this->fail(step_lost(this->doing(), why, was_sent && commits())); }

    const std::shared_ptr<open_transaction> owner_;
    const std::shared_ptr<postgres::exclusive_connection> session_;

private:
    void start() override {
        session_->post([self = std::static_pointer_cast<transaction_step>(this->shared_from_this())] {
            if (self->begin_sending()) self->send();
        });
    }
    /// False if the caller waits no more.
    bool begin_sending() {
        const std::lock_guard lock(mutex_);
        return was_sent_ = !this->is_claimed();
    }
    void cancel() noexcept override { give_up(errc::cancelled); }
    void expire() noexcept override { give_up(errc::timeout); }
    void close() noexcept override {
        owner_->break_off("its store was closed", store_closed());
        lost(store_closed(), false); // what was sent has been told by its connection
    }
    void give_up(errc why) noexcept {
        bool may_be_done = false;
        {
            const std::lock_guard lock(mutex_);
            if (!this->claim()) return;
            may_be_done = was_sent_ && commits();
        }
        break_off_step(*owner_, why);
        this->settle(step_given_up(this->doing(), why, may_be_done));
    }

    std::mutex mutex_; // whoever gives it up must know whether it was sent
    bool was_sent_ = false;
};

/// One statement of the caller's; or, without an answer that matters, ROLLBACK.
class sql_step final : public transaction_step<query_result>, public postgres::request {
public:
    sql_step(std::shared_ptr<open_transaction> owner, std::shared_ptr<postgres::exclusive_connection> on,
        std::string sql, const std::vector<sql_value>& values);

    const postgres::statement& sql() const noexcept override { return statement_; }
    const postgres::parameters& arguments() const noexcept override { return arguments_; }
    void on_answer(postgres::answer answer) override;
    void on_synced(const failure* why) override;
    void on_skipped() override;
    void on_lost(const failure& why, bool was_sent) override;

private:
    void send() override;
    failure refusal(const failure& by_server) const;

    postgres::statement statement_;
    postgres::parameters arguments_;
    postgres::answer answer_;
};

class rollback_step final : public transaction_step<void> {
public:
    rollback_step(std::shared_ptr<open_transaction> owner, std::shared_ptr<postgres::exclusive_connection> on);

private:
    void send() override;
};

/// The appends and checkpoints, if there are any, and COMMIT: groups of the pipeline, in one go. If one of them fails, the
/// COMMIT of their transaction is a ROLLBACK, and no further round trip is needed. Each has a Sync of its own: should the
/// client vanish between two of them, the server knows that it waits, and for how long. Behind a pooler each waits for the
/// answer to the one before. Checkpoints come last: whoever waits for their rows waits for nothing else then.
class commit_step final : public transaction_step<std::vector<append_result>> {
public:
    using append_list = std::vector<std::shared_ptr<append::append_request>>;
    struct checkpoint {
        delivery::batch_of batch;
        delivery::shared_subscription::transaction_write write;
        postgres::parameters arguments{};
        postgres::answer answer{};
    };
    using checkpoint_list = std::vector<checkpoint>;

    commit_step(std::shared_ptr<open_transaction> owner, std::shared_ptr<postgres::exclusive_connection> on,
        append_list appends, checkpoint_list checkpoints);

    /// Where nobody knows whether it is committed, or a subscription is not its owner's any more: whoever subscribes next
    /// goes on from what the database holds.
    void end_subscriptions(const failure& why);

private:
    class part;
    void send() override;
    bool commits() const noexcept override { return true; }

    void committed();
    void broken(const failure& why, bool was_sent);
    std::optional<failure> append_failure() const;
    std::optional<failure> checkpoint_failure() const;
    failure conflict_failure() const;

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
