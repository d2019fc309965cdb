#include <eventstore/transaction.hpp>

#include "api/call.hpp"
#include "postgres/begin_transaction.hpp"
#include "runtime/store_core.hpp"
#include "subscription/batch_state.hpp"
#include "transaction/transaction_impl.hpp"

#include <eventstore/store.hpp>

namespace eventstore {

namespace {

using detail::operation_kind;
using detail::transaction_impl;
using impl_ptr = std::shared_ptr<transaction_impl>;

constexpr operation_kind beginning{"begin"};
constexpr operation_kind executing{"execute"};
constexpr operation_kind committing{"commit"};
constexpr operation_kind rolling_back{"rollback"};

asio::awaitable<result<transaction>> begin_on(
    detail::store_ptr store, detail::steady_time deadline, milliseconds limit) {
    const auto core = store->core;
    detail::transaction_scope scope{core->options, core->environment, core->statements, core->seen, core->parts,
        limit.count() != 0 ? limit : core->options.operation_timeout(), [core] { return core->refusal(); },
        [core](auto appends, const auto& verdict) { core->committed(appends, verdict); }, core->tracing};
    auto work = postgres::begin_transaction(core->transacting, core->environment.timers, scope.limit, deadline);
    auto lease = co_await std::move(work);
    if (!lease) co_return lease.error();
    auto open =
        std::make_shared<detail::open_transaction>(std::move(scope), std::move(store), std::move(lease).value());
    co_return transaction(std::make_shared<transaction_impl>(std::move(open)));
}

asio::awaitable<result<transaction>> begin_transaction(
    const detail::store_ptr& store, detail::steady_time deadline, milliseconds limit) {
    auto work = begin_on(store, deadline, limit);
    return detail::tell_cancellation(std::move(work), "beginning a transaction was cancelled");
}

/// What the tracer, the statistics and the watch for handlers are told of an operation of a transaction.
class observed {
public:
    observed(const impl_ptr& of, const operation_kind& what) : what_(what) {
        if (!of) return;
        environment_ = of->environment();
        trace_ = detail::call_trace(of->tracing(), what);
    }

    /// Has the events that it appends carry the traceparent of its commit.
    void carry_traceparent(transaction_impl& of) const {
        if (!trace_.span()) return;
        const std::string traceparent = detail::checked_traceparent(*trace_.span());
        of.change_events([&](append::event_list& events, const store_options& options) {
            detail::carry_traceparent(traceparent, options, events);
        });
    }

    template <class T>
    void end(const result<T>& outcome) {
        if (!environment_) return;
        trace_.end(what_, outcome);
        if (!outcome && outcome.error().code() == errc::lock_timeout) environment_->metrics->lock_timeouts.add();
        detail::handler_watch::resumes(environment_->handlers, what_.name);
    }

private:
    const operation_kind& what_;
    std::optional<detail::environment> environment_; // none: the transaction was moved from
    detail::call_trace trace_;
};

asio::awaitable<query_result> execute_throwing(impl_ptr impl, std::string sql, std::vector<sql_value> values) {
    observed observation(impl, executing);
    auto work = transaction_impl::execute(std::move(impl), std::move(sql), std::move(values));
    auto rows = co_await std::move(work);
    observation.end(rows);
    co_return std::move(rows).value();
}

asio::awaitable<std::vector<append_result>> commit_throwing(impl_ptr impl) {
    observed observation(impl, committing);
    if (impl) observation.carry_traceparent(*impl);
    auto work = transaction_impl::commit(std::move(impl));
    auto results = co_await std::move(work);
    observation.end(results);
    co_return std::move(results).value();
}

asio::awaitable<void> rollback_throwing(impl_ptr impl) {
    observed observation(impl, rolling_back);
    auto work = transaction_impl::rollback(std::move(impl));
    const auto done = co_await std::move(work);
    observation.end(done);
    done.value();
}

} // namespace

asio::awaitable<transaction> store::begin() const {
    return detail::call(beginning, impl_, limit_, detail::unchecked(), begin_transaction, limit_);
}

transaction::transaction(impl_ptr impl) noexcept : impl_(std::move(impl)) {}
transaction::transaction(transaction&&) noexcept = default;
transaction& transaction::operator=(transaction&&) noexcept = default;
transaction::~transaction() = default;

asio::awaitable<query_result> transaction::execute(std::string_view sql, std::vector<sql_value> values) {
    return execute_throwing(impl_, std::string(sql), std::move(values));
}

void transaction::append(std::string_view stream, expected_version expected, event_data event) {
    std::vector<event_data> list;
    list.push_back(std::move(event));
    append(stream, expected, std::move(list));
}

void transaction::append(std::string_view stream, expected_version expected, std::vector<event_data> events) {
    std::vector<stream_append> parts;
    parts.emplace_back(std::string(stream), expected, std::move(events));
    append(std::move(parts));
}

void transaction::append(std::vector<stream_append> parts) {
    if (const auto why = transaction_impl::append(impl_, std::move(parts))) throw error(*why);
}

void transaction::link(std::string_view stream, expected_version expected, std::vector<uuid> event_ids) {
    if (const auto why = transaction_impl::link(impl_, std::string(stream), expected, std::move(event_ids)))
        throw error(*why);
}

void transaction::link(std::string_view stream, expected_version expected, uuid event_id) {
    link(stream, expected, std::vector<uuid>(1, event_id));
}

void transaction::ack(const event_batch& batch) {
    const auto held = batch.state_ ? batch.state_->to_acknowledge() : std::nullopt;
    if (const auto why = transaction_impl::acknowledge(impl_, held)) throw error(*why);
    if (held) batch.state_->went_with_transaction();
}

void transaction::ack(const event_batch& batch, const recorded_event& last) {
    const auto held = batch.state_ ? batch.state_->to_acknowledge(last) : std::nullopt;
    if (const auto why = transaction_impl::acknowledge(impl_, held)) throw error(*why);
    if (held) batch.state_->went_with_transaction();
}

asio::awaitable<std::vector<append_result>> transaction::commit() { return commit_throwing(impl_); }
asio::awaitable<void> transaction::rollback() { return rollback_throwing(impl_); }

asio::any_io_executor transaction::get_executor() const {
    if (!impl_) throw error(failure(errc::transaction_ended, "the transaction was moved from"));
    return impl_->get_executor();
}

} // namespace eventstore
