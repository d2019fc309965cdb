#include "store/group_core.hpp"

#include "log/inspection.hpp"
#include "store/store_core.hpp"

#include <boost/asio/execution.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>
#include <utility>

namespace eventstore::detail {

std::shared_ptr<group_core> group_core::make(kind what, const store_options& options, asio::any_io_executor executor) {
    auto made = std::make_shared<group_core>(what, options, std::move(executor));
    auto& context = asio::query(made->executor, asio::execution::context);
    asio::use_service<context_life>(context).add(made);
    return made;
}

group_core::group_core(kind what, const store_options& options_, asio::any_io_executor executor_)
    : options(options_),
      executor(std::move(executor_)),
      migrating_strand(executor),
      timers(std::make_shared<timer_queue>(executor)),
      pool(std::make_shared<postgres::pool>(options, executor, timers)),
      appending(std::make_shared<postgres::lender>(what == kind::one ? 1 : options.pool_size())),
      sessions(std::make_shared<postgres::session_pool>(options, executor, timers)),
      migrating(std::make_shared<postgres::lender>(1)),
      ear(std::make_shared<eventstore::feed::listener>(options, executor)),
      kind_(what) {
    if (!is_of_many()) return;
    sessions->inspect_with(
        [options_] { return log::look_around(options_, std::nullopt, log::log_mark(), log::purpose::transacting); });
    const auto timeout = options.operation_timeout();
    polls = std::make_shared<eventstore::feed::poller>(executor, timers, pool, timeout);
    beats = std::make_shared<delivery::heart>(executor, timers, pool, timeout);
}

std::shared_ptr<const log::statements> group_core::make_statements(const std::string& schema) {
    return std::make_shared<const log::statements>(schema, next_index_.fetch_add(log::statements::most));
}

bool group_core::add(const std::shared_ptr<store_core>& store) {
    const std::lock_guard lock(mutex_);
    if (is_closing() || is_abandoned()) return false;
    members_.push_back({store.get(), store});
    return true;
}

void group_core::leave(const store_core* store) {
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(members_, [&](const member& each) { return each.address == store; });
        if (kind_ == kind::one) is_closing_.store(true);
        if (!is_closing() || !members_.empty()) return;
    }
    end_connections();
}

void group_core::close() noexcept {
    std::vector<std::shared_ptr<store_core>> stores;
    bool is_empty = false;
    {
        const std::lock_guard lock(mutex_);
        if (is_closing_.exchange(true) || is_abandoned()) return;
        for (const member& each : members_) {
            if (auto alive = each.store.lock()) stores.push_back(std::move(alive));
        }
        is_empty = members_.empty();
    }
    for (const auto& each : stores) each->close();
    if (is_empty) end_connections();
}

void group_core::end_connections() {
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(is_ending_, true) || is_abandoned()) return;
        if (is_of_many()) { // a store by itself has a timer of its own
            timer_ = std::make_unique<asio::steady_timer>(executor, options.close_timeout());
            timer_->async_wait([self = shared_from_this()](const boost::system::error_code& stopped) {
                if (!stopped) self->drop();
            });
        }
    }
    ear->close();
    migrating->close(nullptr);
    appending->close(nullptr);
    const auto part_closed = [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->part_ended();
    };
    pool->close(part_closed);
    sessions->close(part_closed);
}

store_stats group_core::count_connections() const {
    const auto reading = pool->count();
    const auto writing = appending->count();
    const auto transactions = sessions->count();
    const auto making = migrating->count();
    store_stats now;
    now.connects = reading.connects + writing.connects + transactions.connects + making.connects;
    now.connections = reading.connections + writing.connections + transactions.connections + making.connections;
    return now;
}

void group_core::drop() {
    if (is_abandoned()) return;
    pool->drop();
    sessions->drop();
}

void group_core::part_ended() {
    std::function<void()> tell;
    {
        const std::lock_guard lock(mutex_);
        if (--parts_open_ > 0) return;
        if (timer_) timer_->cancel();
        tell = std::exchange(when_ended_, nullptr);
    }
    if (tell) tell();
    ended->open();
}

void group_core::when_ended(std::function<void()> then) {
    const std::lock_guard lock(mutex_);
    when_ended_ = std::move(then);
}

void group_core::abandon() noexcept {
    migrating->abandon();
    appending->abandon();
    sessions->abandon();
    ear->abandon();
    if (polls) polls->abandon();
    if (beats) beats->abandon();
    pool->abandon();
    timers->abandon();
    migrating_strand.reset();
    ended->open();
    const std::lock_guard lock(mutex_);
    timer_.reset();
    when_ended_ = nullptr;
}

} // namespace eventstore::detail
