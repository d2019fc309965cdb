#include "store/scan.hpp"

#include "log/page.hpp"
#include "log/validation.hpp"

#include <boost/asio/co_spawn.hpp>

#include <exception>

namespace eventstore::detail {

/// A page on its way, which may be waited for or not, now or later.
class page_fetch : public std::enable_shared_from_this<page_fetch> {
public:
    void complete(result<event_page> page) {
        std::shared_ptr<wait> waiting;
        {
            const std::lock_guard lock(mutex_);
            page_ = std::move(page);
            waiting = std::exchange(waiting_, nullptr);
        }
        if (waiting && waiting->claim()) waiting->finish();
    }

    /// Returns when the page is there; false if cancelled before.
    static asio::awaitable<bool> ready(std::shared_ptr<page_fetch> self) {
        {
            const std::lock_guard lock(self->mutex_);
            if (self->page_) co_return true;
        }
        const auto waiting = std::make_shared<wait>(self);
        co_await suspend(waiting, nullptr, steady_time::max()); // the read has a deadline
        co_return !waiting->was_cancelled;
    }

    result<event_page> take() {
        const std::lock_guard lock(mutex_);
        return std::move(*page_);
    }

private:
    class wait final : public operation {
    public:
        explicit wait(std::weak_ptr<page_fetch> owner) : owner_(std::move(owner)) {}
        bool was_cancelled = false;

    private:
        void start() override {
            const auto owner = owner_.lock();
            {
                const std::lock_guard lock(owner->mutex_);
                if (!owner->page_) {
                    owner->waiting_ = std::static_pointer_cast<wait>(shared_from_this());
                    return;
                }
            }
            if (claim()) finish();
        }
        void cancel() noexcept override {
            if (!claim()) return;
            was_cancelled = true;
            finish();
        }
        void expire() noexcept override {}

        const std::weak_ptr<page_fetch> owner_;
    };

    std::mutex mutex_;
    std::optional<result<event_page>> page_;
    std::shared_ptr<wait> waiting_;
};

/// One next() at a time.
class scan_impl::busy_mark {
public:
    explicit busy_mark(scan_impl& scan) : scan_(scan) {
        if (std::exchange(scan.busy_, true))
            throw error(failure(errc::next_pending, "another next() or next_page() of this scan is waiting"));
    }
    ~busy_mark() { scan_.busy_ = false; }
    busy_mark(const busy_mark&) = delete;
    busy_mark& operator=(const busy_mark&) = delete;

private:
    scan_impl& scan_;
};

scan_impl::scan_impl(
    std::shared_ptr<store_impl> store, std::string stream, read_options options, std::chrono::milliseconds limit)
    : store_(std::move(store)), stream_(std::move(stream)), options_(std::move(options)), limit_(limit) {}

scan_impl::~scan_impl() = default;

void scan_impl::fetch() {
    fetch_ = std::make_shared<page_fetch>();
    const auto& core = *store_->core;
    auto read = log::reader::read(core.reader, stream_, options_, core.deadline(limit_));
    asio::co_spawn(
        core.executor, std::move(read), [fetch = fetch_](const std::exception_ptr& thrown, result<event_page> page) {
            if (thrown) page = failure(errc::cancelled, "reading a page ahead was cancelled");
            fetch->complete(std::move(page));
        });
}

asio::awaitable<result<bool>> scan_impl::advance(std::shared_ptr<scan_impl> self) {
    auto why = check_call(self->store_, self->limit_);
    if (!why) why = log::check_read(self->stream_, self->options_);
    if (why) co_return *why;
    while (self->index_ >= self->current_.size()) {
        if (self->last_page_) co_return false;
        if (!self->fetch_) self->fetch();
        const bool is_there = co_await page_fetch::ready(self->fetch_);
        if (!is_there)
            co_return failure(errc::cancelled, "waiting for the next page of a scan was cancelled; nothing was taken");
        auto page = std::exchange(self->fetch_, nullptr)->take();
        if (!page) co_return page.error(); // the next call tries again
        self->current_ = std::move(*page);
        self->index_ = 0;
        self->last_page_ = self->current_.complete();
        self->options_.from(self->current_.next_from());
        if (!self->last_page_) self->fetch();
    }
    co_return true;
}

asio::awaitable<std::optional<recorded_event>> scan_impl::next(std::shared_ptr<scan_impl> self) {
    if (!self) co_return std::nullopt; // moved from
    const busy_mark mark(*self);
    if (self->index_ >= self->current_.size()) {
        const auto has_more = co_await advance(self);
        if (!has_more.value()) co_return std::nullopt;
    }
    co_return self->current_[self->index_++];
}

asio::awaitable<std::optional<event_page>> scan_impl::next_page(std::shared_ptr<scan_impl> self) {
    if (!self) co_return std::nullopt;
    const busy_mark mark(*self);
    const auto has_more = co_await advance(self);
    if (!has_more.value()) co_return std::nullopt;
    event_page rest = std::exchange(self->current_, event_page());
    if (const std::size_t taken = std::exchange(self->index_, 0); taken > 0)
        rest = page::rest_of(rest, taken); // next() has taken its beginning
    co_return rest;
}

} // namespace eventstore::detail

namespace eventstore {

event_scan::event_scan(std::shared_ptr<detail::scan_impl> impl) noexcept : impl_(std::move(impl)) {}
event_scan::event_scan(event_scan&&) noexcept = default;
event_scan& event_scan::operator=(event_scan&&) noexcept = default;
event_scan::~event_scan() = default;

asio::awaitable<std::optional<recorded_event>> event_scan::next() { return detail::scan_impl::next(impl_); }
asio::awaitable<std::optional<event_page>> event_scan::next_page() { return detail::scan_impl::next_page(impl_); }

} // namespace eventstore
