#include "async/environment.hpp"

#include <utility>

namespace eventstore::detail {

environment environment::make(const asio::any_io_executor& executor, logger::sink on_log, std::shared_ptr<clock> time,
    std::chrono::milliseconds longest_handler) {
    auto log = logger::make(std::move(on_log), executor);
    auto metrics = std::make_shared<store_metrics>();
    auto handlers = std::make_shared<handler_watch>(longest_handler, log, metrics);
    return {executor, std::make_shared<timer_queue>(executor, std::move(time)), std::move(log),
        std::make_shared<connection_metrics>(), std::move(metrics), std::move(handlers)};
}

environment environment::of(std::string schema) const {
    auto log = logger->of(std::move(schema));
    auto counted = std::make_shared<store_metrics>();
    auto watch = std::make_shared<handler_watch>(handlers->longest(), log, counted);
    return {executor, timers, std::move(log), connections, std::move(counted), std::move(watch)};
}

} // namespace eventstore::detail
