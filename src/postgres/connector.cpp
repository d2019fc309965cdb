#include "postgres/connector.hpp"

#include "async/service.hpp"
#include "base/text.hpp"

#include <utility>

namespace eventstore::postgres {

connector::connector(
    connection_options options, detail::environment where, session_kind what_for, std::string_view name)
    : options_(std::move(options)), environment_(std::move(where)), what_for_(what_for), name_(name) {}

asio::awaitable<connector::made> connector::connect(
    std::shared_ptr<connector> self, connection::strand strand, connection::inspector look) {
    const steady_time deadline = self->environment_.in(self->options_.operation_timeout);
    return connect(std::move(self), std::move(strand), std::move(look), deadline);
}

asio::awaitable<connector::made> connector::connect(
    std::shared_ptr<connector> self, connection::strand strand, connection::inspector look, steady_time deadline) {
    result<void> outcome;
    std::shared_ptr<connection> link;
    try {
        link = std::make_shared<connection>(
            strand, connection::manner::of(self->what_for_, self->options_), self->environment_);
        auto attempt = self->attempt(link, std::move(look), deadline);
        outcome = co_await std::move(attempt);
    } catch (const std::exception& problem) { // out of descriptors, threads or memory
        outcome = failure(errc::connection_lost, detail::message("connecting to PostgreSQL: ", problem.what()));
    }
    if (!outcome) {
        self->report(outcome.error());
        co_return outcome.error();
    }
    if (!self->name_.empty()) self->environment_.log->passed(self->name_);
    co_return link;
}

asio::awaitable<result<void>> connector::attempt(
    std::shared_ptr<connection> link, connection::inspector look, steady_time deadline) {
    auto settings = connect_settings::make(options_, what_for_);
    if (!settings) co_return settings.error();
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_) co_return detail::store_closed();
        std::erase_if(under_way_, [](const auto& each) { return each.expired(); });
        under_way_.push_back(link);
    }
    result<void> outcome;
    if (look) {
        auto connecting = connection::connect(link, std::move(*settings), std::move(look), deadline);
        outcome = co_await std::move(connecting);
    } else {
        auto connecting = connection::connect(link, std::move(*settings), deadline);
        outcome = co_await std::move(connecting);
    }
    const std::lock_guard lock(mutex_);
    std::erase_if(under_way_, [&](const auto& each) { return each.lock() == link; });
    co_return outcome;
}

void connector::report(const failure& why) const {
    if (!name_.empty()) environment_.log->report(name_, why);
}

void connector::stop_tries() {
    const std::lock_guard lock(mutex_);
    for (const auto& each : under_way_) {
        if (const auto alive = each.lock()) alive->stop_connecting();
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
