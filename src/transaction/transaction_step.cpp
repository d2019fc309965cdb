#include "transaction/transaction_step.hpp"

#include "base/text.hpp"
#include "postgres/command.hpp"
#include "transaction/query_data.hpp"
#include "transaction/sql_text.hpp"

#include <cstring>
#include <variant>

namespace eventstore::detail {

namespace {

using postgres::type_oid;

/// Adds values to the parameters of a statement, each in the type that stands for it.
struct binder {
    postgres::statement& what;
    postgres::parameters& to;

    void operator()(std::monostate) const {
        what.types.push_back(type_oid::unknown);
        to.add_null();
    }
    void operator()(const std::string& value) const {
        what.types.push_back(type_oid::unknown);
        to.add_as_text(value);
    }
    void operator()(const std::vector<std::byte>& value) const {
        what.types.push_back(type_oid::bytea);
        to.add(std::string_view(reinterpret_cast<const char*>(value.data()), value.size()));
    }
    void operator()(bool value) const { add(type_oid::boolean, value); }
    void operator()(std::int32_t value) const { add(type_oid::int4, value); }
    void operator()(std::int64_t value) const { add(type_oid::int8, value); }
    void operator()(double value) const { add(type_oid::float8, value); }
    void operator()(const uuid& value) const { add(type_oid::uuid, value); }
    void operator()(timestamp value) const { add(type_oid::timestamptz, value); }

    template <class Value>
    void add(type_oid type, const Value& value) const {
        what.types.push_back(type);
        to.add(value);
    }
};

} // namespace

transaction_step::transaction_step(
    std::shared_ptr<open_transaction> owner, std::shared_ptr<postgres::exclusive_connection> on, std::string doing)
    : owner_(std::move(owner)), session_(std::move(on)), doing_(std::move(doing)) {}

void transaction_step::start() {
    session_->post([self = std::static_pointer_cast<transaction_step>(shared_from_this())] {
        if (self->begin_sending()) self->send();
    });
}

bool transaction_step::begin_sending() {
    const std::lock_guard lock(mutex_);
    was_sent_ = !is_claimed();
    return was_sent_;
}

void transaction_step::fail(const failure& why) {
    if (!claim()) return;
    set_failure(why);
    finish();
}

failure transaction_step::lost(const failure& why, bool was_sent) const {
    failure::details details = why.all();
    details.outcome_unknown = was_sent && commits();
    details.retry_helps = why.code() == errc::connection_lost;
    details.message = message(doing_, ": ", why.message(),
        details.outcome_unknown ? "; it may be committed, as a whole" : "; the transaction was rolled back");
    return failure(why.code() == errc::store_closed ? errc::store_closed : errc::connection_lost, std::move(details));
}

void transaction_step::cancel() noexcept { give_up(errc::cancelled); }
void transaction_step::expire() noexcept { give_up(errc::timeout); }

void transaction_step::close() noexcept {
    const failure closed(errc::store_closed, "the store is closed");
    owner_->break_off("its store was closed", closed);
    fail(lost(closed, false)); // what was sent has been told by its connection
}

void transaction_step::give_up(errc why) noexcept {
    failure::details details;
    {
        const std::lock_guard lock(mutex_);
        if (!claim()) return;
        details.outcome_unknown = was_sent_ && commits();
    }
    details.retry_helps = true;
    details.message = message(doing_, why == errc::cancelled ? " was cancelled" : ": no answer in time",
        details.outcome_unknown ? "; it was under way, and may be committed, as a whole"
                                : "; the transaction is rolled back");
    const failure how(why, std::move(details));
    set_failure(how);
    owner_->break_off(
        why == errc::cancelled ? "one of its operations was cancelled" : "one of its operations took too long",
        failure(errc::connection_lost, "closed the connection of a transaction that was given up"));
    finish();
}

sql_step::sql_step(std::shared_ptr<open_transaction> owner, std::shared_ptr<postgres::exclusive_connection> on,
    std::string sql, const std::vector<sql_value>& values)
    : transaction_step(std::move(owner), std::move(on), "executing SQL in a transaction") {
    what_.text = std::move(sql);
    what_.doing = doing_;
    what_.answers_in_text = true;
    what_.types.reserve(values.size());
    for (const sql_value& each : values) std::visit(binder{what_, arguments_}, each.value());
}

void sql_step::send() {
    // One that was ended while it was idle: the server may have said why.
    if (const auto link = session_->link; link && !link->is_alive())
        return on_lost(failure(errc::connection_lost, "the server has closed its connection meanwhile"), false);
    session_->send(std::static_pointer_cast<sql_step>(shared_from_this()));
}

void sql_step::on_answer(postgres::answer answer) {
    if (!answer.is_copy()) {
        answer_ = std::move(answer);
        return;
    }
    // It cannot be gone on from there in a pipeline.
    const failure why(errc::invalid_argument,
        message(doing_, ": COPY is not possible here; the transaction is rolled back. Insert rows instead"));
    owner_->break_off("it executed a COPY", why);
    fail(why);
    const auto link = session_->link;
    link->drop(why); // at once: libpq would give the same answer for ever
}

failure sql_step::refusal(const failure& by_server) const {
    const auto first = owner_->first_failure();
    if (by_server.sqlstate() != "25P02" || !first) return by_server;
    failure::details details = by_server.all();
    details.message = message(
        doing_, ": nothing but a rollback is possible any more, because of an earlier error: ", first->message());
    return failure(errc::transaction_ended, std::move(details));
}

void sql_step::on_synced(const failure* why) {
    using state = postgres::transaction_state;
    const state now = session_->link ? session_->link->transaction() : state::unknown;
    const bool is_another = has_ended_transaction(answer_.tag(), what_.text);
    if (is_another || (now != state::in_transaction && now != state::failed)) {
        const failure ended(errc::transaction_ended,
            message(doing_,
                ": this SQL has ended the transaction by itself, which commit() and rollback() are for; "
                "nothing was appended"));
        owner_->break_off("SQL of its own has ended it", ended);
        return fail(ended);
    }
    if (why || answer_.is_error()) {
        const failure by_server = why ? *why : answer_.to_failure_of_caller(doing_);
        const failure refused = refusal(by_server);
        if (now == state::failed) owner_->failed(by_server);
        return fail(refused);
    }
    owner_->recovered();
    if (owner_->scope.refusal()) // it waited for this answer
        owner_->break_off("its store was closed", failure(errc::store_closed, "the store is closed"));
    if (!claim()) return;
    outcome = query_result(std::make_shared<query_data>(std::move(answer_)));
    finish();
}

void sql_step::on_skipped() { on_lost(failure(errc::connection_lost, "a statement before it failed"), true); }

void sql_step::on_lost(const failure& why, bool was_sent) {
    owner_->break_off("its connection was lost", why);
    fail(lost(why, was_sent));
}

rollback_step::rollback_step(
    std::shared_ptr<open_transaction> owner, std::shared_ptr<postgres::exclusive_connection> on)
    : transaction_step(std::move(owner), std::move(on), "rolling a transaction back") {}

void rollback_step::send() {
    const auto self = std::static_pointer_cast<rollback_step>(shared_from_this());
    session_->send(postgres::make_command("rollback", doing_, [self](const postgres::command_end& how) {
        if (how.why)
            self->owner_->break_off("it was rolled back", *how.why); // by the end of its connection
        else
            self->owner_->end("it was rolled back");
        if (self->claim()) self->finish();
    }));
}

} // namespace eventstore::detail
