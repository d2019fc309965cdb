// The calls of a store that are about subscriptions.

#include "api/consumer.hpp"
#include "async/completion.hpp"
#include "async/run_apart.hpp"
#include "base/text.hpp"
#include "subscription/validation.hpp"

#include <eventstore/store.hpp>

#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace eventstore {

namespace {

using detail::check_call;
using detail::consumer;
using detail::listener_impl;
using detail::message;
using detail::quoted_for_message;
using detail::steady_time;
using detail::store_core;
using impl_ptr = std::shared_ptr<detail::store_impl>;
using core_ptr = std::shared_ptr<store_core>;

// ---- subscribing. The caller may stop waiting at any time; the work then finds that out, or undoes what it has done.

asio::awaitable<result<std::shared_ptr<consumer>>> subscribe_apart(impl_ptr impl, std::string stream, std::string name,
    subscription_options options, std::weak_ptr<void> caller, steady_time deadline) {
    auto work = delivery::lease_manager::subscribe(
        impl->core->leases, std::move(stream), std::move(name), std::move(options), std::move(caller), deadline);
    const auto taken = co_await std::move(work);
    if (!taken) co_return taken.error();
    co_return std::make_shared<consumer>(std::move(impl), taken->subscription, taken->consumer);
}

asio::awaitable<subscription> subscribe_throwing(
    impl_ptr impl, milliseconds limit, std::string stream, std::string name, subscription_options options) {
    auto why = check_call(impl, limit);
    if (!why) why = delivery::check_subscribe(stream, name, options);
    if (why) throw error(*why);
    const auto core = impl->core;
    const std::shared_ptr<void> caller = std::make_shared<char>();
    auto work = subscribe_apart(
        std::move(impl), std::move(stream), std::move(name), std::move(options), caller, core->deadline(limit));
    auto place = co_await detail::run_apart(core->environment.executor, std::move(work), "subscribing");
    co_return subscription(std::move(place).value());
}

asio::awaitable<result<std::shared_ptr<listener_impl>>> listen_apart(
    impl_ptr impl, std::string stream, listen_options options, steady_time deadline) {
    const auto core = impl->core;
    const auto what = std::make_shared<delivery::listener_queue>(core->machinery, std::move(options));
    core->add(what);
    auto inside = std::make_shared<listener_impl>(std::move(impl), what);
    auto work = feed::feed::attach(core->feed, what, std::move(stream), deadline);
    const auto attached = co_await std::move(work);
    if (!attached) co_return attached.error();
    co_return inside;
}

asio::awaitable<event_listener> listen_throwing(
    impl_ptr impl, milliseconds limit, std::string stream, listen_options options) {
    auto why = check_call(impl, limit);
    if (!why) why = delivery::check_listen(stream, options);
    if (why) throw error(*why);
    const auto core = impl->core;
    if (stream == "$all") stream.clear();
    auto work = listen_apart(std::move(impl), std::move(stream), std::move(options), core->deadline(limit));
    auto inside = co_await detail::run_apart(core->environment.executor, std::move(work), "listening");
    co_return event_listener(std::move(inside).value());
}

// ---- statements

asio::awaitable<result<postgres::answer>> ask(
    core_ptr core, const postgres::statement& what, postgres::parameters arguments, steady_time deadline) {
    return postgres::pool::execute(core->pool, what, std::move(arguments), deadline);
}

failure not_found(const std::string& stream, const std::string& name) {
    failure::facts facts;
    facts.stream = stream;
    facts.message = message("there is no subscription ", quoted_for_message(name));
    if (!stream.empty()) facts.message += message(" to ", quoted_for_message(stream));
    return failure(errc::subscription_not_found, std::move(facts));
}

asio::awaitable<std::vector<subscription_info>> list_throwing(impl_ptr impl, milliseconds limit) {
    if (const auto why = check_call(impl, limit)) throw error(*why);
    const auto core = impl->core;
    auto work = ask(core, core->statements->subscriptions, postgres::parameters(), core->deadline(limit));
    const auto answer = (co_await std::move(work)).value();
    std::vector<subscription_info> list(static_cast<std::size_t>(answer.rows()));
    for (int i = 0; i < answer.rows(); ++i) {
        subscription_info& info = list[static_cast<std::size_t>(i)];
        info.stream = answer.bytes(i, 0);
        info.name = answer.bytes(i, 1);
        info.position = answer.int8(i, 2);
        info.version = answer.int8(i, 3);
        info.lag_events = answer.int8(i, 4);
        info.lag = std::chrono::microseconds(answer.int8(i, 5));
        info.parked = answer.int8(i, 6);
        info.owner = answer.bytes(i, 7);
        info.created_at = answer.time(i, 8);
    }
    co_return list;
}

asio::awaitable<std::vector<parked_event>> parked_throwing(
    impl_ptr impl, milliseconds limit, std::string stream, std::string name) {
    auto why = check_call(impl, limit);
    if (!why) why = delivery::check_subscription_name(stream, name);
    if (why) throw error(*why);
    const auto core = impl->core;
    postgres::parameters arguments;
    arguments.add(stream);
    arguments.add(name);
    auto work = ask(core, core->statements->parked_events, std::move(arguments), core->deadline(limit));
    const auto answer = (co_await std::move(work)).value();
    std::vector<parked_event> list(static_cast<std::size_t>(answer.rows()));
    for (int i = 0; i < answer.rows(); ++i) {
        parked_event& each = list[static_cast<std::size_t>(i)];
        each.position = answer.int8(i, 0);
        if (!answer.is_null(i, 1)) { // deleted for good since
            each.version = answer.int8(i, 1);
            each.stream = answer.bytes(i, 2);
            each.type = answer.bytes(i, 3);
        }
        each.reason = answer.bytes(i, 4);
        each.deliveries = static_cast<int>(answer.int8(i, 5));
        each.parked_at = answer.time(i, 6);
    }
    co_return list;
}

asio::awaitable<void> change_throwing(
    impl_ptr impl, milliseconds limit, std::string stream, std::string name, std::optional<std::int64_t> checkpoint) {
    auto why = check_call(impl, limit);
    if (!why) why = delivery::check_subscription_name(stream, name);
    if (!why && checkpoint && *checkpoint < 0)
        why = failure(errc::invalid_argument, message("the checkpoint ", std::to_string(*checkpoint), " is negative"));
    if (why) throw error(*why);
    const auto core = impl->core;
    postgres::parameters arguments;
    arguments.add(stream);
    arguments.add(name);
    if (checkpoint) arguments.add(*checkpoint);
    const postgres::statement& what =
        checkpoint ? core->statements->reset_subscription : core->statements->delete_subscription;
    auto work = postgres::pool::execute_change(core->pool, what, std::move(arguments), core->deadline(limit));
    const auto outcome = co_await std::move(work);
    const postgres::pool::change& change = outcome.value();
    // What an attempt whose answer was lost may have removed is not there any more.
    const bool is_done = change.answer.boolean(0, 0) || (change.is_repeated && !checkpoint.has_value());
    for (const auto& each : core->leases->named(name)) each->renew_now(); // told at once, not by a notification
    if (!is_done) throw error(not_found(stream, name));
}

asio::awaitable<std::int64_t> release_throwing(impl_ptr impl, milliseconds limit, std::string stream, std::string name,
    std::vector<std::int64_t> positions, bool discards) {
    auto why = check_call(impl, limit);
    if (!why) why = delivery::check_subscription_name(stream, name);
    if (why) throw error(*why);
    const auto core = impl->core;
    postgres::parameters arguments;
    arguments.add(stream);
    arguments.add(name);
    if (positions.empty()) {
        arguments.add_null();
    } else {
        arguments.begin_array(postgres::type_oid::int8, positions.size());
        for (const auto each : positions) arguments.add(each);
    }
    arguments.add(discards);
    auto work = ask(core, core->statements->release_parked, std::move(arguments), core->deadline(limit));
    const auto answer = (co_await std::move(work)).value();
    if (answer.is_null(0, 0)) throw error(not_found(stream, name));
    for (const auto& each : core->leases->named(name)) { // told at once, not by a notification
        if (!discards && each->stream == stream) each->replay_parked();
    }
    co_return answer.int8(0, 0);
}

// ---- waiting for a subscription

/// Whether the subscriptions of this name have got there.
asio::awaitable<result<bool>> has_reached(
    core_ptr core, std::string name, std::int64_t position, steady_time deadline) {
    std::vector<std::string> ours; // the streams of those that this store has, and that have got there
    for (const auto& each : core->leases->named(name)) {
        const auto done = each->done_through();
        if (done && *done >= position)
            ours.push_back(each->stream); // in memory it is further than in the database
        else if (done && each->stream == "$all")
            co_return false;
    }
    postgres::parameters arguments;
    arguments.add(name);
    arguments.add(position);
    auto work = ask(core, core->statements->subscription_checkpoint, std::move(arguments), deadline);
    const auto answer = co_await std::move(work);
    if (!answer) co_return answer.error();
    if (answer->rows() == 0) co_return not_found({}, name);
    bool all = true;
    for (int i = 0; i < answer->rows(); ++i)
        all = all && (answer->boolean(i, 1) || std::ranges::find(ours, answer->bytes(i, 0)) != ours.end());
    co_return all;
}

asio::awaitable<void> wait_throwing(impl_ptr impl, milliseconds limit, std::string name, std::int64_t position) {
    using namespace std::chrono_literals;
    auto why = check_call(impl, limit);
    if (!why) why = delivery::check_subscription_name("$all", name);
    if (why) throw error(*why);
    const auto core = impl->core;
    const auto deadline = core->deadline(limit);
    for (std::chrono::milliseconds pause = 1ms;; pause = std::min<std::chrono::milliseconds>(pause * 2, 50ms)) {
        auto work = has_reached(core, name, position, deadline);
        const auto reached = co_await std::move(work);
        if (reached.value()) co_return;
        const auto now = core->environment.now();
        if (now >= deadline) {
            failure::facts facts;
            facts.message = message("subscription ", quoted_for_message(name), " did not reach position ",
                std::to_string(position), " in time");
            facts.retry_helps = true;
            throw error(failure(errc::timeout, std::move(facts)));
        }
        const auto again = std::make_shared<detail::completion<void>>("waiting for a subscription");
        auto pausing =
            detail::completion<void>::wait(again, core->environment.timers.get(), std::min(now + pause, deadline));
        const auto paused = co_await std::move(pausing);
        if (paused.error().code() == errc::cancelled) throw error(paused.error());
    }
}

} // namespace

asio::awaitable<subscription> store::subscribe(
    std::string_view stream, std::string_view name, subscription_options options) const {
    return subscribe_throwing(impl_, limit_, std::string(stream), std::string(name), std::move(options));
}

asio::awaitable<subscription> store::subscribe_to_all(std::string_view name, subscription_options options) const {
    return subscribe_throwing(impl_, limit_, "$all", std::string(name), std::move(options));
}

asio::awaitable<event_listener> store::listen(std::string_view stream, listen_options options) const {
    return listen_throwing(impl_, limit_, std::string(stream), std::move(options));
}

asio::awaitable<event_listener> store::listen_to_all(listen_options options) const {
    return listen_throwing(impl_, limit_, "$all", std::move(options));
}

asio::awaitable<void> store::wait_for(std::string_view name, std::int64_t position) const {
    return wait_throwing(impl_, limit_, std::string(name), position);
}

asio::awaitable<std::vector<subscription_info>> store::subscriptions() const { return list_throwing(impl_, limit_); }

asio::awaitable<void> store::delete_subscription(std::string_view stream, std::string_view name) const {
    return change_throwing(impl_, limit_, std::string(stream), std::string(name), std::nullopt);
}

asio::awaitable<void> store::reset_subscription(
    std::string_view stream, std::string_view name, std::int64_t checkpoint) const {
    return change_throwing(impl_, limit_, std::string(stream), std::string(name), checkpoint);
}

asio::awaitable<std::vector<parked_event>> store::parked_events(std::string_view stream, std::string_view name) const {
    return parked_throwing(impl_, limit_, std::string(stream), std::string(name));
}

asio::awaitable<std::int64_t> store::replay_parked(
    std::string_view stream, std::string_view name, std::vector<std::int64_t> positions) const {
    return release_throwing(impl_, limit_, std::string(stream), std::string(name), std::move(positions), false);
}

asio::awaitable<std::int64_t> store::discard_parked(
    std::string_view stream, std::string_view name, std::vector<std::int64_t> positions) const {
    return release_throwing(impl_, limit_, std::string(stream), std::string(name), std::move(positions), true);
}

} // namespace eventstore
