/// What ends with an execution context, whoever else still refers to it.
#pragma once

#include <boost/asio/execution_context.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace eventstore::detail {

namespace asio = boost::asio;

/// What cannot outlive its execution context, though handles to it may.
class context_member {
public:
    virtual ~context_member() = default;
    /// Its context is going: refuses everything from here on. Before anybody is told.
    virtual void refuse() noexcept = 0;
    /// Its context is going: lets go of everything that cannot outlive it, and ends what callers on other contexts wait
    /// for. What remains refuses everything.
    virtual void abandon() noexcept = 0;
};

/// Tells the stores of a context that it is going, the last one that was added first: timers, strands and sockets
/// cannot outlive it, handles may.
class context_life final : public asio::execution_context::service {
public:
    using key_type = context_life;
    static asio::execution_context::id id;

    explicit context_life(asio::execution_context& context) : service(context) {}

    void add(const std::shared_ptr<context_member>& member);

private:
    void shutdown() override;

    std::mutex mutex_;
    std::vector<std::weak_ptr<context_member>> all_;
    std::size_t clear_at_ = 16;
};

} // namespace eventstore::detail
