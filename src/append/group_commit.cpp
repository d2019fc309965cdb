#include "append/group_commit.hpp"

#include "append/outcome_failure.hpp"
#include "base/text.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace eventstore::append {

namespace {

// Of an append whose connection is lost again and again. Only by itself it can tell that it is to blame.
constexpr int most_attempts = 8;
constexpr int least_attempts_alone = 3;
// One that was refused for an id that is stored is rarely the last: looking for ids is cheaper than writing twice.
constexpr int groups_to_look = 100;
constexpr int hops_to_rejoin = 2; // a writer that posts once between two appends still makes it into the next group

append_queue<append_request>::limits queue_limits(std::size_t bytes) {
    append_queue<append_request>::limits limits;
    limits.queued_bytes = bytes;
    return limits;
}

failure closed_failure() { return failure(errc::store_closed, "the store is closed: nothing was appended"); }

failure closed_while_waiting(const append_request& request) {
    failure::details details = closed_failure().all();
    details.outcome_unknown = request.is_retry || request.is_under_way;
    return failure(errc::store_closed, std::move(details));
}

} // namespace

group_commit::group_commit(const options& limits, detail::environment where,
    std::shared_ptr<const storage::statements> known, std::shared_ptr<postgres::exclusive_pool> connections,
    std::shared_ptr<postgres::pool_user> writer, std::shared_ptr<postgres::pool> reading,
    std::shared_ptr<const storage::seen_log> seen, committed_handler on_committed)
    : environment_(std::move(where)),
      flush_timeout_(limits.flush_timeout),
      fails_when_full_(limits.fails_when_full),
      is_pooled_(limits.is_pooled),
      statements_(std::move(known)),
      connections_(std::move(connections)),
      writer_(std::move(writer)),
      reading_(std::move(reading)),
      seen_(std::move(seen)),
      on_committed_(std::move(on_committed)),
      changed_(std::make_shared<detail::signal>()),
      queue_(queue_limits(limits.max_queued_bytes)) {}

group_commit::~group_commit() = default;

void group_commit::submit(request_ptr next) {
    std::optional<failure> refused;
    {
        const std::lock_guard lock(mutex_);
        if (is_stopping_) {
            refused = closed_failure();
        } else if (fails_when_full_ && !queue_.has_room(next->bytes)) {
            refused = overloaded(next->stream(), queue_.used_bytes(), queue_.budget());
        } else {
            const auto now = environment_.now();
            next->queued_at = now;
            queue_.push(std::move(next));
            pace_.arrived(now);
            if (!is_running_ || pace_.may_send(true)) wake();
            return;
        }
    }
    next->fail(*refused);
}

void group_commit::give_up(append_request& request, errc why, const lock_holder& holder) noexcept {
    failure::details details;
    details.stream = request.stream();
    details.retry_helps = true;
    std::optional<failure> unreachable;
    const auto last_failure = connections_->last_connect_failure();
    {
        const std::lock_guard lock(mutex_);
        // Decided together with the facts: or an answer that comes just now would make them untrue.
        if (!request.claim()) return;
        // Once it was sent, by this attempt or an earlier one, only an answer could tell.
        details.outcome_unknown = request.is_under_way || request.is_retry;
        if (!request.is_under_way && why == errc::timeout) unreachable = last_failure;
        if (why == errc::lock_timeout) { // one that waits behind the group waits for the same lock
            environment_.metrics->lock_timeouts.add();
            environment_.metrics->lock_wait.record(
                environment_.now() - (request.is_under_way ? request.sent_at : request.queued_at));
        }
        (void)queue_.remove(&request);
    }
    stop_acquiring();
    if (unreachable)
        request.settle(not_connected(std::move(details), *unreachable));
    else
        request.settle(ended_early(why, std::move(details), holder));
}

// ---- the loop

// A loop that waited for appends would keep its io_context running: it ends when there are none, and begins anew. The
// connection that it had is taken again, unless another one has it.
void group_commit::wake() {
    if (is_abandoned_) return;
    if (std::exchange(is_running_, true)) return changed_->raise();
    if (held_.resume()) return begin_turn();
    is_acquiring_ = true;
    asio::post(environment_.executor, [self = shared_from_this()] {
        asio::co_spawn(self->environment_.executor, acquire(self), [self](const std::exception_ptr& thrown) {
            if (thrown) self->loop_ended(thrown);
        });
    });
}

void group_commit::begin_turn() {
    held_.get()->post([self = shared_from_this(), strand = held_.get()->strand()] {
        asio::co_spawn(*strand, turn(self), [self](const std::exception_ptr& thrown) { self->loop_ended(thrown); });
    });
}

void group_commit::loop_ended(const std::exception_ptr& thrown) {
    if (thrown) recover(thrown);
    const std::lock_guard lock(mutex_);
    is_running_ = is_acquiring_ = false;
    if (!queue_.empty() && !is_dropped_)
        wake();
    else if (is_stopping_)
        stopped();
}

asio::awaitable<void> group_commit::acquire(std::shared_ptr<group_commit> self) {
    auto acquiring = postgres::pool_user::acquire(self->writer_, detail::steady_time::max());
    auto acquired = co_await std::move(acquiring);
    if (!acquired) {
        // They need not wait for what does not pass by itself.
        if (acquired.error().code() != errc::cancelled) self->fail_all(acquired.error());
        co_return self->loop_ended(nullptr);
    }
    const std::lock_guard lock(self->mutex_);
    self->is_acquiring_ = false;
    self->held_ = std::move(*acquired);
    self->begin_turn();
}

// Nothing waits for a connection any more.
void group_commit::stop_acquiring() {
    {
        const std::lock_guard lock(mutex_);
        if (!is_acquiring_ || !queue_.empty()) return;
    }
    writer_->give_up_waiting();
}

// Out of memory, perhaps: what was under way ends here.
void group_commit::recover(const std::exception_ptr& thrown) {
    std::string text = "an exception that is no std::exception";
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& problem) {
        text = problem.what();
    } catch (...) { // described above
    }
    const failure why(errc::connection_lost, detail::message("appending: ", text));
    held_.drop(why);
    const auto left = std::exchange(under_way_, {});
    {
        const std::lock_guard lock(mutex_);
        backend_ = 0;
        pace_ = commit_pace();
        for (const flush_ptr& flush : left) {
            for (const request_ptr& request : flush->appends()) {
                queue_.release(request->bytes);
                request->is_retry = true; // it may be stored
            }
        }
    }
    for (const flush_ptr& flush : left) {
        for (const request_ptr& request : flush->appends()) request->fail(about(*request, why));
    }
}

// As long as there is something to append, and nobody else wants the connection.
asio::awaitable<void> group_commit::turn(std::shared_ptr<group_commit> self) {
    const auto connection = self->held_.get()->connection;
    bool is_idle = false;
    if (connection) {
        const std::lock_guard lock(self->mutex_);
        self->backend_ = self->is_pooled_ ? 0 : connection->backend(); // a pooler invents one
    }
    self->current_connection_ = connection;
    self->has_sent_ = false;
    while (connection) {
        auto taking = self->take_answers();
        co_await std::move(taking);
        while (self->send_next(connection)) {
        }
        if (self->under_way_.empty()) {
            const std::lock_guard lock(self->mutex_);
            is_idle = connection->is_open() && !self->is_dropped_ && self->queue_.empty() && !self->pace_.is_awaiting();
            if (is_idle || !connection->is_open() || self->is_dropped_ || self->connections_->is_wanted()) break;
        }
        auto waiting = detail::signal::wait(self->changed_);
        co_await std::move(waiting);
    }
    {
        const std::lock_guard lock(self->mutex_);
        self->backend_ = 0;
    }
    if (is_idle)
        self->held_.rest();
    else
        self->held_.give_back();
}

group_commit::request_list group_commit::next_group(bool is_wanted) {
    const std::lock_guard lock(mutex_);
    const flush* const before = under_way_.empty() ? nullptr : under_way_.front().get();
    if (is_wanted && !before && has_sent_) return {}; // others first
    const bool may_follow = !is_pooled_ && !is_wanted && !queue_.goes_alone() && (!before || !before->goes_alone());
    if (queue_.empty() || !pace_.may_send(may_follow)) return {};
    request_list group = before
        ? queue_.cut([&](const append_request& append) { return !before->shares_streams(append); })
        : queue_.cut();
    if (group.empty()) return group;
    const auto now = environment_.now();
    for (const request_ptr& request : group) {
        request->is_under_way = true;
        request->sent_at = now;
    }
    pace_.sent(group.size(), now);
    ++counts_.flushes;
    return group;
}

bool group_commit::send_next(const std::shared_ptr<postgres::connection>& connection) {
    if (!connection->is_open()) return false;
    request_list group = next_group(connections_->is_wanted());
    if (group.empty()) return false;
    const auto next = std::make_shared<flush>(statements_, seen_->latest(), std::move(group),
        look_for_ids_ > 0 ? append_care::ids : append_care::none, connection, [signal = changed_] { signal->raise(); });
    if (look_for_ids_ > 0) --look_for_ids_;
    // However patient its callers are, no group may hold the log's lock for ever.
    next->watch(*environment_.timers, environment_.in(flush_timeout_));
    under_way_.push_back(next);
    has_sent_ = true;
    const std::shared_ptr<postgres::request> requests[] = {next};
    connection->send(requests);
    return true;
}

// Once for each, whatever its step has changed.
const flush_decision& group_commit::decision_of(flush& flush) {
    if (flush.decision) return *flush.decision;
    const flush_end& end = *flush.end();
    const auto connection = current_connection_.lock();
    flush_facts details;
    details.appends = flush.appends().size();
    details.is_careful = flush.is_careful();
    const bool is_of_another_log = end.why.code() == errc::log_truncated;
    details.has_other_servers = is_of_another_log && !saw_truncated_log_ && connection && connection->has_other_hosts();
    flush.decision = decide(details, end);
    if (flush.decision->drops_connection && connection) {
        saw_truncated_log_ = saw_truncated_log_ || is_of_another_log;
        connection->drop(end.why);
    }
    return *flush.decision;
}

// In the order in which they were sent. What has to go again takes what was sent behind it along: all of it is waited for.
asio::awaitable<void> group_commit::take_answers() {
    const auto self = shared_from_this();
    while (!under_way_.empty() && under_way_.front()->end()) {
        const flush_ptr first = under_way_.front();
        const flush_end& end = *first->end();
        const flush_decision decision = decision_of(*first);
        if (decision.goes_again()) {
            if (!under_way_.back()->end()) co_return;
            go_again();
            continue;
        }
        under_way_.pop_front();
        const auto now = environment_.now();
        {
            const std::lock_guard lock(mutex_);
            pace_.answered(first->appends().size(), now);
        }
        if (decision.step == flush_step::deliver) {
            deliver(first, now);
        } else if (decision.step == flush_step::explain_lock) {
            auto explaining = explain_lock(first);
            co_await std::move(explaining);
        } else {
            fail(first, end.why.code() == errc::log_truncated ? storage::not_held(seen_->latest()) : end.why);
        }
    }
}

// Their order in the queue is that in which they were sent.
void group_commit::go_again() {
    std::vector<std::pair<flush_ptr, flush_step>> again;
    for (const flush_ptr& flush : std::exchange(under_way_, {})) {
        const flush_decision decision = decision_of(*flush);
        const auto now = environment_.now();
        {
            const std::lock_guard lock(mutex_);
            pace_.answered(flush->appends().size(), now);
        }
        if (decision.goes_again())
            again.emplace_back(flush, decision.step);
        else if (decision.step == flush_step::deliver)
            deliver(flush, now);
        else
            fail(flush, flush->end()->why);
    }
    for (auto entry = again.rbegin(); entry != again.rend(); ++entry) send_again(entry->first, entry->second);
}

void group_commit::send_again(const flush_ptr& flush, flush_step step) {
    const flush_end& end = *flush->end();
    const bool was_lost = end.is_lost && end.was_sent;
    const bool is_alone = flush->appends().size() == 1;
    if (end.why.sqlstate() == "23505") look_for_ids_ = groups_to_look;
    request_list hopeless;
    bool is_dropped = false;
    {
        const std::lock_guard lock(mutex_);
        ++counts_.retried_flushes;
        is_dropped = is_dropped_;
        request_list again;
        for (const request_ptr& request : flush->appends()) {
            request->is_under_way = false;
            request->asks_for_care = request->asks_for_care || step == flush_step::send_carefully;
            if (was_lost) {
                request->is_retry = true;
                ++request->attempts;
                request->attempts_alone += is_alone ? 1 : 0;
            }
            const bool is_hopeless =
                was_lost && request->attempts >= most_attempts && request->attempts_alone >= least_attempts_alone;
            if (request->is_claimed() || is_dropped || is_hopeless) {
                queue_.release(request->bytes);
                hopeless.push_back(request);
            } else {
                again.push_back(request);
            }
        }
        if (step == flush_step::send_halves)
            queue_.push_front_halved(std::move(again));
        else if (step == flush_step::send_carefully)
            queue_.push_front_alone(std::move(again));
        else
            queue_.push_front(std::move(again));
    }
    for (const request_ptr& request : hopeless) request->fail(lost_again_and_again(*request, end.why, is_dropped));
}

void group_commit::measure(const request_list& appends, detail::steady_time answered) const noexcept {
    detail::store_metrics& to = *environment_.metrics;
    const auto sent = appends.front()->sent_at; // that of all
    std::size_t events = 0;
    for (const request_ptr& request : appends) {
        to.append_queued.record(sent - request->queued_at);
        to.append_durable.record(answered - request->queued_at);
        events += request->events;
    }
    to.append_sent.record(answered - sent, appends.size());
    to.flush_appends.record(std::uint64_t{appends.size()});
    to.flush_events.record(std::uint64_t{events});
}

void group_commit::deliver(const flush_ptr& flush, detail::steady_time answered) {
    const request_list& appends = flush->appends();
    measure(appends, answered); // before the callers can ask for it
    const append_plan::verdict& verdict = *flush->end()->verdict;
    saw_truncated_log_ = false;
    {
        const std::lock_guard lock(mutex_);
        for (const request_ptr& request : appends) queue_.release(request->bytes);
        const appended_counts stored = appended_of(appends, verdict);
        counts_.appends += stored.appends;
        counts_.events += stored.events;
    }
    auto outcome = verdict.outcomes.begin();
    for (const request_ptr& request : appends) {
        const auto end = outcome + static_cast<std::ptrdiff_t>(request->parts.size());
        request->decide(result_of(*request, std::span(outcome, end)));
        outcome = end;
    }
    on_committed_(appends, verdict);
    resumed(appends);
}

void group_commit::fail(const flush_ptr& flush, const failure& why) {
    {
        const std::lock_guard lock(mutex_);
        for (const request_ptr& request : flush->appends()) queue_.release(request->bytes);
    }
    for (const request_ptr& request : flush->appends()) request->fail(about(*request, why));
    resumed(flush->appends());
}

void group_commit::fail_all(const failure& why) {
    std::deque<request_ptr> all;
    {
        const std::lock_guard lock(mutex_);
        all = queue_.take_all();
    }
    for (const request_ptr& request : all)
        request->fail(why.code() == errc::store_closed ? closed_while_waiting(*request) : about(*request, why));
}

// ---- the time that writers need to come back

void group_commit::resumed(const request_list& callers) {
    std::uint64_t round = 0;
    {
        const std::lock_guard lock(mutex_);
        if (!pace_.resumed(callers.size(), environment_.now())) return;
        round = pace_.round();
    }
    wait_for_writers(callers, round);
}

// The callers were posted to their executors. On the store's own context, what is posted now runs after them; for
// others there is only the clock.
void group_commit::wait_for_writers(const request_list& callers, std::uint64_t round) {
    const void* own = &asio::query(environment_.executor, asio::execution::context);
    const bool are_own =
        std::ranges::all_of(callers, [&](const request_ptr& caller) { return caller->waiting_in() == own; });
    if (are_own) return hop(hops_to_rejoin, round);
    const std::lock_guard lock(mutex_);
    rejoin_ = detail::call_at(
        *environment_.timers, environment_.now() + pace_.rejoin_wait(), [weak = weak_from_this(), round] {
            if (const auto self = weak.lock()) self->waited(round);
        });
}

void group_commit::hop(int left, std::uint64_t round) {
    asio::post(environment_.executor, [self = shared_from_this(), left, round] {
        if (left > 1)
            self->hop(left - 1, round);
        else
            self->waited(round);
    });
}

void group_commit::waited(std::uint64_t round) {
    const std::lock_guard lock(mutex_);
    pace_.waited(round, environment_.now());
    if (is_running_) changed_->raise();
}

// ---- the end

void group_commit::begin_stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
        if (is_running_)
            changed_->raise();
        else
            stopped();
    }
    stop_acquiring();
}

void group_commit::drop() {
    std::deque<request_ptr> left;
    {
        const std::lock_guard lock(mutex_);
        is_dropped_ = true;
        left = queue_.take_all();
    }
    writer_->end_uses();
    for (const request_ptr& request : left) request->fail(closed_while_waiting(*request));
    changed_->raise();
}

void group_commit::closed(append_request& request) noexcept { request.fail(closed_while_waiting(request)); }

void group_commit::abandon() noexcept {
    std::deque<request_ptr> left;
    request_list late;
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = is_dropped_ = is_abandoned_ = true;
        left = queue_.take_all();
        late.swap(overdue_);
        rejoin_.reset();
    }
    for (const flush_ptr& flush : std::exchange(under_way_, {})) {
        flush->unwatch();
        for (const request_ptr& request : flush->appends()) left.push_back(request);
    }
    for (const request_ptr& request : left) request->fail(closed_while_waiting(*request));
    for (const request_ptr& request : late) give_up(*request, errc::timeout);
}

group_commit::counts group_commit::count() const {
    const std::lock_guard lock(mutex_);
    counts now = counts_;
    now.queued = queue_.size();
    now.bytes = queue_.used_bytes();
    return now;
}

} // namespace eventstore::append
