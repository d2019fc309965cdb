/// Appends inside a transaction, before its commit.
#pragma once

#include "transaction/transaction_step.hpp"

#include <memory>
#include <vector>

namespace eventstore::detail {

/// Appends for many callers, each with its own outcome. From then on the transaction holds the log's lock.
class append_step final : public transaction_step<append::append_plan::verdict>, public postgres::request {
public:
    using append_list = std::vector<std::shared_ptr<append::append_request>>;

    append_step(std::shared_ptr<open_transaction> owner, std::shared_ptr<postgres::exclusive_connection> on,
        append_list appends, append::append_care care);

    const postgres::statement& sql() const noexcept override { return owner_->scope.statements->append_events; }
    const postgres::parameters& arguments() const noexcept override { return arguments_; }
    void on_answer(postgres::answer answer) override { answer_ = std::move(answer); }
    void on_synced(const failure* why) override;
    void on_skipped() override;
    void on_lost(const failure& why, bool was_sent) override;

private:
    void send() override;

    const append_list appends_;
    const append::append_plan plan_; // refers to appends_
    const postgres::parameters arguments_;
    postgres::answer answer_;
};

} // namespace eventstore::detail
