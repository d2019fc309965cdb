// The end of a transaction: its appends, the checkpoints that go with it, and COMMIT.
#include "append/outcome_failure.hpp"
#include "base/text.hpp"
#include "subscription/group_renewals.hpp"
#include "transaction/transaction_step.hpp"

#include <charconv>

namespace eventstore::detail {

namespace {

/// A bigint[] in its text form: {1,NULL,3}.
append::append_plan::answer parse_array(std::string_view text) {
    append::append_plan::answer all;
    if (!text.starts_with('{') || !text.ends_with('}')) return all;
    text = text.substr(1, text.size() - 2);
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        std::int64_t value = 0;
        const auto [stop, problem] = std::from_chars(text.data(), text.data() + end, value);
        if (problem == std::errc() && stop == text.data() + end)
            all.emplace_back(value);
        else
            all.emplace_back(std::nullopt);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return all;
}

} // namespace

/// One of the statements.
class commit_step::part final : public postgres::request {
public:
    part(std::shared_ptr<commit_step> whole, const postgres::statement& statement,
        const postgres::parameters& arguments, postgres::answer& answer)
        : whole_(std::move(whole)), statement_(statement), arguments_(arguments), answer_(answer) {}

    const postgres::statement& sql() const noexcept override { return statement_; }
    const postgres::parameters& arguments() const noexcept override { return arguments_; }
    void on_answer(postgres::answer answer) override { answer_ = std::move(answer); }
    void on_synced(const failure* why) override {
        if (why) return on_lost(*why, true);
        if (is_last()) whole_->committed();
    }
    void on_skipped() override { on_lost(failure(errc::connection_lost, "a statement before it failed"), false); }
    void on_lost(const failure& why, bool was_sent) override {
        if (is_last()) whole_->broken(why, was_sent); // the others do not decide anything
    }

private:
    bool is_last() const noexcept { return &answer_ == &whole_->committed_; }

    const std::shared_ptr<commit_step> whole_;
    const postgres::statement& statement_; // of the whole, or of the store
    const postgres::parameters& arguments_;
    postgres::answer& answer_;
};

commit_step::commit_step(std::shared_ptr<open_transaction> owner, std::shared_ptr<postgres::exclusive_connection> on,
    append_list appends, checkpoint_list checkpoints)
    : transaction_step(std::move(owner), std::move(on), "committing a transaction"),
      appends_(std::move(appends)),
      plan_(appends_),
      checkpoints_(std::move(checkpoints)) {
    commit_.text = "commit";
    commit_.doing = doing();
    if (!appends_.empty()) {
        const auto care = plan_.needs_care() ? append::append_care::all : append::append_care::ids;
        append_arguments_ = plan_.arguments(care, owner_->scope.seen->latest());
    }
    const auto& owner_id = owner_->scope.parts->checkpoints->owner();
    for (checkpoint& ack : checkpoints_) {
        if (ack.write.replayed.empty())
            ack.arguments = delivery::checkpoint_arguments(ack.write.row, owner_id);
        else
            ack.arguments = delivery::unpark_arguments(ack.write.row, ack.write.replayed);
    }
}

void commit_step::send() {
    const auto self = std::static_pointer_cast<commit_step>(shared_from_this());
    // One that was ended while it was idle is certainly not committed.
    if (const auto connection = session_->connection; !connection || !connection->is_alive())
        return broken(failure(errc::connection_lost, "its connection was lost"), false);
    (void)session_->connection->take_unreplicated();
    const auto& statements = *owner_->scope.statements;
    if (!appends_.empty())
        session_->send(std::make_shared<part>(self, statements.append_events_or_fail, append_arguments_, appended_));
    for (checkpoint& ack : checkpoints_) {
        const bool is_replay = !ack.write.replayed.empty();
        const auto& statement = is_replay ? statements.unpark_or_fail : statements.checkpoint_or_fail;
        session_->send(std::make_shared<part>(self, statement, ack.arguments, ack.answer));
    }
    session_->send(std::make_shared<part>(self, commit_, no_arguments_, committed_));
}

std::optional<failure> commit_step::append_failure() const {
    if (appends_.empty()) return std::nullopt;
    if (!appended_) return failure(errc::database_error, message(doing(), ": the appends were not answered"));
    if (appended_.is_table()) return std::nullopt;
    if (appended_.sqlstate() == "ES001") return conflict_failure();
    const failure why = appended_.to_failure(doing());
    if (why.code() == errc::log_truncated) return storage::not_held(owner_->scope.seen->latest());
    if (why.code() == errc::lock_timeout) return append::lock_not_available(*appends_.front(), why, {});
    if (why.sqlstate() == "25008") {
        failure::details details = why.all();
        details.message = message(doing(), ": with appends it must be READ COMMITTED, as it began (SQLSTATE 25008)");
        return failure(errc::invalid_argument, std::move(details));
    }
    return why;
}

std::optional<failure> commit_step::checkpoint_failure() const {
    for (const checkpoint& ack : checkpoints_) {
        if (ack.answer.is_table()) continue;
        failure::details details;
        const auto& of = *ack.batch.subscription;
        details.stream = of.stream;
        details.message =
            message(doing(), ": the batch of subscription ", quoted_for_message(of.name), " was not acknowledged");
        if (!ack.answer) return failure(errc::database_error, std::move(details));
        const failure why = ack.answer.to_failure(details.message);
        const bool is_isolation = why.sqlstate() == "25008";
        details.sqlstate = why.sqlstate();
        details.message = why.message();
        if (is_isolation) details.message += ": it must be READ COMMITTED, as it began";
        return failure(is_isolation ? errc::invalid_argument : why.code(), std::move(details));
    }
    return std::nullopt;
}

void commit_step::end_subscriptions(const failure& why) {
    for (const checkpoint& ack : checkpoints_) {
        const auto& of = ack.batch.subscription;
        const auto state = ack.answer.sqlstate();
        if (why.outcome_unknown())
            of->end(failure(errc::subscription_lost,
                message("subscription ", quoted_for_message(of->name),
                    ": whether the transaction was committed that acknowledges its events is not known; subscribe "
                    "again")));
        else if (state == "ES004" || state == "ES005")
            of->end(why);
    }
}

failure commit_step::conflict_failure() const {
    using kind = append::append_plan::outcome::kind;
    const auto verdict = plan_.outcomes(parse_array(appended_.detail()));
    if (!verdict)
        return failure(errc::schema_too_new, message(doing(), ": the answer of the schema is not understood"));
    const append::append_request& all = *appends_.front();
    for (std::size_t i = 0; i < all.parts.size(); ++i) {
        const auto& part_outcome = verdict->outcomes[i];
        if (!part_outcome.is_success() && part_outcome.status != kind::unit_failed)
            return append::to_failure(all, all.parts[i], part_outcome);
    }
    return failure(errc::duplicate_event,
        {.message = message(doing(), ": the events for stream ", quoted_for_message(all.stream()),
             " are stored already: an earlier transaction with them was committed, and this one is not done on top of "
             "it"),
            .stream = all.stream()});
}

void commit_step::committed() {
    const postgres::answer& answer = committed_;
    const auto connection = session_->connection;
    const bool is_unreplicated = connection && connection->take_unreplicated();
    const bool is_idle = connection && connection->transaction() == postgres::transaction_state::idle;

    std::optional<failure> why = append_failure();
    if (!why) why = checkpoint_failure();
    if (!why && answer.tag() != "COMMIT") {
        if (answer && answer.is_error())
            why = answer.to_failure_of_caller(doing());
        else
            why = failure(errc::database_error, message(doing(), ": the server rolled it back"));
    }
    if (!why && is_unreplicated) {
        // Committed here, but the synchronous standby does not have it: neither a success nor a failure.
        why = failure(errc::connection_lost,
            {.message = message(doing(), ": the server stopped waiting for its synchronous standby"),
                .outcome_unknown = true});
    }
    const bool is_committed = !why;
    std::optional<append::append_plan::verdict> verdict;
    if (!why && !appends_.empty()) {
        verdict = plan_.outcomes(appended_.rows() == 1 ? appended_.int8_array(0, 0) : append::append_plan::answer());
        if (!verdict) {
            why = failure(errc::schema_too_new,
                {.message = message(doing(), ": it is committed, but the answer of the schema is not understood"),
                    .outcome_unknown = true});
        }
    }

    const std::string ended_as = why ? "its commit failed" : "it was committed";
    const bool is_estranged = why && why->code() == errc::log_truncated; // the next session is inspected
    if (is_idle && !is_estranged)
        owner_->end(ended_as);
    else
        owner_->break_off(ended_as,
            failure(errc::connection_lost,
                is_estranged ? "closed a connection to a server that does not hold what was seen"
                             : "closed a connection in an unexpected state"));
    if (verdict) {
        const append::appended_counts stored = append::appended_of(appends_, *verdict);
        owner_->scope.environment.metrics->appends.add(stored.appends);
        owner_->scope.environment.metrics->events_appended.add(stored.events);
        owner_->scope.committed(appends_, *verdict);
    }
    if (is_committed) {
        for (const checkpoint& ack : checkpoints_) ack.batch.subscription->committed(ack.batch, ack.write);
    }
    if (why) return void(fail(*why));
    std::vector<append_result> results;
    if (verdict) {
        results.reserve(verdict->outcomes.size());
        for (const auto& part_outcome : verdict->outcomes) results.push_back(part_outcome.result);
    }
    decide(std::move(results));
}

void commit_step::broken(const failure& why, bool was_sent) {
    owner_->break_off("its connection was lost", why);
    lost(why, was_sent);
}

} // namespace eventstore::detail
