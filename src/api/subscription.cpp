#include "api/consumer.hpp"

#include <eventstore/event_listener.hpp>
#include <eventstore/subscription.hpp>

#include <algorithm>

namespace eventstore {

namespace {

using delivery::listener_queue;
using delivery::shared_subscription;
using detail::consumer;
using detail::listener_impl;

const std::string nothing; // what the handles of nothing tell

failure moved_from() { return failure(errc::subscription_ended, "the subscription was moved from"); }

asio::awaitable<std::optional<event_batch>> next_throwing(
    std::shared_ptr<consumer> inside, std::optional<milliseconds> wait) {
    if (!inside) co_return std::nullopt;
    const auto handlers = inside->store->core->environment.handlers;
    auto work = shared_subscription::next(inside->subscription, inside->id, wait);
    inside.reset(); // a handle that is destroyed meanwhile wakes this up
    auto batch = co_await std::move(work);
    detail::handler_watch::resumes(handlers, "next");
    co_return std::move(batch).value();
}

asio::awaitable<void> checkpoint_throwing(std::shared_ptr<consumer> inside) {
    if (!inside) throw error(moved_from());
    auto work = shared_subscription::wait_durable(
        inside->subscription, inside->store->core->deadline(std::chrono::milliseconds(0)));
    const auto done = co_await std::move(work);
    detail::handler_watch::resumes(inside->store->core->environment.handlers, "checkpoint");
    done.value();
}

asio::awaitable<void> unsubscribe_throwing(std::shared_ptr<consumer> inside) {
    if (!inside) co_return;
    inside->subscription->leave(inside->id);
    if (!inside->subscription->has_ended()) co_return; // others go on
    auto work = shared_subscription::wait_retired(
        inside->subscription, inside->store->core->deadline(std::chrono::milliseconds(0)));
    const auto done = co_await std::move(work);
    done.value();
}

asio::awaitable<std::optional<event_page>> next_page_throwing(
    std::shared_ptr<listener_impl> inside, std::optional<milliseconds> wait) {
    if (!inside) co_return std::nullopt;
    const auto handlers = inside->store->core->environment.handlers;
    auto work = listener_queue::next(inside->queue, wait);
    inside.reset();
    auto page = co_await std::move(work);
    detail::handler_watch::resumes(handlers, "next");
    co_return std::move(page).value();
}

} // namespace

subscription::subscription(std::shared_ptr<detail::consumer> inside) noexcept : inside_(std::move(inside)) {}
subscription::subscription(subscription&&) noexcept = default;
subscription& subscription::operator=(subscription&&) noexcept = default;
subscription::~subscription() = default;

asio::awaitable<std::optional<event_batch>> subscription::next() { return next_throwing(inside_, std::nullopt); }
asio::awaitable<std::optional<event_batch>> subscription::next(milliseconds wait) {
    return next_throwing(inside_, wait);
}

void subscription::ack_through(const recorded_event& event) { ack_through_position(event.link_position()); }

void subscription::ack_through_position(std::int64_t position) {
    if (!inside_) throw error(moved_from());
    inside_->subscription->acknowledge_through(inside_->id, position, true).value();
}

void subscription::ack_through_version(std::int64_t version) {
    if (!inside_) throw error(moved_from());
    if (inside_->subscription->stream == "$all")
        throw error(failure(errc::invalid_argument,
            "ack_through_version is for a subscription to one stream; here positions count: ack_through_position"));
    inside_->subscription->acknowledge_through(inside_->id, version, false).value();
}

asio::awaitable<void> subscription::checkpoint() { return checkpoint_throwing(inside_); }
std::int64_t subscription::epoch() const noexcept { return inside_ ? inside_->subscription->epoch() : 0; }

const std::string& subscription::stream() const noexcept { return inside_ ? inside_->subscription->stream : nothing; }
const std::string& subscription::name() const noexcept { return inside_ ? inside_->subscription->name : nothing; }
std::int64_t subscription::position() const noexcept { return inside_ ? inside_->subscription->position() : 0; }

std::int64_t subscription::lag() const noexcept {
    if (!inside_) return 0;
    return std::max<std::int64_t>(0, inside_->store->core->seen->latest().position - inside_->subscription->position());
}

asio::any_io_executor subscription::get_executor() const {
    if (!inside_) throw error(moved_from());
    return inside_->store->core->environment.executor;
}

asio::awaitable<void> subscription::unsubscribe() { return unsubscribe_throwing(inside_); }

event_listener::event_listener(std::shared_ptr<detail::listener_impl> inside) noexcept : inside_(std::move(inside)) {}
event_listener::event_listener(event_listener&&) noexcept = default;
event_listener& event_listener::operator=(event_listener&&) noexcept = default;
event_listener::~event_listener() = default;

asio::awaitable<std::optional<event_page>> event_listener::next() { return next_page_throwing(inside_, std::nullopt); }
asio::awaitable<std::optional<event_page>> event_listener::next(milliseconds wait) {
    return next_page_throwing(inside_, wait);
}
asio::any_io_executor event_listener::get_executor() const {
    if (!inside_) throw error(failure(errc::subscription_ended, "the listener was moved from"));
    return inside_->store->core->environment.executor;
}
std::uint64_t event_listener::missed() const noexcept { return inside_ ? inside_->queue->missed() : 0; }

} // namespace eventstore
