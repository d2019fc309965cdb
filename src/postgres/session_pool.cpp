#include "postgres/session_pool.hpp"

#include "base/text.hpp"
#include "postgres/command.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <random>

namespace eventstore::postgres {

namespace {

constexpr int most_attempts = 5;
constexpr std::chrono::seconds longest_idle(60);

// A statement that nobody waits for any more ends with its connection. Not every server can do that.
constexpr char watch_connection[] = "set client_connection_check_interval = '1s'";

// What DISCARD ALL does, but for the plans that the append functions have made: to make them again costs more than all of
// this. In one group, and so in one transaction.
constexpr const char* cleaning[] = {
    "close all",
    "reset session authorization",
    "reset all",
    "deallocate all",
    "unlisten *",
    "discard temp",
    "discard sequences",
    "select pg_catalog.pg_advisory_unlock_all()",
};

failure closed_failure() { return failure(errc::store_closed, "the store is closed"); }

} // namespace

/// One begin(): what its caller waits for.
class begin_request final : public detail::operation {
public:
    begin_request(std::weak_ptr<session_pool> owner, std::chrono::milliseconds limit)
        : owner_(std::move(owner)), limit_(limit) {}

    /// On the session's strand.
    void send(const std::shared_ptr<session>& on) {
        const auto owner = owner_.lock();
        if (!owner) return;
        if (is_claimed() || !on->link) {
            // Clean already; or gone, and somebody else has told.
            if (on->link) owner->give_back(on);
            return owner->put_back(self());
        }
        session_ = on;
        // The log's lock, and those of rows, are waited for no longer than the caller would; then there is a clear error.
        constexpr std::int64_t longest = 2'147'483'647; // milliseconds, of a setting
        const std::int64_t limit = std::min<std::int64_t>(limit_.count(), longest);
        const std::string patience = std::to_string(std::max<std::int64_t>(limit * 3 / 4, 1));
        const std::string silence = std::to_string(limit);
        const auto ended = [request = self()](const command_end& how) { request->answered(how); };
        const std::string doing = "beginning a transaction";
        const std::shared_ptr<request> group[] = {
            make_command("begin isolation level read committed", doing, ended),
            make_command("set local idle_in_transaction_session_timeout = " + silence, doing, ended),
            make_command("set local lock_timeout = " + patience, doing, ended),
        };
        left_ = std::size(group);
        const auto link = on->link;
        link->send(group);
    }

    void fail(const failure& why) {
        if (!claim()) return;
        outcome = why;
        finish();
    }

    result<session_lease> outcome{failure()};

private:
    std::shared_ptr<begin_request> self() { return std::static_pointer_cast<begin_request>(shared_from_this()); }

    void answered(const command_end& how) {
        if (left_ == 0) return; // has ended already
        if (!how.why && --left_ > 0) return;
        left_ = 0;
        const auto owner = owner_.lock();
        const auto on = std::exchange(session_, nullptr);
        if (!owner) return;
        if (!how.why) {
            session_lease lease(owner, on); // given back here, if the caller has gone
            if (!claim()) return;
            outcome = std::move(lease);
            return finish();
        }
        if (how.was_lost && (!how.was_sent || ++attempts_ < most_attempts)) return owner->put_back(self());
        on->drop(*how.why);
        fail(*how.why);
    }

    void start() override {
        if (const auto owner = owner_.lock()) owner->submit(self());
    }
    void cancel() noexcept override {
        fail(failure(errc::cancelled, "beginning a transaction was cancelled; nothing is left behind"));
    }
    void expire() noexcept override {
        const auto owner = owner_.lock();
        if (!owner || !claim()) return;
        outcome = owner->last_failure();
        if (const auto on = session_) on->drop(failure(errc::connection_lost, "dropped a connection that fell silent"));
        finish();
    }

    const std::weak_ptr<session_pool> owner_; // which holds this request in its queue
    const std::chrono::milliseconds limit_;
    std::shared_ptr<session> session_; // under way there
    std::size_t left_ = 0;             // answers to come
    int attempts_ = 0;
};

void session::send(std::shared_ptr<request> what) {
    const std::shared_ptr<request> group[] = {std::move(what)};
    const auto keep = link;
    if (keep)
        keep->send(group);
    else
        group[0]->on_lost(failure(errc::connection_lost, "the connection to PostgreSQL was lost"), false);
}

void session::drop(failure why) {
    post([self = shared_from_this(), why = std::move(why)] {
        if (const auto keep = self->link) keep->drop(why);
    });
}

void session_lease::give_back() noexcept {
    const auto what = std::exchange(session_, nullptr);
    if (!what) return;
    if (const auto owner = owner_.lock()) owner->give_back(what);
}

void session_lease::drop(const failure& why) noexcept {
    if (const auto what = std::exchange(session_, nullptr)) what->drop(why);
}

session_pool::session_pool(
    const store_options& options, asio::any_io_executor executor, std::shared_ptr<detail::deadlines> timers)
    : options_(options), executor_(std::move(executor)), timers_(std::move(timers)) {}

session_pool::~session_pool() = default;

asio::awaitable<result<session_lease>> session_pool::begin(
    std::shared_ptr<session_pool> self, std::chrono::milliseconds limit, detail::steady_time deadline) {
    const auto waiting = std::make_shared<begin_request>(self, limit);
    co_await detail::suspend(waiting, self->timers_.get(), deadline);
    co_return std::move(waiting->outcome);
}

void session_pool::submit(std::shared_ptr<begin_request> next) {
    {
        const std::lock_guard lock(mutex_);
        if (!closed_) {
            waiting_.push_back(std::move(next));
            return serve();
        }
    }
    next->fail(closed_failure());
}

void session_pool::put_back(std::shared_ptr<begin_request> first) {
    if (first->is_claimed()) return;
    {
        const std::lock_guard lock(mutex_);
        if (!closed_) {
            waiting_.push_front(std::move(first));
            return serve();
        }
    }
    first->fail(closed_failure());
}

void session_pool::serve() {
    while (!waiting_.empty()) {
        if (waiting_.front()->is_claimed()) { // cancelled, or out of time
            waiting_.pop_front();
            continue;
        }
        if (idle_.empty()) break;
        const session_ptr chosen = std::move(idle_.back());
        idle_.pop_back();
        chosen->is_used_ = true;
        chosen->post([chosen, next = std::move(waiting_.front())] { next->send(chosen); });
        waiting_.pop_front();
    }
    open_more();
}

void session_pool::open_more() {
    if (closed_) return;
    const auto now = std::chrono::steady_clock::now();
    while (connecting_.size() < waiting_.size() && sessions_.size() + connecting_.size() < options_.pool_size()) {
        if (now < not_before_) {
            if (retry_timer_) return;
            retry_timer_ = std::make_shared<asio::steady_timer>(executor_, not_before_);
            retry_timer_->async_wait([weak = weak_from_this()](const boost::system::error_code&) {
                const auto self = weak.lock();
                if (!self) return;
                const std::lock_guard lock(self->mutex_);
                self->retry_timer_ = nullptr;
                self->serve();
            });
            return;
        }
        const auto next = std::make_shared<session>(executor_);
        std::erase_if(made_, [](const auto& each) { return each.expired(); });
        made_.push_back(next);
        // A transaction's statements differ from call to call: nothing is prepared.
        connecting_.emplace_back(next, std::make_shared<connection>(*next->strand_, false, options_.on_log()));
        next->post([self = shared_from_this(), next] {
            asio::co_spawn(*next->strand_, self->connect(next), [self](const std::exception_ptr&) {});
        });
    }
}

asio::awaitable<void> session_pool::connect(session_ptr which) {
    const auto self = shared_from_this();
    const auto deadline = std::chrono::steady_clock::now() + options_.operation_timeout();
    std::shared_ptr<connection> link;
    result<void> outcome;
    {
        const std::lock_guard lock(mutex_);
        const auto found =
            std::ranges::find(connecting_, which, &std::pair<session_ptr, std::shared_ptr<connection>>::first);
        if (found == connecting_.end()) co_return; // abandoned
        link = found->second;
        if (closed_) outcome = closed_failure();
    }
    try {
        auto settings = connect_settings::make(options_, session_kind::transacting);
        if (!settings) {
            outcome = settings.error();
        } else if (outcome) {
            auto attempt = connection::connect(link, *settings, deadline);
            outcome = co_await std::move(attempt);
            if (outcome && !options_.is_pooled()) {
                auto watching = connection::run_script(link, watch_connection, deadline);
                const auto watched = co_await std::move(watching);
                if (!watched && watched.error().code() != errc::database_error) outcome = watched.error();
            }
        }
    } catch (const std::exception& problem) { // out of descriptors, threads or memory
        outcome = failure(errc::connection_lost, detail::message("connecting to PostgreSQL: ", problem.what()));
    }

    const std::lock_guard lock(mutex_);
    std::erase_if(connecting_, [&](const auto& each) { return each.first == which; });
    if (outcome && !closed_) {
        connect_failure_.reset();
        backoff_.succeeded();
        ++connects_;
        link->start_pipeline([weak = weak_from_this(), of = std::weak_ptr(which)](const failure& why) {
            const auto owner = weak.lock();
            const auto session = of.lock();
            if (owner && session) owner->broken(session, why);
        });
        which->link = std::move(link);
        which->idle_since_ = std::chrono::steady_clock::now();
        sessions_.push_back(which);
        idle_.push_back(which);
        serve();
    } else if (!outcome && !closed_) {
        connect_failure_ = outcome.error();
        (void)backoff_.next(0); // the first try after a failure waits, too
        not_before_ =
            std::chrono::steady_clock::now() + std::max(backoff_.next(std::random_device()()), detail::backoff::first);
        log(outcome.error().message());
        serve();
    }
    check_closed();
}

void session_pool::give_back(const session_ptr& which) {
    which->post([self = shared_from_this(), which] { self->clean(which); });
}

void session_pool::clean(const session_ptr& which) {
    const auto link = which->link;
    if (!link) return; // broken, and told
    if (is_closed() || !link->is_idle())
        return link->drop(failure(errc::connection_lost, "dropped the connection of a transaction that was given up"));
    const bool is_open = link->transaction_status() != PQTRANS_IDLE;
    // Those behind it in the pipeline are sent elsewhere, if the cleaning fails.
    const auto ended = [weak = std::weak_ptr(link)](const command_end& how) {
        if (!how.why || how.was_lost) return;
        if (const auto alive = weak.lock()) alive->drop(*how.why);
    };
    const std::string doing = "cleaning up after a transaction";
    if (is_open) which->send(make_command("rollback", doing, ended));
    if (!options_.is_pooled()) { // a pooler would have another server's session cleaned
        std::vector<std::shared_ptr<request>> group;
        for (const char* const each : cleaning) group.push_back(make_command(each, doing, ended));
        link->send(group);
        which->send(make_command(watch_connection, doing, [](const command_end&) {}));
    }
    if (!which->link) return;
    const std::lock_guard lock(mutex_);
    if (closed_) return which->drop(closed_failure());
    which->is_used_ = false;
    which->idle_since_ = std::chrono::steady_clock::now();
    idle_.push_back(which);
    close_unused();
    serve();
}

void session_pool::broken(const session_ptr& which, const failure& why) {
    which->link.reset();
    const std::lock_guard lock(mutex_);
    std::erase(sessions_, which);
    std::erase(idle_, which);
    if (!closed_) {
        log(why.message());
        serve();
    }
    check_closed();
}

// Whenever a session is given back: a timer would keep the io_context from ending.
void session_pool::close_unused() {
    const auto long_ago = std::chrono::steady_clock::now() - longest_idle;
    while (idle_.size() > 1 && idle_.front()->idle_since_ < long_ago) {
        idle_.front()->drop(failure(errc::connection_lost, "closed a connection that no transaction has needed"));
        idle_.pop_front();
    }
}

failure session_pool::last_failure() const {
    constexpr std::string_view doing = "beginning a transaction: ";
    const std::lock_guard lock(mutex_);
    failure::facts facts;
    facts.retry_helps = true;
    if (connect_failure_ && sessions_.empty()) {
        facts.message =
            detail::message(doing, "no connection could be had in time; last: ", connect_failure_->message());
        return failure(errc::connection_lost, std::move(facts));
    }
    const auto used = std::ranges::count_if(sessions_, [](const auto& each) { return each->is_used_; });
    if (static_cast<std::size_t>(used) >= options_.pool_size())
        facts.message = detail::message(doing, "all ", std::to_string(used),
            " connections for transactions (pool_size) were in use all the time; end transactions sooner, or allow "
            "more");
    else
        facts.message = detail::message(doing, "no answer in time");
    return failure(errc::timeout, std::move(facts));
}

void session_pool::close(std::function<void()> closed) {
    std::deque<std::shared_ptr<begin_request>> refused;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        when_closed_ = std::move(closed);
        refused = std::exchange(waiting_, {});
        if (retry_timer_) retry_timer_->cancel();
        for (const auto& [which, link] : connecting_) which->post([link] { link->stop_connecting(); });
        for (const session_ptr& each : sessions_) {
            // One that is waited for ends when its transaction is given back.
            each->post([each] {
                if (const auto link = each->link; link && link->is_idle()) link->drop(closed_failure());
            });
        }
        check_closed();
    }
    for (const auto& each : refused) each->fail(closed_failure());
}

void session_pool::check_closed() {
    if (!closed_ || !when_closed_ || !sessions_.empty() || !connecting_.empty()) return;
    asio::post(executor_, std::exchange(when_closed_, nullptr));
}

void session_pool::drop() {
    const std::lock_guard lock(mutex_);
    for (const session_ptr& each : sessions_) each->drop(closed_failure());
}

void session_pool::abandon() noexcept {
    std::vector<session_ptr> all;
    std::vector<std::shared_ptr<connection>> links;
    std::shared_ptr<asio::steady_timer> timer;
    std::deque<std::shared_ptr<begin_request>> waiting;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        when_closed_ = nullptr;
        for (const auto& each : made_) {
            if (auto alive = each.lock()) all.push_back(std::move(alive));
        }
        for (auto& [which, link] : std::exchange(connecting_, {})) links.push_back(std::move(link));
        sessions_.clear();
        idle_.clear();
        waiting = std::exchange(waiting_, {});
        timer = std::exchange(retry_timer_, nullptr);
    }
    for (const session_ptr& each : all) {
        links.push_back(std::exchange(each->link, nullptr));
        each->strand_.reset();
    }
}

bool session_pool::is_closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
}

void session_pool::log(const std::string& text) const {
    if (options_.on_log()) asio::post(executor_, [log = options_.on_log(), text] { log(text); });
}

session_pool::counts session_pool::count() const {
    const std::lock_guard lock(mutex_);
    const auto used = std::ranges::count_if(sessions_, [](const auto& each) { return each->is_used_; });
    return {connects_, sessions_.size(), static_cast<std::size_t>(used)};
}

} // namespace eventstore::postgres
