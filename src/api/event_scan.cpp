#include "api/event_scan.hpp"

#include "api/call.hpp"
#include "async/latch.hpp"
#include "async/run_apart.hpp"
#include "base/text.hpp"
#include "read/page.hpp"
#include "storage/continuity.hpp"
#include "storage/validation.hpp"

#include <boost/asio/co_spawn.hpp>

#include <exception>

namespace eventstore::detail {

using fetched = result<read::reader::snapshot>;

namespace {

constexpr operation_kind scanning{"scan"};

} // namespace

/// A page on its way, which may be waited for or not, now or later.
class page_fetch {
public:
    void complete(fetched page) {
        page_ = std::move(page);
        arrived_->open();
    }

    /// Returns when the page is there; cancelled, earlier, with that failure.
    asio::awaitable<result<void>> arrived() const {
        return latch::wait(arrived_, "waiting for the next page of a scan"); // the read has a deadline
    }

    fetched take() { return std::move(*page_); }

private:
    std::optional<fetched> page_;
    const std::shared_ptr<latch> arrived_ = std::make_shared<latch>();
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
    if (const auto why = check_call(store_, limit_)) return fetch_->complete(*why); // closed since the last page
    auto read = read::reader::read_snapshot(core.reader, stream_, options_, core.deadline(limit_), seen_.position);
    auto then = [fetch = fetch_](fetched page) { fetch->complete(std::move(page)); };
    apart_handler<read::reader::snapshot, decltype(then)> handler("reading a page ahead", std::move(then));
    asio::co_spawn(core.environment.executor, std::move(read), std::move(handler));
}

asio::awaitable<std::optional<failure>> scan_impl::check_page(
    std::shared_ptr<scan_impl> self, const read::reader::snapshot& next) {
    if (self->seen_.position == 0) co_return std::nullopt;
    if (next.stream_id != self->stream_id_) co_return self->another_stream();
    switch (storage::continuity_of(self->seen_, next.timeline, next.head, next.seen_event)) {
    case storage::continuity::held: co_return std::nullopt;
    case storage::continuity::lost: co_return self->cut_back();
    case storage::continuity::unknown: break;
    }
    // The event was deleted for good: a stream that is still the same has lost nothing else; of the log the forks tell.
    if (next.timeline != 0 && !self->is_log()) co_return std::nullopt;
    if (!self->is_log()) co_return self->standby_is_behind(next.head);
    const auto& core = *self->store_->core;
    auto looking = read::reader::look(core.reader, self->seen_, core.deadline(self->limit_));
    const auto now = co_await std::move(looking);
    if (!now) co_return now.error();
    if (!now->is_held) co_return self->cut_back();
    co_return std::nullopt;
}

// Going forward, what comes next is proven by what came last; going backward, everything is by what came first.
void scan_impl::note_page(const read::reader::snapshot& next) {
    stream_id_ = next.stream_id;
    if (next.timeline != 0) seen_.timeline = next.timeline;
    const event_page& page = next.page;
    if (options_.is_backward()) {
        if (seen_.position != 0 || page.empty()) return;
        seen_.position = is_log() ? page.front().link_position() : page.front().link_version();
        seen_.event = page::row_id_of(page.front());
        return;
    }
    const std::int64_t reached = page.next_from() - 1;
    if (reached <= seen_.position) return;
    seen_.position = reached;
    seen_.event = next.event_at(reached);
}

failure scan_impl::another_stream() const {
    return failure(errc::stream_deleted,
        {.message = message("stream ", quoted_for_message(stream_),
             " was deleted for good while it was scanned, and another one has its name; scan that one from its "
             "beginning"),
            .stream = stream_});
}

failure scan_impl::standby_is_behind(std::int64_t head) const {
    return failure(errc::connection_lost,
        {.message = message("scanning ", quoted_for_message(stream_),
             ": the server is a standby that has it up to version ", std::to_string(head), ", and version ",
             std::to_string(seen_.position), " was read; go on when it has got there"),
            .stream = stream_,
            .retry_helps = true});
}

failure scan_impl::cut_back() const {
    return failure(errc::log_truncated,
        {.message = message("scanning ", quoted_for_message(stream_), ": the log does not hold the event at ",
             is_log() ? "position " : "version ", std::to_string(seen_.position),
             " any more, which was read: a fail-over has lost its end, or a backup was restored; scan again from the "
             "beginning"),
            .stream = stream_});
}

asio::awaitable<result<bool>> scan_impl::advance(std::shared_ptr<scan_impl> self) {
    auto why = check_call(self->store_, self->limit_);
    if (!why) why = storage::check_read(self->stream_, self->options_);
    if (why) co_return *why;
    while (self->index_ >= self->current_.size()) {
        if (self->last_page_) co_return false;
        if (!self->fetch_) self->fetch();
        auto arriving = self->fetch_->arrived();
        const auto arrived = co_await std::move(arriving);
        if (!arrived) co_return arrived.error(); // nothing was taken
        auto next = std::exchange(self->fetch_, nullptr)->take();
        if (!next) co_return next.error(); // the next call tries again
        auto checking = check_page(self, *next);
        auto stopped = co_await std::move(checking);
        if (stopped) co_return std::move(*stopped);
        self->note_page(*next);
        self->current_ = std::move(next->page);
        self->index_ = 0;
        self->last_page_ = self->current_.is_complete();
        self->options_.from(self->current_.next_from());
        if (!self->last_page_) self->fetch();
    }
    co_return true;
}

// The span of a page is that of waiting for it.
asio::awaitable<result<bool>> scan_impl::traced_advance(std::shared_ptr<scan_impl> self) {
    call_trace trace;
    if (self->store_) trace = call_trace(self->store_->core->tracing, scanning);
    auto advancing = tell_cancellation(advance(self), "scanning was cancelled");
    auto has_more = co_await std::move(advancing);
    if (self->store_) handler_watch::resumes(self->store_->core->environment.handlers, scanning.name);
    trace.end(scanning, has_more);
    if (!has_more) co_return has_more.error();
    co_return *has_more;
}

asio::any_io_executor scan_impl::get_executor() const {
    if (!store_) throw error(store_closed());
    return store_->core->environment.executor;
}

asio::awaitable<std::optional<recorded_event>> scan_impl::next(std::shared_ptr<scan_impl> self) {
    if (!self) co_return std::nullopt; // moved from
    const busy_mark mark(*self);
    if (self->index_ >= self->current_.size()) {
        auto advancing = traced_advance(self);
        const auto has_more = co_await std::move(advancing);
        if (!has_more.value()) co_return std::nullopt;
    }
    co_return self->current_[self->index_++];
}

asio::awaitable<std::optional<event_page>> scan_impl::next_page(std::shared_ptr<scan_impl> self) {
    if (!self) co_return std::nullopt;
    const busy_mark mark(*self);
    auto advancing = traced_advance(self);
    const auto has_more = co_await std::move(advancing);
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

asio::any_io_executor event_scan::get_executor() const {
    if (!impl_) throw error(failure(errc::store_closed, "the scan was moved from"));
    return impl_->get_executor();
}

} // namespace eventstore
