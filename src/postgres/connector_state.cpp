#include "postgres/connector_state.hpp"

namespace eventstore::postgres {

namespace {

constexpr std::chrono::seconds longest_promotion(1);

} // namespace

bool connector_state::is_final(const failure& why) noexcept {
    switch (why.code()) {
    case errc::connection_lost:
    case errc::timeout:
    case errc::cancelled:
    case errc::store_closed: return false;
    default: return !why.retry_helps();
    }
}

void connector_state::connected() noexcept {
    last_failure_.reset();
    unusable_since_.reset();
    if (delays_.failures() == 0) (void)delays_.failed(0); // which takes the try that waits for nothing
}

void connector_state::failed(const failure& why, time now, std::uint64_t random) {
    last_failure_ = why;
    not_before_ = now + delays_.failed(random);
    if (why.code() != errc::server_unusable)
        unusable_since_.reset();
    else if (!unusable_since_)
        unusable_since_ = now;
}

bool connector_state::is_hopeless(time now) const noexcept {
    if (!last_failure_) return false;
    return is_final(*last_failure_) || (unusable_since_ && now - *unusable_since_ >= longest_promotion);
}

} // namespace eventstore::postgres
