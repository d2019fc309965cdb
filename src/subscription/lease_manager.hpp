/// The subscriptions that a store has: taken, shared, and let go of.
#pragma once

#include "async/asio_calls.hpp"
#include "async/completion.hpp"
#include "async/service.hpp"
#include "base/live_objects.hpp"
#include "feed/listener.hpp"
#include "subscription/beat_watch.hpp"
#include "subscription/shared_subscription.hpp"
#include "subscription/store_parts.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eventstore::delivery {

/// Acquires leases, and releases all of them in the end. Renewing them is the checkpoint_writer's. Thread safe.
class lease_manager : public std::enable_shared_from_this<lease_manager>,
                      public detail::service,
                      public feed::notification_receiver,
                      private detail::live_object {
public:
    using subscription_ptr = std::shared_ptr<shared_subscription>;

    /// \param listener null: nothing is heard of other processes, and what they do is found out a little later
    lease_manager(
        std::shared_ptr<const store_parts> store, std::shared_ptr<feed::listener> listener, std::string schema);
    ~lease_manager() override;

    /// A consumer of a subscription, which is taken if this store does not have it yet. Goes on when its caller is gone,
    /// but waits for nobody then.
    struct place_taken {
        subscription_ptr subscription;
        consumer_id consumer = 0;
    };
    static asio::awaitable<result<place_taken>> subscribe(std::shared_ptr<lease_manager> self, std::string stream,
        std::string name, subscription_options options, std::weak_ptr<void> caller, steady_time deadline);

    /// A subscription that the store has; else null.
    subscription_ptr find(const std::string& stream, const std::string& name) const;
    /// All that it has, by stream and name.
    std::vector<subscription_ptr> all() const;

    void abandon() noexcept override;

private:
    /// Ends all subscriptions: their checkpoints are written, and their leases released.
    void begin_stop() override;
    /// Lets go of them without a word to the database.
    void drop() override;

    void on_listening() override {}
    void on_listening_lost() override {}
    void on_notification(const feed::notification& notification) override;

    using key = std::pair<std::string, std::string>;
    struct found {
        subscription_ptr subscription; // null: the store is closed
        bool is_new = false;
    };
    found find_or_make(const key& of, const subscription_options& options);
    static asio::awaitable<result<void>> acquire(std::shared_ptr<lease_manager> self, subscription_ptr subscription,
        std::weak_ptr<void> caller, steady_time deadline);
    static asio::awaitable<result<void>> follow(std::shared_ptr<const store_parts> store, subscription_ptr subscription,
        std::weak_ptr<void> caller, steady_time deadline);
    asio::awaitable<result<std::optional<shared_subscription::claim>>> claim_once(
        const shared_subscription& subscription, steady_time deadline);
    static asio::awaitable<void> wait_freed(
        std::shared_ptr<lease_manager> self, std::shared_ptr<const store_parts> store, std::chrono::milliseconds most);
    void forget(const shared_subscription* subscription);
    void wake_waiting();
    std::vector<subscription_ptr> close_all() noexcept;

    const std::shared_ptr<feed::listener> listener_;
    const std::string schema_;

    mutable std::mutex mutex_;
    std::shared_ptr<const store_parts> store_; // null once abandoned
    std::map<key, subscription_ptr> all_;
    std::vector<std::weak_ptr<detail::completion<void>>> waiting_; // for a lease that others have
    std::map<key, beat_watch> watched_;                            // those that others have
    bool closing_ = false;
};

} // namespace eventstore::delivery
