#include "projection/projection.hpp"

#include <cstdint>

namespace eventstore::projection {

namespace {

/// The same in all processes and versions (FNV-1a): the checkpoints of the consumers depend on it.
std::uint64_t hash_of(std::string_view key) noexcept {
    std::uint64_t hash = 14'695'981'039'346'656'037U;
    for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211U;
    return hash ^ (hash >> 32); // its low bits alone are poor
}

} // namespace

projection::projection(const store& in_, std::string name_, projection_handler handler_, projection_options options_)
    : in(in_.within(options_.lease())),
      core(detail::inside::of(in_)->core),
      name(std::move(name_)),
      handler(std::move(handler_)),
      options(std::move(options_)) {}

// sql/functions/70_projections.sql makes the same names.
std::string projection::subscription_name(std::size_t consumer) const {
    std::string text = name + '@' + std::to_string(options.version());
    if (options.consumers() > 1) text += '/' + std::to_string(consumer + 1);
    return text;
}

subscription_options projection::subscribing(std::size_t consumer) const {
    subscription_options how;
    how.after(options.after()).group_by(grouping::none).when_taken(if_taken::wait).query(options.query());
    how.max_batch(options.max_batch()).max_queued(4 * options.max_batch());
    how.max_queued_bytes(options.max_queued_bytes());
    how.max_retries(options.max_retries()).retry_after(options.retry_after()).exhausted(options.exhausted());
    how.lease(options.lease());
    if (const std::size_t all = options.consumers(); all > 1) {
        auto is_its_own = [all, consumer, key = options.partition_key()](const recorded_event& event) {
            return (key ? hash_of(key(event)) : hash_of(event.stream())) % all == consumer;
        };
        how.selector(is_its_own);
    }
    return how;
}

} // namespace eventstore::projection
