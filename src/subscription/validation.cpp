#include "subscription/validation.hpp"

#include "base/text.hpp"
#include "storage/validation.hpp"

#include <chrono>
#include <string_view>

namespace eventstore::delivery {

namespace {

using detail::message;

constexpr std::size_t most_queued = 1'000'000;
constexpr std::size_t most_bytes = std::size_t{1} << 30;
constexpr std::size_t largest_batch = 100'000;
constexpr std::size_t most_in_flight = 10'000;
constexpr std::size_t most_consumers = 10'000;
constexpr milliseconds longest = std::chrono::hours(24);

std::optional<failure> check_range(std::string_view option, std::size_t value, std::size_t least, std::size_t most) {
    if (value >= least && value <= most) return std::nullopt;
    return failure(errc::invalid_argument,
        message(option, " is ", std::to_string(value), "; ", std::to_string(least), " to ", std::to_string(most)));
}

std::optional<failure> check_time(std::string_view option, milliseconds value, milliseconds least) {
    if (value >= least && value <= longest) return std::nullopt;
    return failure(errc::invalid_argument,
        message(option, " is ", std::to_string(value.count()), " ms; ", std::to_string(least.count()), " ms to 24 h"));
}

} // namespace

std::optional<failure> check_subscription_name(const std::string& stream, const std::string& name) {
    if (auto why = storage::check_stream_to_read(stream)) return why;
    return storage::check_text("subscription name", name);
}

std::optional<failure> check_subscribe(
    const std::string& stream, const std::string& name, const subscription_options& options) {
    if (auto why = check_subscription_name(stream, name)) return why;
    if (options.start().value_or(0) < 0) {
        return failure(errc::invalid_argument,
            message("subscription_options::after is ", std::to_string(*options.start()), "; 0 is the least"));
    }
    for (auto why : {
             check_range("subscription_options::max_batch", options.max_batch(), 1, largest_batch),
             check_range("subscription_options::max_in_flight", options.max_in_flight(), 1, most_in_flight),
             check_range("subscription_options::max_queued", options.max_queued(), 1, most_queued),
             check_range("subscription_options::max_queued_bytes", options.max_queued_bytes(), 1, most_bytes),
             check_range(
                 "subscription_options::checkpoint_every", options.checkpoint_every().value_or(1), 1, most_queued),
             check_range("subscription_options::concurrency_limit", options.concurrency_limit(), 1, most_consumers),
             check_time("subscription_options::checkpoint_after", options.checkpoint_after(), milliseconds(1)),
             check_time("subscription_options::lease", options.lease(), milliseconds(100)),
             check_time("subscription_options::retry_after", options.retry_after(), milliseconds(0)),
         }) {
        if (why) return why;
    }
    if (options.max_retries() < 0) {
        return failure(errc::invalid_argument,
            message(
                "subscription_options::max_retries is ", std::to_string(options.max_retries()), "; 0 is the least"));
    }
    return storage::check_event_query(stream, options.query());
}

std::optional<failure> check_listen(const std::string& stream, const listen_options& options) {
    if (auto why = storage::check_stream_to_read(stream)) return why;
    if (auto why = storage::check_event_query(stream, options.query())) return why;
    if (auto why = check_range("listen_options::max_queued", options.max_queued(), 1, most_queued)) return why;
    return check_range("listen_options::max_queued_bytes", options.max_queued_bytes(), 1, most_bytes);
}

} // namespace eventstore::delivery
