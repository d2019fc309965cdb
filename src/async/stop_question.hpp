/// Whether a call that blocks should end early.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

namespace eventstore::detail {

/// Asked now and then by a call that may last long. Any thread.
class stop_question {
public:
    using flag = std::shared_ptr<const std::atomic<bool>>;

    stop_question() = default; // it never should
    /// \param by_caller nobody waits for the call any more
    /// \param by_context the execution context is going, and waits for it
    stop_question(flag by_caller, flag by_context)
        : by_caller_(std::move(by_caller)), by_context_(std::move(by_context)) {}

    bool operator()() const noexcept { return (by_caller_ && *by_caller_) || (by_context_ && *by_context_); }

private:
    flag by_caller_, by_context_;
};

} // namespace eventstore::detail
