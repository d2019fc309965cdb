/// Appends whose events are written into a read model before the commit.
#pragma once

#include "append/append_plan.hpp"
#include "append/append_queue.hpp"
#include "append/append_request.hpp"
#include "async/asio_calls.hpp"
#include "base/live_objects.hpp"
#include "runtime/store_core.hpp"

#include <eventstore/projection_batch.hpp>
#include <eventstore/store.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace eventstore::projection {

namespace asio = boost::asio;

/// Appends that wait share a transaction. One coroutine on the store's executor carries them out, group by group, while
/// there are any. Thread safe.
class inline_appender final : public append::appender,
                              public std::enable_shared_from_this<inline_appender>,
                              private detail::live_object {
public:
    inline_appender(const store& in, projection_handler handler);

    void submit(std::shared_ptr<append::append_request> next) override;
    void cancelled(append::append_request& request) noexcept override;
    void overdue(const std::shared_ptr<append::append_request>& request) noexcept override;
    void closed(append::append_request& request) noexcept override;

private:
    using request_ptr = std::shared_ptr<append::append_request>;
    using request_list = std::vector<request_ptr>;
    class running_mark;

    EVENTSTORE_NOT_INTO_COROUTINES void spawn();
    static asio::awaitable<void> run(std::shared_ptr<inline_appender> self);
    request_list next_group();
    asio::awaitable<void> carry_out(request_list group);
    asio::awaitable<append::append_plan::verdict> commit(const request_list& group);
    void deliver(const request_list& group, const append::append_plan::verdict& verdict);
    bool try_again(const request_list& group, const failure& why);
    void give_up(append::append_request& request, errc why) noexcept;
    void fail_all(const failure& why) noexcept;

    const store in_;
    const std::shared_ptr<detail::store_core> core_;
    const projection_handler handler_;

    std::mutex mutex_;
    append::append_queue<append::append_request> queue_;
    request_list under_way_;
    bool is_running_ = false;
};

} // namespace eventstore::projection
