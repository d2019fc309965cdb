#include "runtime/store_core.hpp"

#include "base/text.hpp"
#include "feed/own_page.hpp"
#include "postgres/connect_settings.hpp"
#include "runtime/context_life.hpp"
#include "storage/inspection.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace eventstore::detail {

namespace {

std::shared_ptr<const trace_source> tracing_of(const store_options& options) {
    if (!options.tracing()) return nullptr;
    std::string space = options.schema();
    std::string address;
    std::int64_t port = 0;
    const auto settings = postgres::connect_settings::make(options, postgres::session_kind::reading);
    if (settings) {
        if (const auto database = settings->value("dbname"); !database.empty()) space = message(database, "|", space);
        const std::string_view host = settings->value("host");
        const std::string_view number = settings->value("port");
        if (host.find(',') == std::string_view::npos) address = host; // of several, which it is differs
        if (number.find(',') == std::string_view::npos)
            std::from_chars(number.data(), number.data() + number.size(), port);
    }
    return std::make_shared<const trace_source>(options.tracing(), std::move(space), std::move(address), port);
}

struct span_of_positions {
    std::int64_t first = 0;
    std::int64_t last = 0;

    void add(const append_result& result) {
        if (result.first_position == 0) return;
        first = first == 0 ? result.first_position : std::min(first, result.first_position);
        last = std::max(last, result.last_position);
    }
};

} // namespace

std::shared_ptr<store_core> store_core::make(const store_options& options, const std::shared_ptr<group_core>& group) {
    auto made = std::make_shared<store_core>(options, group);
    made->connect_parts();
    auto& context = asio::query(made->environment.executor, asio::execution::context);
    asio::use_service<context_life>(context).add(made);
    return made;
}

void store_core::abandon() noexcept {
    for (const auto& listener : take_listeners()) listener->abandon();
    leases->abandon();
    group_commit->abandon();
    feed->abandon();
    ended->open();
}

store_core::store_core(const store_options& options_, const std::shared_ptr<group_core>& group_)
    : options(options_),
      group(group_),
      environment(group->environment.of(options.schema())),
      tracing(tracing_of(options)),
      statements(group->make_statements(options.schema())),
      pool(group->pool),
      database{pool, statements},
      reader(std::make_shared<read::reader>(environment.timers->time(), pool, statements, environment.metrics)),
      announcer(
          std::make_shared<eventstore::feed::announcer>(environment, pool, statements, options.operation_timeout())),
      feed(std::make_shared<eventstore::feed::feed>(
          options, options.schema(), environment, reader, group->listener, group->polls, seen)) {}

void store_core::connect_parts() {
    const auto weak = weak_from_this();
    const auto inspectors_for = [&](storage::purpose intent) {
        return [options_ = options, seen_ = seen, intent] {
            return storage::make_inspector(options_, options_.schema(), seen_->latest(), intent);
        };
    };
    append::group_commit::options limits;
    limits.flush_timeout = options.operation_timeout() + options.close_timeout();
    limits.max_queued_bytes = options.max_queued_bytes();
    limits.fails_when_full = options.fails_when_full();
    limits.is_pooled = options.is_pooled();
    group_commit = std::make_shared<append::group_commit>(limits, environment, statements, group->appending,
        std::make_shared<postgres::pool_user>(group->appending, inspectors_for(storage::purpose::appending)), pool,
        seen, [weak](appends requests, const append::append_plan::verdict& verdict) {
            if (const auto self = weak.lock()) self->committed(requests, verdict);
        });

    // A session for transactions of many schemas shows nothing of one.
    postgres::pool_user::inspectors inspectors = inspectors_for(storage::purpose::transacting);
    if (group->is_of_many())
        inspectors = [options_ = options] {
            return storage::make_inspector(options_, std::nullopt, storage::log_mark(), storage::purpose::transacting);
        };
    transacting = std::make_shared<postgres::pool_user>(group->transacting, std::move(inspectors));

    const auto checkpoints = std::make_shared<delivery::checkpoint_writer>(environment, pool, statements,
        delivery::checkpoint_writer::settings{options.schema(), options.operation_timeout(), group->renewals});
    parts = std::make_shared<const delivery::store_parts>(delivery::store_parts{
        environment, pool, statements, reader, feed, checkpoints, options.operation_timeout(), tracing});
    const bool listens = postgres::connection_options(options).can_listen();
    leases = std::make_shared<delivery::lease_manager>(parts, listens ? group->listener : nullptr, options.schema());
}

// What this process has stored goes to its own subscribers from memory, and word of it to other processes.
void store_core::committed(appends requests, const append::append_plan::verdict& verdict) {
    const auto& outcomes = verdict.outcomes;
    if (is_abandoned()) return;
    using kind = append::append_plan::outcome::kind;
    span_of_positions appended;
    span_of_positions stored;
    for (const auto& outcome : outcomes) {
        if (outcome.status == kind::appended) appended.add(outcome.result);
        // Stored by an attempt whose answer was lost: nobody was told then.
        if (outcome.status == kind::appended || outcome.status == kind::already_appended) stored.add(outcome.result);
    }
    if (stored.last == 0) return;
    seen->note_held(append::last_stored(requests, verdict)); // the server was shown what had been seen before
    if (feed->is_followed()) {
        if (appended.last != 0 && eventstore::feed::has_links(requests))
            feed->hint(appended.last);
        else if (appended.last != 0)
            feed->own_commit(appended.first, appended.last, verdict.timeline,
                eventstore::feed::page_of(requests, outcomes), eventstore::feed::bytes_of(requests));
        if (stored.last > appended.last) feed->hint(stored.last);
    }
    announcer->announce(stored.first, stored.last);
}

void store_core::add(const std::shared_ptr<delivery::listener_queue>& listener) {
    const std::lock_guard lock(mutex_);
    std::erase_if(listeners_, [](const auto& queue) { return queue.expired(); });
    listeners_.push_back(listener);
}

std::vector<std::shared_ptr<delivery::listener_queue>> store_core::take_listeners() {
    std::vector<std::shared_ptr<delivery::listener_queue>> all;
    const std::lock_guard lock(mutex_);
    for (const auto& listener : std::exchange(listeners_, {})) {
        if (auto alive = listener.lock()) all.push_back(std::move(alive));
    }
    return all;
}

std::optional<failure> store_core::refusal() const {
    if (is_abandoned())
        return failure(errc::store_closed, "the execution context of the store has ended, and the store with it");
    if (is_closing()) return failure(errc::store_closed, "the store is closed");
    return std::nullopt;
}

std::optional<failure> check_call(const std::shared_ptr<store_impl>& impl, std::chrono::milliseconds limit) {
    if (!impl)
        return failure(errc::store_closed, "the handle is empty: no store was opened with it, or it was moved from");
    if (auto why = impl->core->refusal()) return why;
    if (limit.count() < 0)
        return failure(errc::invalid_argument, "store::within was given no time: it must be 1 ms at least");
    return std::nullopt;
}

steady_time store_core::deadline(std::chrono::milliseconds limit) const noexcept {
    return environment.in(limit.count() != 0 ? limit : options.operation_timeout());
}

void store_core::close() noexcept {
    if (is_closing_.exchange(true) || is_abandoned()) return;
    asio::co_spawn(environment.executor, close_in_order(shared_from_this()), asio::detached);
}

asio::awaitable<void> store_core::close_in_order(std::shared_ptr<store_core> self) {
    const auto& timers = self->environment.timers;
    const steady_time deadline = self->environment.in(self->options.close_timeout());
    for (const auto& listener : self->take_listeners()) listener->end(std::nullopt);
    // All at once: what is queued is appended, transactions end, and subscriptions write their checkpoints.
    auto appending = service::stop(self->group_commit, timers, deadline);
    auto ending = service::stop(self->transacting, timers, deadline);
    auto subscribing = service::stop(self->leases, timers, deadline);
    co_await std::move(appending);
    co_await std::move(ending);
    // Other processes hear of the last commits, and then nothing is written any more.
    auto announcing = service::stop(self->announcer, timers, deadline);
    co_await std::move(announcing);
    co_await std::move(subscribing);
    auto following = service::stop(self->feed, timers, deadline);
    co_await std::move(following);
    if (self->group->is_of_many()) {
        self->pool->dismiss(self->statements.get());
    } else {
        auto disconnecting = group_core::stop_connections(self->group, deadline);
        co_await std::move(disconnecting);
    }
    self->ended->open();
}

} // namespace eventstore::detail
