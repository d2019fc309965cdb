#include "projection/inline_appender.hpp"

#include "append/outcome_failure.hpp"
#include "async/service.hpp"
#include "base/text.hpp"
#include "feed/own_page.hpp"
#include "projection/handler_failure.hpp"
#include "transaction/transaction_impl.hpp"

#include <eventstore/transaction.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>
#include <span>
#include <utility>

namespace eventstore::projection {

namespace {

constexpr int most_attempts = 8;  // of an append whose transactions are lost, or wait for each other
constexpr int hops_to_rejoin = 2; // writers that were resumed make it into the next group

append::append_queue<append::append_request>::limits limits_of(const store_options& options) {
    append::append_queue<append::append_request>::limits limits;
    limits.queued_bytes = options.max_queued_bytes();
    return limits;
}

failure closed_failure(bool may_be_done) {
    return failure(
        errc::store_closed, {.message = "the store is closed: nothing was appended", .outcome_unknown = may_be_done});
}

/// Whether the same transaction may succeed. The events' ids make it safe to try it again.
bool may_pass(const failure& why) {
    const bool is_conflict = why.sqlstate() == "40001" || why.sqlstate() == "40P01";
    return is_conflict || why.outcome_unknown() || why.code() == errc::connection_lost;
}

} // namespace

/// Whatever ends the coroutine, nobody is left waiting.
class inline_appender::running_mark {
public:
    explicit running_mark(inline_appender& of) : of_(of) {}
    ~running_mark() {
        if (!is_done_) of_.fail_all(closed_failure(true));
    }
    running_mark(const running_mark&) = delete;
    running_mark& operator=(const running_mark&) = delete;

    void done() noexcept { is_done_ = true; }

private:
    inline_appender& of_;
    bool is_done_ = false;
};

inline_appender::inline_appender(const store& in, projection_handler handler)
    : in_(in), core_(detail::inside::of(in)->core), handler_(std::move(handler)), queue_(limits_of(core_->options)) {}

void inline_appender::submit(request_ptr next) {
    std::optional<failure> refused;
    bool begins = false;
    {
        const std::lock_guard lock(mutex_);
        if (core_->is_abandoned()) {
            refused = closed_failure(false);
        } else if (core_->options.fails_when_full() && !queue_.has_room(next->bytes)) {
            refused = append::overloaded(next->stream(), queue_.used_bytes(), queue_.budget());
        } else {
            queue_.push(next);
            begins = !std::exchange(is_running_, true);
        }
    }
    if (refused) return void(next->fail(*refused));
    if (begins) spawn();
}

// Posted, so that the appends of the callers that are ready now make up the first group.
void inline_appender::spawn() {
    asio::post(core_->environment.executor, [self = shared_from_this()] {
        asio::co_spawn(self->core_->environment.executor, run(self), [](const std::exception_ptr&) {});
    });
}

asio::awaitable<void> inline_appender::run(std::shared_ptr<inline_appender> self) {
    running_mark mark(*self);
    for (auto group = self->next_group(); !group.empty(); group = self->next_group()) {
        auto carrying = self->carry_out(std::move(group));
        co_await std::move(carrying);
        for (int i = 0; i < hops_to_rejoin; ++i)
            co_await asio::post(self->core_->environment.executor, asio::use_awaitable);
    }
    mark.done();
}

inline_appender::request_list inline_appender::next_group() {
    const std::lock_guard lock(mutex_);
    under_way_ = queue_.cut();
    for (const request_ptr& request : under_way_) request->is_under_way = true;
    is_running_ = !under_way_.empty();
    return under_way_;
}

asio::awaitable<void> inline_appender::carry_out(request_list group) {
    std::exception_ptr thrown;
    try {
        auto committing = commit(group);
        const append::append_plan::verdict verdict = co_await std::move(committing);
        deliver(group, verdict);
    } catch (...) {
        thrown = std::current_exception();
    }
    if (!thrown) co_return;
    const failure why = failure_of(thrown);
    if (try_again(group, why)) co_return;
    for (const request_ptr& request : group) request->fail(append::about(*request, why));
}

// The appends come first: the handler needs their versions and positions, and no effect of an append that does not fit has
// to be undone.
asio::awaitable<append::append_plan::verdict> inline_appender::commit(const request_list& group) {
    const bool is_careful = std::ranges::any_of(group, [](const request_ptr& one) { return one->asks_for_care; });
    auto beginning = in_.begin();
    transaction tx = co_await std::move(beginning);
    auto appending = detail::transaction_impl::append_now(
        detail::inside::of(tx), group, is_careful ? append::append_care::all : append::append_care::ids);
    auto appended = co_await std::move(appending);
    if (!appended && appended.error().code() == errc::lock_timeout)
        core_->environment.metrics->lock_timeouts.add(group.size());
    append::append_plan::verdict verdict = std::move(appended).value();
    const event_page page = feed::page_of(group, verdict.outcomes);
    if (!page.empty()) {
        const projection_batch events(page.begin(), page.size(), 1, true);
        auto handling = handler_(tx, events);
        co_await std::move(handling);
    }
    auto committing = tx.commit();
    co_await std::move(committing);
    co_return verdict;
}

void inline_appender::deliver(const request_list& group, const append::append_plan::verdict& verdict) {
    {
        const std::lock_guard lock(mutex_);
        under_way_.clear();
        for (const request_ptr& request : group) queue_.release(request->bytes);
    }
    const append::appended_counts stored = append::appended_of(group, verdict);
    core_->environment.metrics->appends.add(stored.appends);
    core_->environment.metrics->events_appended.add(stored.events);
    auto outcome = verdict.outcomes.begin();
    for (const request_ptr& request : group) {
        const auto end = outcome + static_cast<std::ptrdiff_t>(request->parts.size());
        request->decide(append::result_of(*request, std::span(outcome, end)));
        outcome = end;
    }
    core_->committed(group, verdict);
}

// Returns false if the group fails.
bool inline_appender::try_again(const request_list& group, const failure& why) {
    // After a lock was waited for in vain, there is no time for a second wait.
    const bool is_over =
        why.code() == errc::store_closed || why.code() == errc::log_truncated || why.code() == errc::lock_timeout;
    const bool passes = may_pass(why);
    bool is_careful = true;
    request_list again;
    const std::lock_guard lock(mutex_);
    under_way_.clear();
    for (const request_ptr& request : group) {
        request->is_under_way = false;
        request->is_retry = request->is_retry || why.outcome_unknown();
        is_careful = is_careful && std::exchange(request->asks_for_care, true);
        if (passes) ++request->attempts;
        if (!request->is_claimed()) again.push_back(request);
    }
    // Found out by looking at each: an id that is stored already, or data that the server does not take.
    const bool helps_care = !is_careful && !why.sqlstate().empty();
    const bool has_tries =
        std::ranges::all_of(again, [](const request_ptr& one) { return one->attempts < most_attempts; });
    const bool goes_again = !is_over && ((passes && has_tries) || (!passes && (again.size() > 1 || helps_care)));
    for (const request_ptr& request : group) {
        if (!goes_again || request->is_claimed()) queue_.release(request->bytes);
    }
    if (!goes_again) return false;
    if (passes || again.size() == 1)
        queue_.push_front_alone(std::move(again));
    else
        queue_.push_front_halved(std::move(again));
    return true;
}

void inline_appender::cancelled(append::append_request& request) noexcept { give_up(request, errc::cancelled); }
void inline_appender::overdue(const request_ptr& request) noexcept { give_up(*request, errc::timeout); }
void inline_appender::closed(append::append_request& request) noexcept {
    bool may_be_done = false;
    {
        const std::lock_guard lock(mutex_);
        may_be_done = request.is_under_way || request.is_retry;
    }
    request.fail(closed_failure(may_be_done));
}

void inline_appender::give_up(append::append_request& request, errc why) noexcept {
    failure::details details;
    details.stream = request.stream();
    details.retry_helps = true;
    {
        const std::lock_guard lock(mutex_);
        if (!request.claim()) return;
        details.outcome_unknown = request.is_under_way || request.is_retry;
        (void)queue_.remove(&request);
    }
    request.settle(append::ended_early(why, std::move(details), {}));
}

void inline_appender::fail_all(const failure& why) noexcept {
    std::deque<request_ptr> left;
    request_list group;
    {
        const std::lock_guard lock(mutex_);
        left = queue_.take_all();
        group = std::exchange(under_way_, {});
        is_running_ = false;
    }
    for (const request_ptr& request : group) request->fail(why);
    for (const request_ptr& request : left) request->fail(closed_failure(request->is_retry));
}

} // namespace eventstore::projection
