#include "store/store_core.hpp"

#include <boost/asio/post.hpp>

namespace eventstore::detail {

/// A close() that is waited for.
class store_core::end_waiter final : public operation {
public:
    explicit end_waiter(std::weak_ptr<store_core> owner) : owner_(std::move(owner)) {}

    void end() {
        if (claim())
            finish();
    }
    result<void> outcome;

private:
    void start() override {
        const auto owner = owner_.lock();
        {
            const std::lock_guard lock(owner->mutex_);
            if (owner->parts_open_ > 0) {
                owner->waiting_.push_back(std::static_pointer_cast<end_waiter>(shared_from_this()));
                return;
            }
        }
        end();
    }
    void cancel() noexcept override {
        if (!claim())
            return;
        outcome = failure(errc::cancelled, "waiting for the store to close was cancelled; the closing goes on");
        finish();
    }
    void expire() noexcept override {}

    const std::weak_ptr<store_core> owner_;
};

store_core::store_core(const store_options& options_, asio::any_io_executor executor_)
    : options(options_), executor(std::move(executor_)), timers(std::make_shared<deadlines>(executor)),
      statements(std::make_shared<const log::statements>(options.schema())),
      pool(std::make_shared<postgres::pool>(options, executor, timers)),
      reader(std::make_shared<log::reader>(pool, statements)),
      appender(std::make_shared<log::appender>(options, executor, statements, timers)) {}

void store_core::close() noexcept {
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(closing_, true))
            return;
        timer_ = std::make_unique<asio::steady_timer>(executor, options.close_timeout());
        timer_->async_wait([weak = weak_from_this()](const boost::system::error_code& stopped) {
            const auto self = weak.lock();
            if (stopped || !self)
                return;
            self->appender->drop();
            self->pool->drop();
        });
    }
    // The parts may outlive their handles; `self` keeps the core until both have ended.
    auto ended = [self = shared_from_this()] { self->part_closed(); };
    appender->close(ended);
    pool->close(ended);
}

void store_core::part_closed() {
    std::vector<std::shared_ptr<end_waiter>> waiting;
    {
        const std::lock_guard lock(mutex_);
        if (--parts_open_ > 0)
            return;
        waiting = std::exchange(waiting_, {});
        timer_->cancel();
    }
    for (const auto& each : waiting)
        each->end();
}

asio::awaitable<result<void>> store_core::wait_closed(std::shared_ptr<store_core> self) {
    const auto waiting = std::make_shared<end_waiter>(self);
    co_await suspend(waiting, nullptr, steady_time::max());
    co_return waiting->outcome;
}

} // namespace eventstore::detail
