#include "postgres/connector.hpp"

#include "async/service.hpp"
#include "base/text.hpp"

#include <utility>

namespace eventstore::postgres {

connector::connector(connection_options options, detail::environment where, session_kind kind, std::string_view name)
    : options_(std::move(options)), environment_(std::move(where)), kind_(kind), name_(name) {}

asio::awaitable<connector::made> connector::connect(
    std::shared_ptr<connector> self, connection::strand strand, connection::inspector inspect) {
    const steady_time deadline = self->environment_.in(self->options_.operation_timeout);
    return connect(std::move(self), std::move(strand), std::move(inspect), deadline);
}

asio::awaitable<connector::made> connector::connect(
    std::shared_ptr<connector> self, connection::strand strand, connection::inspector inspect, steady_time deadline) {
    result<void> outcome;
    std::shared_ptr<connection> target;
    try {
        target = std::make_shared<connection>(
            strand, connection::sending_mode::of(self->kind_, self->options_), self->environment_);
        auto attempt = self->attempt(target, std::move(inspect), deadline);
        outcome = co_await std::move(attempt);
    } catch (const std::exception& problem) { // out of descriptors, threads or memory
        outcome = failure(errc::connection_lost, detail::message("connecting to PostgreSQL: ", problem.what()));
    }
    if (!outcome) {
        if (outcome.error().code() != errc::store_closed) self->environment_.connections->failures.add();
        self->report(outcome.error());
        co_return outcome.error();
    }
    self->count_connect();
    if (!self->name_.empty()) self->environment_.logger->passed(self->name_);
    co_return target;
}

asio::awaitable<result<void>> connector::attempt(
    std::shared_ptr<connection> target, connection::inspector inspect, steady_time deadline) {
    auto settings = connect_settings::make(options_, kind_);
    if (!settings) co_return settings.error();
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_) co_return detail::store_closed();
        std::erase_if(under_way_, [](const auto& connection) { return connection.expired(); });
        under_way_.push_back(target);
    }
    result<void> outcome;
    if (inspect) {
        auto connecting = connection::connect(target, std::move(*settings), std::move(inspect), deadline);
        outcome = co_await std::move(connecting);
    } else {
        auto connecting = connection::connect(target, std::move(*settings), deadline);
        outcome = co_await std::move(connecting);
    }
    const std::lock_guard lock(mutex_);
    std::erase_if(under_way_, [&](const auto& connection) { return connection.lock() == target; });
    co_return outcome;
}

void connector::count_connect() noexcept {
    for (auto known = lost_.load(); known > 0;) {
        if (!lost_.compare_exchange_weak(known, known - 1)) continue;
        return environment_.connections->reconnects.add();
    }
}

void connector::count_lost() noexcept {
    environment_.connections->lost.add();
    lost_.fetch_add(1);
}

void connector::lost(const failure& why) {
    count_lost();
    report(why);
}

void connector::report(const failure& why) const {
    if (!name_.empty()) environment_.logger->report(name_, why);
}

void connector::stop_tries() {
    const std::lock_guard lock(mutex_);
    for (const auto& connection : under_way_) {
        if (const auto alive = connection.lock()) alive->stop_connecting();
    }
}

void connector::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopped_ = true;
    }
    stop_tries();
}

} // namespace eventstore::postgres
