/// An end that can be waited for: of a store, or of a group of them.
#pragma once

#include "base/operation.hpp"

#include <eventstore/error.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace eventstore::detail {

/// Comes once. Thread safe.
class ending : public std::enable_shared_from_this<ending> {
public:
    /// Resumes whoever waits.
    void come();

    /// Returns when it has come; cancelled, earlier. `self` is kept by the caller's frame.
    static asio::awaitable<result<void>> wait(std::shared_ptr<ending> self);

private:
    class waiter;

    std::mutex mutex_;
    bool is_over_ = false;
    std::vector<std::shared_ptr<waiter>> waiting_;
};

} // namespace eventstore::detail
