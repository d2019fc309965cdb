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
    postgres::statement& statement;
    postgres::parameters& to;

    void operator()(std::monostate) const {
        statement.types.push_back(type_oid::unknown);
        to.add_null();
    }
    void operator()(const std::string& value) const {
        statement.types.push_back(type_oid::unknown);
        to.add_as_text(value);
    }
    void operator()(const std::vector<std::byte>& value) const {
        statement.types.push_back(type_oid::bytea);
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
        statement.types.push_back(type);
        to.add(value);
    }
};

} // namespace

failure step_lost(const std::string& doing, const failure& why, bool may_be_done) {
    failure::details details = why.all();
    details.outcome_unknown = may_be_done;
    details.retry_helps = why.code() == errc::connection_lost;
    details.message = message(doing, ": ", why.message(),
        may_be_done ? "; it may be committed, as a whole" : "; the transaction was rolled back");
    return failure(why.code() == errc::store_closed ? errc::store_closed : errc::connection_lost, std::move(details));
}

failure step_given_up(const std::string& doing, errc why, bool may_be_done) {
    return failure(why,
        {.message = message(doing, why == errc::cancelled ? " was cancelled" : ": no answer in time",
             may_be_done ? "; it was under way, and may be committed, as a whole" : "; the transaction is rolled back"),
            .retry_helps = true,
            .outcome_unknown = may_be_done});
}

void break_off_step(open_transaction& owner, errc why) noexcept {
    owner.break_off(
        why == errc::cancelled ? "one of its operations was cancelled" : "one of its operations took too long",
        failure(errc::connection_lost, "closed the connection of a transaction that was given up"));
}

sql_step::sql_step(std::shared_ptr<open_transaction> owner, std::shared_ptr<postgres::exclusive_connection> on,
    std::string sql, const std::vector<sql_value>& values)
    : transaction_step(std::move(owner), std::move(on), "executing SQL in a transaction") {
    statement_.text = std::move(sql);
    statement_.doing = doing();
    statement_.answers_in_text = true;
    statement_.types.reserve(values.size());
    for (const sql_value& value : values) std::visit(binder{statement_, arguments_}, value.value());
}

void sql_step::send() {
    // One that was ended while it was idle: the server may have said why.
    if (const auto connection = session_->connection; connection && !connection->is_alive())
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
        message(doing(), ": COPY is not possible here; the transaction is rolled back. Insert rows instead"));
    owner_->break_off("it executed a COPY", why);
    fail(why);
    const auto connection = session_->connection;
    connection->drop(why); // at once: libpq would give the same answer for ever
}

failure sql_step::refusal(const failure& by_server) const {
    const auto first = owner_->first_failure();
    if (by_server.sqlstate() != "25P02" || !first) return by_server;
    failure::details details = by_server.all();
    details.message = message(
        doing(), ": nothing but a rollback is possible any more, because of an earlier error: ", first->message());
    return failure(errc::transaction_ended, std::move(details));
}

void sql_step::on_synced(const failure* why) {
    using state = postgres::transaction_state;
    const state now = session_->connection ? session_->connection->transaction() : state::unknown;
    const bool is_another = has_ended_transaction(answer_.tag(), statement_.text);
    if (is_another || (now != state::in_transaction && now != state::failed)) {
        const failure ended(errc::transaction_ended,
            message(doing(),
                ": this SQL has ended the transaction by itself, which commit() and rollback() are for; "
                "nothing was appended"));
        owner_->break_off("SQL of its own has ended it", ended);
        return void(fail(ended));
    }
    if (why || answer_.is_error()) {
        const failure by_server = why ? *why : answer_.to_failure_of_caller(doing());
        const failure refused = refusal(by_server);
        if (now == state::failed) owner_->failed(by_server);
        return void(fail(refused));
    }
    owner_->recovered();
    if (owner_->scope.refusal()) // it waited for this answer
        owner_->break_off("its store was closed", failure(errc::store_closed, "the store is closed"));
    decide(query_result(std::make_shared<query_data>(std::move(answer_))));
}

void sql_step::on_skipped() { on_lost(failure(errc::connection_lost, "a statement before it failed"), true); }

void sql_step::on_lost(const failure& why, bool was_sent) {
    owner_->break_off("its connection was lost", why);
    lost(why, was_sent);
}

rollback_step::rollback_step(
    std::shared_ptr<open_transaction> owner, std::shared_ptr<postgres::exclusive_connection> on)
    : transaction_step(std::move(owner), std::move(on), "rolling a transaction back") {}

void rollback_step::send() {
    const auto self = std::static_pointer_cast<rollback_step>(shared_from_this());
    session_->send(postgres::make_command("rollback", doing(), [self](const postgres::command_end& ended) {
        if (ended.why)
            self->owner_->break_off("it was rolled back", *ended.why); // by the end of its connection
        else
            self->owner_->end("it was rolled back");
        self->complete();
    }));
}

} // namespace eventstore::detail
