#include "transaction/transaction_impl.hpp"

#include "base/text.hpp"
#include "storage/validation.hpp"
#include "transaction/append_step.hpp"
#include "transaction/sql_text.hpp"
#include "transaction/transaction_step.hpp"

#include <algorithm>
#include <variant>

namespace eventstore::detail {

namespace {

constexpr std::size_t most_parameters = 65'535; // of PostgreSQL's protocol
constexpr std::size_t most_bytes = std::size_t{256} << 20;

failure refuse(std::string text) { return failure(errc::invalid_argument, std::move(text)); }

failure moved_from() {
    return failure(errc::transaction_ended, "the transaction was moved from: this object is good for nothing");
}

std::size_t bytes_of(const sql_value& value) {
    if (const auto* const text = std::get_if<std::string>(&value.value())) return text->size();
    if (const auto* const bytes = std::get_if<std::vector<std::byte>>(&value.value())) return bytes->size();
    return 0;
}

std::optional<failure> check_sql(const std::string& sql, const std::vector<sql_value>& values) {
    if (sql.empty()) return refuse("executing SQL in a transaction: the SQL is empty");
    if (!is_storable_text(sql)) return refuse("executing SQL in a transaction: the SQL is not UTF-8, or holds a NUL");
    if (is_transaction_control(sql))
        return refuse(message("executing SQL in a transaction: ", quoted_for_message(sql),
            ": use commit() and rollback(); a transaction has begun when begin() returns. Savepoints are possible"));
    if (values.size() > most_parameters)
        return refuse(message("executing SQL in a transaction: ", std::to_string(values.size()),
            " parameters; 65,535 are the most; pass arrays as text, such as {1,2,3}"));
    std::size_t bytes = sql.size();
    for (std::size_t i = 0; i < values.size(); ++i) {
        bytes += bytes_of(values[i]);
        const auto* const text = std::get_if<std::string>(&values[i].value());
        if (text && !is_storable_text(*text))
            return refuse(message("executing SQL in a transaction: the parameter $", std::to_string(i + 1),
                " is not UTF-8, or holds a NUL; bytes are passed as std::vector<std::byte>"));
    }
    if (bytes > most_bytes)
        return refuse(message(
            "executing SQL in a transaction: ", std::to_string(bytes), " bytes in one statement; 256 MB are the most"));
    return std::nullopt;
}

std::optional<failure> check_together(const append::part_list& parts) {
    std::vector<storage::part_of_append> all;
    for (const append::append_part& part : parts) all.push_back({part.stream, part.events});
    return storage::check_parts(all);
}

} // namespace

/// One operation at a time.
class transaction_impl::busy_mark {
public:
    explicit busy_mark(transaction_impl& of) : of_(of) {}
    ~busy_mark() {
        const bool has_ended = of_.open_->ended().has_value();
        append::part_list appends; // what the transaction will never do is freed without the mutex
        std::vector<delivery::batch_of> batches;
        const std::lock_guard lock(of_.mutex_);
        of_.is_busy_ = false;
        if (!has_ended) return;
        appends = std::exchange(of_.appends_, {});
        batches = std::exchange(of_.batches_, {});
    }
    busy_mark(const busy_mark&) = delete;
    busy_mark& operator=(const busy_mark&) = delete;

private:
    transaction_impl& of_;
};

std::optional<failure> transaction_impl::enter() {
    const std::lock_guard lock(mutex_);
    if (is_busy_)
        return refuse("another operation of this transaction is under way: await one before the next is begun");
    if (auto why = open_->refusal()) return why;
    is_busy_ = true;
    return std::nullopt;
}

asio::awaitable<void> transaction_impl::carry_out(std::shared_ptr<operation> step) const {
    const auto& scope = open_->scope;
    return suspend(std::move(step), scope.environment.timers.get(), scope.environment.in(scope.limit));
}

std::optional<failure> transaction_impl::append(const self_ptr& self, std::vector<stream_append> streams) {
    if (!self) return moved_from();
    for (const stream_append& part : streams) {
        if (auto why = storage::check_append(part.stream(), part.expected(), part.events(), self->open_->scope.options))
            return why;
    }
    append::part_list parts = append::parts_of(std::move(streams));
    if (auto why = check_together(parts)) return why;
    return self->collect(std::move(parts));
}

std::optional<failure> transaction_impl::link(
    const self_ptr& self, std::string stream, expected_version expected, std::vector<uuid> event_ids) {
    if (!self) return moved_from();
    if (auto why = storage::check_link(stream, expected, event_ids)) return why;
    append::part_list parts;
    parts.push_back(append::link_part(std::move(stream), expected, std::move(event_ids)));
    return self->collect(std::move(parts));
}

std::optional<failure> transaction_impl::collect(append::part_list parts) {
    const std::lock_guard lock(mutex_);
    if (auto why = open_->ended()) return why;
    if (is_committing_) return refuse("the commit of this transaction is under way: append before it");
    appends_.insert(appends_.end(), std::make_move_iterator(parts.begin()), std::make_move_iterator(parts.end()));
    return std::nullopt;
}

std::optional<failure> transaction_impl::acknowledge(const self_ptr& self, std::optional<delivery::batch_of> batch) {
    if (!self) return moved_from();
    const std::lock_guard lock(self->mutex_);
    if (auto why = self->open_->ended()) return why;
    if (self->is_committing_) return refuse("the commit of this transaction is under way: acknowledge before it");
    if (!batch) return refuse("acknowledging with a transaction: the batch is empty, or acknowledged already");
    const auto write = batch->subscription->write_for(*batch);
    if (!write) return write.error();
    if (batch->subscription->parts() != self->open_->scope.parts)
        return refuse(message("acknowledging with a transaction: subscription ",
            quoted_for_message(batch->subscription->name), " is of another store than the transaction"));
    const auto is_same = [&](const delivery::batch_of& other) { return other.subscription == batch->subscription; };
    if (std::ranges::any_of(self->batches_, is_same))
        return refuse(message("acknowledging with a transaction: it has a batch of subscription ",
            quoted_for_message(batch->subscription->name), " already; commit after each"));
    self->batches_.push_back(std::move(*batch));
    return std::nullopt;
}

asio::awaitable<result<query_result>> transaction_impl::execute(
    self_ptr self, std::string sql, std::vector<sql_value> values) {
    if (!self) co_return moved_from();
    if (const auto why = self->enter()) co_return *why;
    const busy_mark mark(*self);
    if (const auto why = check_sql(sql, values)) co_return *why;
    const auto session = self->open_->session();
    if (!session) co_return moved_from();
    const auto step = std::make_shared<sql_step>(self->open_, session, std::move(sql), values);
    auto working = self->carry_out(step);
    co_await std::move(working);
    co_return step->take();
}

asio::awaitable<result<std::vector<append_result>>> transaction_impl::commit(self_ptr self) {
    if (!self) co_return moved_from();
    if (const auto why = self->enter()) co_return *why;
    const busy_mark mark(*self);
    append::part_list collected;
    std::vector<delivery::batch_of> batches;
    {
        const std::lock_guard lock(self->mutex_);
        self->is_committing_ = true;
        collected = std::exchange(self->appends_, {});
        batches = std::exchange(self->batches_, {});
    }
    if (const auto first = self->open_->first_failure()) {
        self->open_->end("it was rolled back, because of an error");
        std::string text =
            message("committing a transaction: it is rolled back, because of an earlier error: ", first->message());
        co_return first->with_message(std::move(text));
    }
    if (const auto why = check_together(collected)) {
        self->open_->end("its commit failed");
        co_return *why;
    }

    // Rows are locked in the order of their ids, as renewals do.
    std::ranges::sort(batches, {}, [](const delivery::batch_of& batch) { return batch.subscription->id(); });
    commit_step::checkpoint_list checkpoints;
    for (delivery::batch_of& batch : batches) {
        auto write = batch.subscription->write_for(batch);
        if (!write) {
            self->open_->end("its commit failed");
            co_return write.error();
        }
        checkpoints.push_back({std::move(batch), *std::move(write)});
    }

    std::vector<append_result> all(collected.size());
    std::vector<std::size_t> places; // of the parts: those without events are left out
    append::part_list parts;
    for (std::size_t i = 0; i < collected.size(); ++i) {
        if (collected[i].events.empty()) continue;
        places.push_back(i);
        parts.push_back(std::move(collected[i]));
    }
    commit_step::append_list appends; // one, whose parts stand or fall together
    if (!parts.empty())
        appends.push_back(
            std::make_shared<append::append_request>(std::weak_ptr<append::appender>(), std::move(parts)));
    const auto session = self->open_->session();
    if (!session) co_return moved_from();
    const auto step = std::make_shared<commit_step>(self->open_, session, std::move(appends), std::move(checkpoints));
    auto working = self->carry_out(step);
    co_await std::move(working);
    const auto outcome = step->take();
    if (!outcome) {
        step->end_subscriptions(outcome.error());
        co_return outcome.error();
    }
    for (std::size_t i = 0; i < places.size(); ++i) all[places[i]] = (*outcome)[i];
    co_return all;
}

asio::awaitable<result<append::append_plan::verdict>> transaction_impl::append_now(
    self_ptr self, std::vector<std::shared_ptr<append::append_request>> appends, append::append_care care) {
    if (!self) co_return moved_from();
    if (const auto why = self->enter()) co_return *why;
    const busy_mark mark(*self);
    const auto session = self->open_->session();
    if (!session) co_return moved_from();
    const auto step = std::make_shared<append_step>(self->open_, session, std::move(appends), care);
    auto working = self->carry_out(step);
    co_await std::move(working);
    co_return step->take();
}

asio::awaitable<result<void>> transaction_impl::rollback(self_ptr self) {
    if (!self) co_return moved_from();
    if (const auto why = self->enter()) co_return *why;
    const busy_mark mark(*self);
    const auto session = self->open_->session();
    if (!session) co_return moved_from();
    const auto step = std::make_shared<rollback_step>(self->open_, session);
    auto working = self->carry_out(step);
    co_await std::move(working);
    co_return step->take();
}

} // namespace eventstore::detail
