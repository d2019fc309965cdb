#include "postgres/begin_request.hpp"

#include "postgres/session_pool.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>

namespace eventstore::postgres {

namespace {

constexpr int most_attempts = 5;

} // namespace

void begin_request::send(const std::shared_ptr<session>& on) {
    const auto owner = owner_.lock();
    if (!owner) return;
    if (is_claimed() || !on->link) {
        // Clean already; or gone, and somebody else has told.
        if (on->link) owner->give_back(on);
        return owner->put_back(self());
    }
    under_way_on(on);
    // The log's lock, and those of rows, are waited for no longer than the caller would; then there is a clear error.
    constexpr std::int64_t longest = 2'147'483'647; // milliseconds, of a setting
    const std::int64_t limit = std::min<std::int64_t>(limit_.count(), longest);
    const std::string patience = std::to_string(std::max<std::int64_t>(limit * 3 / 4, 1));
    const std::string silence = std::to_string(limit);
    const auto ended = [request = self()](const command_end& how) { request->answered(how); };
    const std::string doing = "beginning a transaction";
    const std::shared_ptr<request> group[] = {
        make_command("begin isolation level read committed", doing, ended),
        make_command("set local idle_in_transaction_session_timeout = " + silence, doing, ended),
        make_command("set local lock_timeout = " + patience, doing, ended),
    };
    left_ = std::size(group);
    const auto link = on->link;
    link->send(group);
}

void begin_request::refuse(const failure& why) {
    failure::facts facts = *why.operator->();
    facts.message = "beginning a transaction: " + facts.message;
    fail(failure(why.code(), std::move(facts)));
}

std::shared_ptr<session> begin_request::under_way_on(std::shared_ptr<session> which) {
    const std::lock_guard lock(mutex_);
    return std::exchange(session_, std::move(which));
}

void begin_request::fail(const failure& why) {
    if (!claim()) return;
    outcome = why;
    finish();
}

void begin_request::answered(const command_end& how) {
    if (left_ == 0) return; // has ended already
    if (!how.why && --left_ > 0) return;
    left_ = 0;
    const auto owner = owner_.lock();
    const auto on = under_way_on(nullptr);
    if (!owner) return;
    if (!how.why) {
        session_lease lease(owner, on); // given back here, if the caller has gone
        if (owner->is_closed(*client)) return fail(failure(errc::store_closed, "the store is closed")); // meanwhile
        if (!claim()) return;
        outcome = std::move(lease);
        return finish();
    }
    if (how.was_lost && (!how.was_sent || ++attempts_ < most_attempts)) return owner->put_back(self());
    on->drop(*how.why);
    fail(*how.why);
}

void begin_request::start() {
    if (const auto owner = owner_.lock()) owner->submit(self());
}

void begin_request::cancel() noexcept {
    fail(failure(errc::cancelled, "beginning a transaction was cancelled; nothing is left behind"));
}

void begin_request::expire() noexcept {
    const auto owner = owner_.lock();
    if (!owner || !claim()) return;
    outcome = owner->last_failure();
    std::shared_ptr<session> on;
    {
        const std::lock_guard lock(mutex_);
        on = session_;
    }
    if (on) on->drop(failure(errc::connection_lost, "dropped a connection that fell silent"));
    finish();
}

} // namespace eventstore::postgres
