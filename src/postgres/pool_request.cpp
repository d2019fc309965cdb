#include "postgres/pool_request.hpp"

#include "base/text.hpp"
#include "postgres/pool.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace eventstore::postgres {

namespace {

using detail::message;

constexpr int most_skips = 10; // nothing but a pooler in between can skip what is sent alone

} // namespace

pool_request::pool_request(std::weak_ptr<pool> owner, const statement& statement, parameters arguments)
    : completion(std::string()), // no copy of the text for each read
      owner_(std::move(owner)),
      statement_(statement),
      set_(statement.set ? statement.set->weak_from_this().lock() : nullptr),
      arguments_(std::move(arguments)) {}

pool_request::~pool_request() = default;

bool pool_request::begin_sending() {
    {
        // Decided together: who gives it up must know whether it was sent.
        const std::lock_guard lock(mutex_);
        if (is_claimed()) return false;
        is_under_way_ = true;
    }
    is_in_flight_ = true;
    was_at_work_ = false;
    if (statement_.writes) return true;
    if (const auto owner = owner_.lock()) owner->reads_in_flight_.fetch_add(1, std::memory_order_relaxed);
    if (set_) set_->reads_in_flight.fetch_add(1, std::memory_order_relaxed);
    return true;
}

// True once for each attempt, whatever its connection has to say of it afterwards.
bool pool_request::clear_in_flight() {
    if (!std::exchange(is_in_flight_, false)) return false;
    if (statement_.writes) return true;
    if (const auto owner = owner_.lock()) owner->reads_in_flight_.fetch_sub(1, std::memory_order_relaxed);
    if (set_) set_->reads_in_flight.fetch_sub(1, std::memory_order_relaxed);
    return true;
}

void pool_request::count_in(pool& owner) const {
    (statement_.writes ? owner.others_ : owner.reads_).fetch_add(1, std::memory_order_relaxed);
    if (set_) (statement_.writes ? set_->others : set_->reads).fetch_add(1, std::memory_order_relaxed);
}

void pool_request::on_answer(answer given) {
    if (!is_in_flight_) return;
    if (statement_.writes && !given.is_error()) {
        answer_ = std::move(given); // until its commit
        return;
    }
    clear_in_flight();
    free_place();
    attempt_ended(false);
    if (given.is_error())
        fail(given.to_failure(statement_.doing)); // its transaction is rolled back, whatever comes now
    else
        succeed(std::move(given));
}

void pool_request::on_synced(const failure* why) {
    if (!clear_in_flight()) return;
    free_place();
    const auto owner = owner_.lock();
    if (owner && owner->take_unreplicated(slot)) {
        // Committed here, but the synchronous standby does not have it: neither a success nor a failure.
        attempt_ended(true);
        std::string text = message(statement_.doing, ": the server stopped waiting for its synchronous standby");
        return fail(failure(errc::connection_lost, {.message = std::move(text), .retry_helps = true}));
    }
    attempt_ended(false);
    if (!why) return succeed(std::move(answer_));
    fail(why->with_message(message(statement_.doing, ": ", why->message())));
}

void pool_request::on_skipped() {
    if (!clear_in_flight()) return;
    free_place();
    attempt_ended(false);
    is_apart_ = true; // or others that fail again and again would hold it up for ever
    if (++skipped_ >= most_skips)
        fail(failure(errc::connection_lost, message(statement_.doing, ": it was skipped again and again")));
    else
        again();
}

void pool_request::on_lost(const failure& why, bool was_sent) {
    if (!clear_in_flight()) return;
    answer_ = answer();
    attempt_ended(was_sent);
    if (was_sent && was_at_work_) {
        is_apart_ = true;
        if (++attempts_ >= most_lost_connections) {
            return fail(why.with_message(message(statement_.doing, ": its connection was lost each of the ",
                std::to_string(most_lost_connections), " times that the server worked on it; last: ", why.message())));
        }
    }
    again();
}

void pool_request::attempt_ended(bool may_be_done) {
    const std::lock_guard lock(mutex_);
    is_under_way_ = false;
    may_be_done_ = may_be_done_ || may_be_done;
}

void pool_request::again() {
    if (const auto owner = owner_.lock(); owner && !is_claimed())
        owner->submit(std::static_pointer_cast<pool_request>(shared_from_this()));
}

void pool_request::free_place() {
    if (const auto owner = owner_.lock()) owner->answered(*this);
}

void pool_request::succeed(answer given) {
    {
        const std::lock_guard lock(mutex_);
        if (!claim()) return;
        is_repeated = may_be_done_;
    }
    settle(std::move(given));
}

void pool_request::fail(failure why) noexcept {
    std::string_view known;
    {
        const std::lock_guard lock(mutex_);
        if (!claim()) return;
        if (statement_.writes && is_under_way_)
            known = "; it was under way, and may have been carried out";
        else if (statement_.writes && may_be_done_)
            known = "; an attempt whose connection was lost may have been carried out";
    }
    if (!known.empty()) {
        failure::details details = why.all();
        details.outcome_unknown = true;
        details.message += known;
        why = failure(why.code(), std::move(details));
    }
    settle(std::move(why));
}

void pool_request::cancel() noexcept { fail(failure(errc::cancelled, message(statement_.doing, " was cancelled"))); }

void pool_request::close() noexcept { fail(detail::store_closed()); }

void pool_request::expire() noexcept {
    const auto owner = owner_.lock();
    if (!owner) return;
    fail(owner->last_failure(statement_.doing));
    owner->overdue(std::static_pointer_cast<pool_request>(shared_from_this()));
}

} // namespace eventstore::postgres
