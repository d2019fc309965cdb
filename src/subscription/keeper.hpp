/// The leases and checkpoints of all subscriptions of a store, in one statement.
#pragma once

#include "async/asio_calls.hpp"
#include "async/completion.hpp"
#include "async/retry.hpp"
#include "async/service.hpp"
#include "base/live_objects.hpp"
#include "subscription/beat_watch.hpp"
#include "subscription/machinery.hpp"
#include "subscription/shared_subscription.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eventstore::delivery {

/// Knows the store's subscriptions, takes them, keeps them and lets go of them. One statement at a time. Thread safe.
class keeper : public std::enable_shared_from_this<keeper>, public detail::service, private detail::live_object {
public:
    using subscription_ptr = std::shared_ptr<shared_subscription>;

    explicit keeper(std::shared_ptr<const machinery> with);
    ~keeper() override;

    /// A consumer of a subscription, which is taken if this store does not have it yet. Goes on when its caller is gone,
    /// but waits for nobody then.
    struct place_taken {
        subscription_ptr what;
        consumer_id who = 0;
    };
    static asio::awaitable<result<place_taken>> subscribe(std::shared_ptr<keeper> self, std::string stream,
        std::string name, subscription_options options, std::weak_ptr<void> caller, steady_time deadline);

    /// The subscriptions of this name that the store has.
    std::vector<subscription_ptr> named(const std::string& name) const;

    /// See that a subscription is settled at this time; the earliest of all is now.
    EVENTSTORE_NOT_INTO_COROUTINES void due(steady_time when);
    /// A message of the feed's.
    void hear(std::string_view what, std::int64_t id);
    /// This process has brought back a stream that was deleted.
    void restored(const std::string& stream);

    void abandon() noexcept override;

private:
    /// Ends all subscriptions, writes their checkpoints, and lets go of them.
    void begin_stop() override;
    /// Lets go of them without a word to the database.
    void drop() override;

    using key = std::pair<std::string, std::string>;

    static failure closed_failure();
    static asio::awaitable<result<void>> take(
        std::shared_ptr<keeper> self, subscription_ptr what, std::weak_ptr<void> caller, steady_time deadline);
    asio::awaitable<result<std::optional<shared_subscription::claim>>> claim_once(
        const shared_subscription& what, steady_time deadline);
    static asio::awaitable<void> wait_freed(
        std::shared_ptr<keeper> self, std::shared_ptr<const machinery> with, std::chrono::milliseconds most);
    void arm();   // on the strand
    void cycle(); // on the strand
    static asio::awaitable<void> write(std::shared_ptr<keeper> self, std::shared_ptr<const machinery> with,
        std::vector<shared_subscription::settlement> all);
    EVENTSTORE_NOT_INTO_COROUTINES void retire(const subscription_ptr& what);
    void end_if_done();

    mutable std::mutex mutex_;
    std::shared_ptr<const machinery> with_;
    std::optional<asio::strand<asio::any_io_executor>> strand_; // none once abandoned, as the timer
    std::optional<asio::steady_timer> timer_;                   // on the strand
    bool writing_ = false;                                      // on the strand
    bool failing_ = false;                                      // on the strand, as is how it is tried again
    detail::retry writes_;
    detail::backoff::duration pause_{};
    steady_time not_before_{};
    bool beats_along_ = false; // on the strand: the last write was one of many stores
    steady_time armed_for_ = steady_time::max();

    const uuid owner_;
    const std::string owner_text_;
    std::map<key, subscription_ptr> all_;
    std::vector<std::weak_ptr<detail::completion<void>>> waiting_; // for one that others have
    bool closing_ = false;
    std::map<key, beat_watch> watched_; // those that others have
};

} // namespace eventstore::delivery
