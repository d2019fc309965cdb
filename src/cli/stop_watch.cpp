#include "cli/stop_watch.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <system_error>
#include <utility>

namespace eventstore::cli {

namespace {

/// A request to stop, from any thread.
class stop_request : public std::enable_shared_from_this<stop_request> {
public:
    explicit stop_request(asio::any_io_executor executor)
        : executor_(std::move(executor)), event_(eventfd(0, EFD_CLOEXEC)) {
        if (event_ < 0) throw std::system_error(errno, std::generic_category(), "cannot watch for signals");
    }
    ~stop_request() { close(event_); }
    stop_request(const stop_request&) = delete;
    stop_request& operator=(const stop_request&) = delete;

    void make() {
        made_ = true;
        eventfd_write(event_, 1);
        asio::post(
            executor_, [self = shared_from_this()] { self->cancellation_.emit(asio::cancellation_type::terminal); });
    }
    bool is_made() const noexcept { return made_; }
    /// Can be read when the request was made.
    int descriptor() const noexcept { return event_; }
    asio::cancellation_slot slot() noexcept { return cancellation_.slot(); }

private:
    const asio::any_io_executor executor_;
    const int event_;
    std::atomic<bool> made_{false};
    asio::cancellation_signal cancellation_; // on the executor only
};

/// Makes the request when it is time.
class stop_watch {
public:
    stop_watch(output& out, const asio::any_io_executor& executor, const asio::any_io_executor& background,
        std::shared_ptr<stop_request> stop)
        : out_(out), signals_(background, SIGINT, SIGTERM), reader_(executor) {
        out_.wait_until(stop->descriptor());
        signals_.async_wait([stop](boost::system::error_code failed, int) {
            if (!failed) stop->make();
        });
        watch_reader(std::move(stop));
    }
    ~stop_watch() { out_.wait_until(-1); }
    stop_watch(const stop_watch&) = delete;
    stop_watch& operator=(const stop_watch&) = delete;

private:
    /// A pipe, a socket and a terminal tell when the other side goes. A file, which has none, refuses to be watched.
    void watch_reader(std::shared_ptr<stop_request> stop) {
        // Not the output itself: Asio would make it non-blocking, for all processes that share it.
        const int watcher = epoll_create1(EPOLL_CLOEXEC);
        epoll_event errors_only{};
        if (watcher < 0 || epoll_ctl(watcher, EPOLL_CTL_ADD, STDOUT_FILENO, &errors_only) != 0) {
            close(watcher);
            return;
        }
        reader_.assign(watcher);
        reader_.async_wait(
            asio::posix::stream_descriptor::wait_read, [stop = std::move(stop)](boost::system::error_code failed) {
                if (!failed) stop->make();
            });
    }

    output& out_;
    asio::signal_set signals_; // heard in the background: a write to a slow reader blocks the program's own thread
    asio::posix::stream_descriptor reader_; // of the output
};

} // namespace

asio::awaitable<void> run_until_stopped(task work, asio::awaitable<void> action) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto stop = std::make_shared<stop_request>(executor);
    const stop_watch watch(work.out, executor, work.background, stop);
    try {
        auto running = asio::co_spawn(
            executor, std::move(action), asio::bind_cancellation_slot(stop->slot(), asio::use_awaitable));
        co_await std::move(running);
    } catch (const boost::system::system_error& e) {
        if (!stop->is_made() || e.code() != boost::system::errc::operation_canceled) throw;
    }
}

} // namespace eventstore::cli
