/// A transaction that is about to begin.
#pragma once

#include "async/operation.hpp"
#include "postgres/command.hpp"
#include "postgres/session.hpp"

#include <eventstore/error.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>

namespace eventstore::postgres {

/// One begin(): what its caller waits for.
class begin_request final : public detail::operation {
public:
    /// \param whose the one that has the session then
    begin_request(
        std::weak_ptr<session_pool> owner, std::shared_ptr<session_client> whose, std::chrono::milliseconds limit)
        : client(std::move(whose)), owner_(std::move(owner)), limit_(limit) {}

    /// On the session's strand.
    void send(const std::shared_ptr<session>& on);
    void fail(const failure& why);
    /// There is no session for it.
    void refuse(const failure& why);

    const std::shared_ptr<session_client> client;
    result<session_lease> outcome{failure()};

private:
    std::shared_ptr<begin_request> self() { return std::static_pointer_cast<begin_request>(shared_from_this()); }

    /// Returns the one before.
    std::shared_ptr<session> under_way_on(std::shared_ptr<session> which);
    void answered(const command_end& how);
    void start() override;
    void cancel() noexcept override;
    void expire() noexcept override;
    void close() noexcept override { fail(failure(errc::store_closed, "the store is closed")); }

    const std::weak_ptr<session_pool> owner_; // which holds this request in its queue
    const std::chrono::milliseconds limit_;
    std::size_t left_ = 0; // answers to come
    int attempts_ = 0;
    std::mutex mutex_;                 // the time may be over on any thread
    std::shared_ptr<session> session_; // under way there
};

} // namespace eventstore::postgres
