#include "live_model.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <string>
#include <utility>

namespace package_history {

namespace {

asio::awaitable<void> forget_checkpoint(es::store store) {
    try {
        co_await store.subscription_to_all(live_model_name).remove();
    } catch (const es::error& failed) {
        if (failed.code() != es::errc::subscription_not_found) throw;
    }
}

asio::awaitable<void> keep_up_to_date(std::shared_ptr<package_model> model, es::subscription installed) {
    while (const auto batch = co_await installed.next()) {
        for (const es::recorded_event& event : *batch) model->apply(event);
        batch->ack(); // from now on wait_for() says that these events are in the model
    }
}

} // namespace

asio::awaitable<std::shared_ptr<const package_model>> follow(es::store store) {
    co_await forget_checkpoint(store);
    es::subscription_options options; // batches as large as can be: the streams do not matter here
    options.stream_prefix(std::string(package_prefix)).group_by(es::grouping::none).max_batch(1000);
    es::subscription installed = co_await store.subscribe_to_all(live_model_name, options);

    const auto model = std::make_shared<package_model>();
    auto rethrow = [](std::exception_ptr failed) {
        if (failed) std::rethrow_exception(failed); // out of io_context::run()
    };
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::co_spawn(executor, keep_up_to_date(model, std::move(installed)), rethrow);
    co_return model;
}

} // namespace package_history
