#include "transaction/append_step.hpp"

#include "append/outcome_failure.hpp"
#include "base/text.hpp"

#include <utility>

namespace eventstore::detail {

append_step::append_step(std::shared_ptr<open_transaction> owner, std::shared_ptr<postgres::exclusive_connection> on,
    append_list appends, append::append_care care)
    : transaction_step(std::move(owner), std::move(on), "appending in a transaction"),
      appends_(std::move(appends)),
      plan_(appends_),
      arguments_(plan_.arguments(plan_.needs_care() ? append::append_care::all : care, owner_->scope.seen->latest())) {}

void append_step::send() {
    if (const auto connection = session_->connection; connection && !connection->is_alive())
        return on_lost(failure(errc::connection_lost, "the server has closed its connection meanwhile"), false);
    session_->send(std::static_pointer_cast<append_step>(shared_from_this()));
}

void append_step::on_synced(const failure* why) {
    if (why || !answer_.is_table()) {
        failure refused = why ? *why : answer_.to_failure(doing());
        if (refused.code() == errc::log_truncated) refused = storage::not_held(owner_->scope.seen->latest());
        if (refused.code() == errc::lock_timeout) refused = append::lock_not_available(*appends_.front(), refused, {});
        owner_->failed(refused);
        return void(fail(std::move(refused)));
    }
    auto verdict = plan_.outcomes(answer_.rows() == 1 ? answer_.int8_array(0, 0) : append::append_plan::answer());
    if (!verdict) {
        const failure unknown(errc::schema_too_new, message(doing(), ": the answer of the schema is not understood"));
        owner_->failed(unknown);
        return void(fail(unknown));
    }
    decide(*std::move(verdict));
}

void append_step::on_skipped() { on_lost(failure(errc::connection_lost, "a statement before it failed"), true); }

void append_step::on_lost(const failure& why, bool was_sent) {
    owner_->break_off("its connection was lost", why);
    lost(why, was_sent);
}

} // namespace eventstore::detail
