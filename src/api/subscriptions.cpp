// What a store has to do with subscriptions.

#include "storage/subscriptions.hpp"
#include "api/call.hpp"
#include "api/consumer.hpp"
#include "async/run_apart.hpp"
#include "subscription/validation.hpp"

#include <eventstore/store.hpp>

#include <utility>

namespace eventstore {

namespace {

using detail::call;
using detail::consumer;
using detail::listener_impl;
using detail::operation_kind;
using detail::steady_time;
using detail::store_ptr;

constexpr operation_kind subscribing{"subscribe"};
constexpr operation_kind listening{"listen"};
constexpr operation_kind listing_subscriptions{"subscriptions"};

// What calls begin; see api/call.hpp. The caller may stop waiting at any time: the work goes on apart, and then finds that
// out, or undoes what it has done.

asio::awaitable<result<std::shared_ptr<consumer>>> subscribe_apart(store_ptr store, std::string stream,
    std::string name, subscription_options options, std::weak_ptr<void> caller, steady_time deadline) {
    auto work = delivery::lease_manager::subscribe(
        store->core->leases, std::move(stream), std::move(name), std::move(options), std::move(caller), deadline);
    const auto taken = co_await std::move(work);
    if (!taken) co_return taken.error();
    co_return std::make_shared<consumer>(std::move(store), taken->subscription, taken->consumer);
}

asio::awaitable<result<subscription>> begin_subscription(
    store_ptr store, steady_time deadline, std::string stream, std::string name, subscription_options options) {
    const std::shared_ptr<void> caller = std::make_shared<char>();
    const auto executor = store->core->environment.executor;
    auto work =
        subscribe_apart(std::move(store), std::move(stream), std::move(name), std::move(options), caller, deadline);
    auto waiting = detail::run_apart(executor, std::move(work), "subscribing");
    auto place = co_await std::move(waiting);
    if (!place) co_return place.error();
    co_return subscription(std::move(*place));
}

asio::awaitable<result<std::shared_ptr<listener_impl>>> listen_apart(
    store_ptr store, std::string stream, listen_options options, steady_time deadline) {
    const auto core = store->core;
    const auto queue = std::make_shared<delivery::listener_queue>(core->parts, std::move(options));
    core->add(queue);
    auto inside = std::make_shared<listener_impl>(std::move(store), queue);
    auto work = feed::feed::attach(core->feed, queue, std::move(stream), deadline);
    const auto attached = co_await std::move(work);
    if (!attached) co_return attached.error();
    co_return inside;
}

asio::awaitable<result<event_listener>> begin_listening(
    store_ptr store, steady_time deadline, std::string stream, listen_options options) {
    const auto executor = store->core->environment.executor;
    if (stream == "$all") stream.clear();
    auto work = listen_apart(std::move(store), std::move(stream), std::move(options), deadline);
    auto waiting = detail::run_apart(executor, std::move(work), "listening");
    auto inside = co_await std::move(waiting);
    if (!inside) co_return inside.error();
    co_return event_listener(std::move(*inside));
}

asio::awaitable<result<std::vector<subscription_info>>> begin_list(const store_ptr& store, steady_time deadline) {
    return storage::list_subscriptions(store->core->database, deadline);
}

} // namespace

asio::awaitable<eventstore::subscription> store::subscribe(
    std::string_view stream, std::string_view name, subscription_options options) const {
    return call(subscribing, impl_, limit_, delivery::check_subscribe, begin_subscription, std::string(stream),
        std::string(name), std::move(options));
}

asio::awaitable<eventstore::subscription> store::subscribe_to_all(
    std::string_view name, subscription_options options) const {
    return subscribe("$all", name, std::move(options));
}

asio::awaitable<event_listener> store::listen(std::string_view stream, listen_options options) const {
    return call(
        listening, impl_, limit_, delivery::check_listen, begin_listening, std::string(stream), std::move(options));
}

asio::awaitable<event_listener> store::listen_to_all(listen_options options) const {
    return listen("$all", std::move(options));
}

asio::awaitable<std::vector<subscription_info>> store::subscriptions() const {
    return call(listing_subscriptions, impl_, limit_, detail::unchecked(), begin_list);
}

subscription_handle store::subscription(std::string_view stream, std::string_view name) const {
    return subscription_handle(impl_, limit_, std::string(stream), std::string(name));
}

subscription_handle store::subscription_to_all(std::string_view name) const { return subscription("$all", name); }

} // namespace eventstore
