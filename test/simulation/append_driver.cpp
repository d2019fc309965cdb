#include "simulation/append_driver.hpp"

#include "append/outcome_failure.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace eventstore::test::simulation {

using namespace append;

namespace {

// As in group_commit.cpp.
constexpr int most_attempts = 8;
constexpr int least_attempts_alone = 3;
constexpr int groups_to_look = 100;
constexpr int hops_to_rejoin = 2;

bool share_streams(const append_call& call, const append_request& other) {
    return std::ranges::any_of(call.plan->groups(), [&](const append_plan::group& group) {
        return std::ranges::find(other.parts, group.stream, &append_part::stream) != other.parts.end();
    });
}

} // namespace

append_driver::append_driver(process& where, network& way, database_model& database, const storage::seen_log& seen,
    bug planted, committed on_committed)
    : where_(where),
      way_(way),
      database_(database),
      seen_(seen),
      planted_(planted),
      on_committed_(std::move(on_committed)) {}

void append_driver::append(const request_ptr& next, told finish) {
    waiting_[next.get()] = std::move(finish);
    next->queued_at = where_.now();
    queue_.push(next);
    pace_.arrived(where_.now());
    where_.timer(where_.now() + operation_timeout, [this, next] { give_up(next); });
    changed_.soon();
}

// The caller's time is over.
void append_driver::give_up(const request_ptr& request) {
    if (!request->claim()) return;
    failure::details details;
    details.outcome_unknown = request->is_under_way || request->is_retry;
    (void)queue_.remove(request.get());
    request->settle(failure(errc::timeout, std::move(details)));
    tell(request);
}

void append_driver::tell(const request_ptr& request) {
    const auto found = waiting_.find(request.get());
    if (found == waiting_.end()) return;
    const told finish = std::move(found->second);
    waiting_.erase(found);
    finish(request->take());
}

void append_driver::turn() {
    take_answers();
    if (!link_ || !link_->is_open()) return connect();
    while (send_next()) {
    }
}

void append_driver::connect() {
    if (is_connecting_ || queue_.empty() || !under_way_.empty()) return;
    if (where_.now() < connects_.not_before()) return changed_.at(connects_.not_before());
    is_connecting_ = true;
    where_.enter(where_.loop().now() + 1ms + where_.random.up_to(2ms), [this] {
        is_connecting_ = false;
        if (way_.is_reachable()) {
            all_.push_back(std::make_unique<session>(where_, way_.new_delays(), [this] {
                connects_.lost(where_.now(), where_.random.next());
                changed_.soon();
            }));
            link_ = all_.back().get();
            connects_.connected();
        } else {
            connects_.failed(failure(errc::connection_lost, "connecting"), where_.now(), where_.random.next());
        }
        turn();
    });
}

append_driver::request_list append_driver::next_group() {
    const sent_flush* const before = under_way_.empty() ? nullptr : under_way_.front().get();
    const bool before_alone = before && before->call.appends.front()->piece != 0;
    const bool may_follow = !queue_.goes_alone() && !before_alone;
    if (queue_.empty() || !pace_.may_send(may_follow)) return {};
    request_list group = before
        ? queue_.cut([&](const append_request& append) { return !share_streams(before->call, append); })
        : queue_.cut();
    if (group.empty()) return group;
    for (const request_ptr& request : group) {
        request->is_under_way = true;
        request->sent_at = where_.now();
    }
    pace_.sent(group.size(), where_.now());
    return group;
}

bool append_driver::send_next() {
    if (!link_->is_open()) return false;
    request_list group = next_group();
    if (group.empty()) return false;
    const auto next = std::make_shared<sent_flush>();
    append_call& call = next->call;
    call.appends = std::move(group);
    call.plan = std::make_shared<append_plan>(call.appends);
    for (const request_ptr& request : call.appends) call.retries.push_back(request->is_retry);
    next->is_careful = call.plan->needs_care() ||
        std::ranges::any_of(call.appends, [](const auto& append) { return append->asks_for_care; });
    call.is_lone = !next->is_careful && call.plan->is_lone();
    call.care = next->is_careful ? append_care::all : look_for_ids_ > 0 ? append_care::ids : append_care::none;
    call.seen = seen_.latest();
    if (look_for_ids_ > 0) --look_for_ids_;
    under_way_.push_back(next);
    session* const link = link_;
    link->ask([this, next] { next->reply = database_.append(next->call); },
        [this, next](bool is_answered) { ended(next, is_answered); });
    where_.timer(where_.now() + flush_timeout, [this, next, link] {
        if (!next->end) link->drop();
    });
    return true;
}

// flush::on_synced, on_lost
void append_driver::ended(const flush_ptr& flush, bool is_answered) {
    if (flush->end) return;
    flush_end& end = flush->end.emplace();
    if (!is_answered) {
        end.why = failure(errc::connection_lost, "lost");
        end.is_lost = end.was_sent = true;
    } else if (!flush->reply.sqlstate.empty()) {
        const bool is_truncated = flush->reply.sqlstate == "ES002";
        end.why =
            failure(is_truncated ? errc::log_truncated : errc::database_error, {.sqlstate = flush->reply.sqlstate});
    } else {
        const append_plan& plan = *flush->call.plan;
        end.verdict = flush->call.is_lone ? plan.lone_outcome(flush->reply.values) : plan.outcomes(flush->reply.values);
        if (!end.verdict) end.why = failure(errc::schema_too_new, "an answer that nobody understands");
    }
    changed_.soon();
}

const flush_decision& append_driver::decision_of(sent_flush& flush) {
    if (flush.decision) return *flush.decision;
    flush_facts facts;
    facts.appends = flush.call.appends.size();
    facts.is_careful = flush.is_careful;
    flush.decision = decide(facts, *flush.end);
    if (planted_ == bug::refusal_of_a_lost_append && flush.end->is_lost) flush.decision->step = flush_step::fail;
    if (flush.decision->drops_connection && link_) link_->drop();
    return *flush.decision;
}

void append_driver::take_answers() {
    while (!under_way_.empty() && under_way_.front()->end) {
        const flush_ptr first = under_way_.front();
        const flush_decision decision = decision_of(*first);
        if (decision.goes_again()) {
            if (!under_way_.back()->end) return;
            go_again();
            continue;
        }
        under_way_.pop_front();
        pace_.answered(first->call.appends.size(), where_.now());
        if (decision.step == flush_step::deliver)
            deliver(first);
        else
            fail(first, first->end->why);
    }
}

void append_driver::go_again() {
    std::vector<std::pair<flush_ptr, flush_step>> again;
    for (const flush_ptr& flush : std::exchange(under_way_, {})) {
        const flush_decision decision = decision_of(*flush);
        pace_.answered(flush->call.appends.size(), where_.now());
        if (decision.goes_again())
            again.emplace_back(flush, decision.step);
        else if (decision.step == flush_step::deliver)
            deliver(flush);
        else
            fail(flush, flush->end->why);
    }
    for (auto entry = again.rbegin(); entry != again.rend(); ++entry) send_again(entry->first, entry->second);
}

void append_driver::send_again(const flush_ptr& flush, flush_step step) {
    const flush_end& end = *flush->end;
    const bool was_lost = end.is_lost && end.was_sent;
    const bool is_alone = flush->call.appends.size() == 1;
    if (end.why.sqlstate() == "23505") look_for_ids_ = groups_to_look;
    if (planted_ == bug::forgets_an_append && was_lost) waiting_.erase(flush->call.appends.back().get());
    request_list hopeless;
    request_list again;
    for (const request_ptr& request : flush->call.appends) {
        request->is_under_way = false;
        request->asks_for_care = request->asks_for_care || step == flush_step::send_carefully;
        if (was_lost) {
            request->is_retry = true;
            ++request->attempts;
            request->attempts_alone += is_alone ? 1 : 0;
        }
        const bool is_hopeless =
            was_lost && request->attempts >= most_attempts && request->attempts_alone >= least_attempts_alone;
        if (request->is_claimed() || is_hopeless) {
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
    for (const request_ptr& request : hopeless) {
        request->fail(lost_again_and_again(*request, end.why, false));
        tell(request);
    }
}

void append_driver::deliver(const flush_ptr& flush) {
    const request_list& appends = flush->call.appends;
    const append_plan::verdict& verdict = *flush->end->verdict;
    for (const request_ptr& request : appends) queue_.release(request->bytes);
    connects_.proven();
    auto outcome = verdict.outcomes.begin();
    for (const request_ptr& request : appends) {
        const auto end = outcome + static_cast<std::ptrdiff_t>(request->parts.size());
        request->decide(result_of(*request, std::span(outcome, end)));
        outcome = end;
    }
    on_committed_(appends, verdict);
    for (const request_ptr& request : appends) where_.post([this, request] { tell(request); });
    if (pace_.resumed(appends.size(), where_.now())) hop(hops_to_rejoin, pace_.round());
}

void append_driver::fail(const flush_ptr& flush, const failure& why) {
    for (const request_ptr& request : flush->call.appends) {
        queue_.release(request->bytes);
        request->fail(about(*request, why));
        where_.post([this, request] { tell(request); });
    }
    if (pace_.resumed(flush->call.appends.size(), where_.now())) hop(hops_to_rejoin, pace_.round());
}

void append_driver::hop(int left, std::uint64_t round) {
    where_.post([this, left, round] {
        if (left > 1) return hop(left - 1, round);
        pace_.waited(round, where_.now());
        changed_.soon();
    });
}

} // namespace eventstore::test::simulation
