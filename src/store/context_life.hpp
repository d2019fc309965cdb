/// What ends with an execution context, whoever else still refers to it.
#pragma once

#include <boost/asio/execution_context.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace eventstore::detail {

namespace asio = boost::asio;

class store_core;

/// Tells the stores of a context that it is going: timers, strands and sockets cannot outlive it, handles may.
class context_life final : public asio::execution_context::service {
public:
    using key_type = context_life;
    static asio::execution_context::id id;

    explicit context_life(asio::execution_context& context) : service(context) {}

    void add(const std::shared_ptr<store_core>& store);

private:
    void shutdown() override;

    std::mutex mutex_;
    std::vector<std::weak_ptr<store_core>> stores_;
};

} // namespace eventstore::detail
