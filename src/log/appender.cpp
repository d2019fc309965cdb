#include "log/appender.hpp"

#include "base/text.hpp"
#include "log/flush.hpp"
#include "log/outcome_failure.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace eventstore::log {

namespace {

// Of an append whose connection is lost again and again. Only by itself it can tell that it is to blame.
constexpr int most_attempts = 8;
constexpr int least_attempts_alone = 3;
constexpr int hops_to_rejoin = 2; // a writer that posts once between two appends still makes it into the next flush

/// Whether the server has refused the flush for what is in it, rather than for the state that it is in.
bool is_refusal(const failure& why) {
    return !why->sqlstate.empty() && why.code() != errc::lock_timeout && why.code() != errc::connection_lost &&
        why.code() != errc::log_truncated;
}

/// Whether the appends that are to blame are found out when each is judged by itself: an id that is stored already, or
/// twice in the flush; what is no JSON, or too large as such.
bool is_told_when_careful(std::string_view sqlstate) {
    const bool is_of_data = sqlstate.starts_with("22") && sqlstate != "22023"; // which is for the whole flush
    return sqlstate == "23505" || sqlstate == "ES003" || is_of_data || sqlstate.starts_with("54");
}

append_queue<append_request>::limits limits_of(const store_options& options) {
    append_queue<append_request>::limits limits;
    limits.queued_bytes = options.max_queued_bytes();
    return limits;
}

} // namespace

failure appender::closed_failure() { return failure(errc::store_closed, "the store is closed: nothing was appended"); }

failure appender::closed_while_waiting(const append_request& which) {
    failure::facts facts = *closed_failure().operator->();
    facts.outcome_unknown = which.is_retry;
    return failure(errc::store_closed, std::move(facts));
}

appender::appender(const store_options& options, detail::environment where,
    std::shared_ptr<const statements> statements, std::shared_ptr<postgres::lender> lender,
    std::shared_ptr<postgres::pool> pool, std::shared_ptr<const seen_log> seen, committed_handler on_committed)
    : options_(options),
      environment_(std::move(where)),
      connector_(std::make_shared<postgres::connector>(
          options_, environment_, postgres::session_kind::appending, "connecting to append")),
      statements_(std::move(statements)),
      lender_(std::move(lender)),
      pool_(std::move(pool)),
      seen_(std::move(seen)),
      on_committed_(std::move(on_committed)),
      strand_(environment_.executor),
      rejoin_(*strand_),
      queue_(limits_of(options)) {}

appender::~appender() {
    if (loan_ != loan::held) return;
    if (connection_) lender_->lost();
    connection_.reset();
    lender_->give_back(this, nullptr);
}

asio::awaitable<result<std::vector<append_result>>> appender::append(
    std::shared_ptr<appender> self, std::vector<append_part> parts, detail::steady_time deadline) {
    // `self` stays in this frame, and keeps the appender while its caller waits.
    const auto waiting = std::make_shared<append_request>(self, std::move(parts));
    auto appending = append_request::wait(waiting, self->environment_.timers.get(), deadline);
    co_return co_await std::move(appending);
}

void appender::submit(request_ptr next) {
    failure refused;
    {
        const std::lock_guard lock(mutex_);
        if (closed_) {
            refused = closed_failure();
        } else if (options_.fails_when_full() && !queue_.has_room(next->bytes)) {
            refused = overloaded(next->stream(), queue_.used_bytes(), options_.max_queued_bytes());
        } else {
            queue_.push(std::move(next));
            if (gate_.arrived()) cut_soon();
            return;
        }
    }
    next->fail(refused);
}

void appender::give_up(append_request& which, errc why, const lock_holder& holder) noexcept {
    failure::facts facts;
    facts.stream = which.stream();
    facts.retry_helps = true;
    std::optional<failure> unreachable;
    {
        const std::lock_guard lock(mutex_);
        // Decided together with the facts: or an answer that comes just now would make them untrue.
        if (!which.claim()) return;
        // Once it was sent, by this attempt or an earlier one, only an answer could tell.
        facts.outcome_unknown = which.is_under_way || which.is_retry;
        if (!which.is_under_way && why == errc::timeout)
            unreachable = connect_failure_ ? connect_failure_ : lender_->last_failure();
        (void)queue_.remove(&which);
    }
    if (unreachable)
        which.settle(not_connected(std::move(facts), *unreachable));
    else
        which.settle(ended_early(why, std::move(facts), holder));
}

void appender::cut_soon() {
    if (strand_ && !std::exchange(cutting_, true)) asio::post(*strand_, [self = shared_from_this()] { self->cut(); });
}

void appender::cut() {
    std::vector<request_ptr> appends;
    if (had_turn_ && lender_->is_wanted()) (void)give_back(); // others first
    {
        const std::lock_guard lock(mutex_);
        cutting_ = false;
        if (!gate_.is_open()) return;
        if (connection_) {
            appends = queue_.cut();
            for (const request_ptr& each : appends) each->is_under_way = true;
            if (!appends.empty()) {
                gate_.sent();
                is_sending_.store(true);
            }
        }
    }
    if (!connection_)
        connect_soon();
    else if (!appends.empty())
        send(std::move(appends), false);
    else
        end_if_done();
}

void appender::send(std::vector<request_ptr> appends, bool careful) {
    {
        const std::lock_guard lock(mutex_);
        ++counts_.flushes;
    }
    had_turn_ = true;
    flush_ = std::make_shared<flush>(shared_from_this(), std::move(appends), careful);
    // However patient its callers are, no flush may hold the log's lock for ever.
    flush_->watch(*environment_.timers, environment_.in(options_.operation_timeout()) + options_.close_timeout());
    const std::shared_ptr<postgres::request> group[] = {flush_};
    const auto link = connection_;
    link->send(group);
}

void appender::stored(flush& which, const append_plan::verdict& verdict) {
    const auto appends = which.take_appends();
    connects_.proven();
    is_estranged_ = false;
    {
        const std::lock_guard lock(mutex_);
        auto outcome = verdict.outcomes.begin();
        for (const request_ptr& each : appends) {
            queue_.release(each->bytes);
            if (outcome->what == append_plan::outcome::kind::appended) {
                ++counts_.appends;
                counts_.events += each->events;
            }
            outcome += static_cast<std::ptrdiff_t>(each->parts.size());
        }
    }
    auto outcome = verdict.outcomes.begin();
    for (const request_ptr& each : appends) {
        const auto end = outcome + static_cast<std::ptrdiff_t>(each->parts.size());
        tell(*each, std::span(outcome, end));
        outcome = end;
    }
    on_committed_(appends, verdict);
    next(appends);
}

void appender::tell(append_request& append, std::span<const append_plan::outcome> outcomes) {
    std::vector<append_result> results;
    results.reserve(outcomes.size());
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (outcomes[i].what == append_plan::outcome::kind::unit_failed) continue;
        if (!outcomes[i].is_success()) return void(append.fail(to_failure(append, append.parts[i], outcomes[i])));
        results.push_back(outcomes[i].result);
    }
    (void)append.decide(std::move(results));
}

void appender::failed(flush& which, const failure& why) {
    auto appends = which.take_appends();
    if (is_told_when_careful(why->sqlstate) && !which.is_careful() && connection_) {
        {
            const std::lock_guard lock(mutex_);
            ++counts_.retried_flushes;
        }
        return send(std::move(appends), true);
    }
    if (appends.size() > 1 && is_refusal(why)) {
        // One of them is to blame, perhaps: the halves of the flush are tried by themselves.
        const std::lock_guard lock(mutex_);
        ++counts_.retried_flushes;
        for (const request_ptr& each : appends) each->is_under_way = false;
        queue_.push_front_halved(std::move(appends));
        (void)gate_.returned(0);
        is_sending_.store(false);
        return cut_soon();
    }
    if (why.code() == errc::connection_lost && connection_) {
        // A server that became a standby: nothing was carried out, and the next connection may lead to another one.
        connection_->drop(why);
        which.put_back(std::move(appends));
        return lost(which, why);
    }
    if (why.code() == errc::log_truncated && connection_ && connection_->has_other_hosts() &&
        !std::exchange(is_estranged_, true)) {
        // Nothing was written. An old primary may have come back before the new one in the url.
        connection_->drop(why);
        which.put_back(std::move(appends));
        return lost(which, why);
    }
    if (why.code() == errc::lock_timeout && connection_) return explain_lock(std::move(appends), why);
    {
        const std::lock_guard lock(mutex_);
        for (const request_ptr& each : appends) queue_.release(each->bytes);
    }
    const failure reason = why.code() == errc::log_truncated ? not_held(seen_->latest()) : why;
    for (const request_ptr& each : appends) each->fail(about(*each, reason));
    next(appends);
}

void appender::lost(flush& which, const failure& why) {
    auto appends = which.take_appends();
    std::vector<request_ptr> hopeless;
    {
        const std::lock_guard lock(mutex_);
        ++counts_.retried_flushes;
        std::vector<request_ptr> again;
        const bool is_alone = appends.size() == 1;
        for (request_ptr& each : appends) {
            each->is_under_way = false;
            if (which.was_sent()) {
                each->is_retry = true;
                ++each->attempts;
                each->attempts_alone += is_alone ? 1 : 0;
            }
            const bool is_hopeless =
                each->attempts >= most_attempts && each->attempts_alone >= least_attempts_alone && which.was_sent();
            if (each->is_claimed() || dropped_ || is_hopeless) {
                queue_.release(each->bytes);
                hopeless.push_back(std::move(each));
            } else {
                again.push_back(std::move(each));
            }
        }
        if (which.was_sent()) // one of them may be what its backend dies of
            queue_.push_front_halved(std::move(again));
        else
            queue_.push_front(std::move(again));
        (void)gate_.returned(0);
        is_sending_.store(false);
        cut_soon();
    }
    for (const request_ptr& each : hopeless) each->fail(lost_again_and_again(*each, why, is_dropped()));
}

void appender::next(const std::vector<request_ptr>& released) {
    flush_.reset();
    std::uint64_t round = 0;
    bool wait = false;
    {
        const std::lock_guard lock(mutex_);
        wait = gate_.returned(released.size());
        round = gate_.round();
        is_sending_.store(false);
        if (!wait || closed_) {
            (void)gate_.waited(round);
            return cut_soon();
        }
    }
    if (lender_->is_wanted()) give_back_soon();
    wait_for_writers(released, round);
}

// The callers were posted to their executors. On the store's own context, what is posted now runs after them; for
// others there is only the clock.
void appender::wait_for_writers(const std::vector<request_ptr>& released, std::uint64_t round) {
    const void* own = &asio::query(environment_.executor, asio::execution::context);
    for (const request_ptr& each : released) {
        if (each->waiting_in() != own) {
            rejoin_->expires_after(options_.rejoin_wait());
            rejoin_->async_wait(
                [self = shared_from_this(), round](const boost::system::error_code&) { self->waited(round); });
            return;
        }
    }
    hop(hops_to_rejoin, round);
}

void appender::hop(int left, std::uint64_t round) {
    asio::post(environment_.executor, [self = shared_from_this(), left, round] {
        if (left > 1)
            self->hop(left - 1, round);
        else
            self->waited(round);
    });
}

void appender::waited(std::uint64_t round) {
    const std::lock_guard lock(mutex_);
    if (gate_.waited(round) && (!queue_.empty() || closed_)) cut_soon();
}

void appender::begin_stop() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (!gate_.is_shut()) cut_soon();
}

void appender::end_if_done() {
    {
        const std::lock_guard lock(mutex_);
        if (!closed_ || !queue_.empty() || gate_.is_shut()) return;
    }
    if (connecting_) { // for appends that were given up meanwhile
        until_connect_.end();
        connector_->stop_tries();
    } else if (loan_ == loan::held) {
        loan_ = loan::none;
        auto link = std::exchange(connection_, nullptr);
        if (link && !link->is_at_rest()) {
            lender_->lost();
            link.reset();
        }
        lender_->give_back(this, std::move(link));
    }
    stopped();
}

void appender::drop() {
    asio::post(*strand_, [self = shared_from_this()] {
        std::deque<request_ptr> left;
        {
            const std::lock_guard lock(self->mutex_);
            self->closed_ = true;
            self->dropped_ = true;
            left = self->queue_.take_all();
        }
        self->until_connect_.end();
        self->connector_->stop();
        if (const auto link = self->connection_) link->drop(closed_failure());
        for (const request_ptr& each : left) each->fail(closed_while_waiting(*each));
        self->end_if_done();
    });
}

void appender::abandon() noexcept {
    std::deque<request_ptr> left;
    std::vector<request_ptr> late;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        dropped_ = true;
        left = queue_.take_all();
        late.swap(overdue_);
    }
    if (const auto link = connection_) link->drop(closed_failure()); // what is under way fails
    connection_.reset();
    loan_ = loan::none;
    for (const request_ptr& each : left) each->fail(closed_while_waiting(*each));
    for (const request_ptr& each : late) give_up(*each, errc::timeout);
    const std::lock_guard lock(mutex_);
    rejoin_.reset();
    strand_.reset();
}

appender::counts appender::count() const {
    const std::lock_guard lock(mutex_);
    counts now = counts_;
    now.queued = queue_.size();
    now.bytes = queue_.used_bytes();
    return now;
}

} // namespace eventstore::log
