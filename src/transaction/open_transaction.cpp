#include "transaction/open_transaction.hpp"

#include "base/text.hpp"

#include <utility>

namespace eventstore::detail {

open_transaction::open_transaction(transaction_scope of, std::shared_ptr<const void> keeps_open, postgres::lease lease)
    : scope(std::move(of)), keeps_open_(std::move(keeps_open)), lease_(std::move(lease)) {}

open_transaction::~open_transaction() = default;

std::optional<failure> open_transaction::ended() const {
    const std::lock_guard lock(mutex_);
    if (!ended_) return std::nullopt;
    return failure(errc::transaction_ended, message("the transaction has ended: ", *ended_));
}

std::optional<failure> open_transaction::refusal() const {
    auto why = ended();
    return why ? why : scope.refusal();
}

std::shared_ptr<postgres::exclusive_connection> open_transaction::session() const {
    const std::lock_guard lock(mutex_);
    return lease_.get();
}

void open_transaction::failed(const failure& first) {
    const std::lock_guard lock(mutex_);
    if (!first_failure_) first_failure_ = first;
}

void open_transaction::recovered() {
    const std::lock_guard lock(mutex_);
    first_failure_.reset();
}

std::optional<failure> open_transaction::first_failure() const {
    const std::lock_guard lock(mutex_);
    return first_failure_;
}

std::optional<postgres::lease> open_transaction::take_lease(std::string ended_as) {
    std::shared_ptr<const void> store; // the last handle may close it: without the mutex
    const std::lock_guard lock(mutex_);
    if (ended_) return std::nullopt;
    ended_ = std::move(ended_as);
    store = std::move(keeps_open_);
    return std::move(lease_);
}

void open_transaction::end(std::string ended_as) { (void)take_lease(std::move(ended_as)); }

void open_transaction::break_off(std::string ended_as, const failure& why) {
    if (auto lease = take_lease(std::move(ended_as))) lease->drop(why);
}

} // namespace eventstore::detail
