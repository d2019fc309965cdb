#include "postgres/session_pool.hpp"

#include "base/text.hpp"
#include "postgres/begin_request.hpp"
#include "postgres/session_cleaning.hpp"
#include "postgres/sql_error.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>

namespace eventstore::postgres {

namespace {

constexpr std::chrono::seconds longest_idle(60);
constexpr detail::retry_policy paced{
    detail::connecting_again.first, detail::connecting_again.longest}; // the first, too

failure closed_failure() { return failure(errc::store_closed, "the store is closed"); }

} // namespace

session_pool::session_pool(const connection_options& options, detail::environment where)
    : options_(options),
      environment_(std::move(where)),
      connector_(std::make_shared<connector>(
          options, environment_, session_kind::transacting, "connecting for transactions")) {}

session_pool::~session_pool() = default;

void session_pool::submit(std::shared_ptr<begin_request> next) {
    {
        const std::lock_guard lock(mutex_);
        if (!closed_ && !next->client->closed_) {
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
        if (!closed_ && !first->client->closed_) {
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
        chosen->user_ = waiting_.front()->client;
        chosen->post([chosen, next = std::move(waiting_.front())] { next->send(chosen); });
        waiting_.pop_front();
    }
    open_more();
}

void session_pool::open_more() {
    if (closed_) return;
    const auto now = environment_.now();
    while (connecting_.size() < waiting_.size() && sessions_.size() + connecting_.size() < options_.pool_size) {
        if (now < connects_.not_before()) {
            if (retry_) return;
            retry_ = detail::call_at(*environment_.timers, connects_.not_before(), [weak = weak_from_this()] {
                const auto self = weak.lock();
                if (!self) return;
                std::shared_ptr<detail::timed> over;
                const std::lock_guard lock(self->mutex_);
                over = std::move(self->retry_);
                self->serve();
            });
            return;
        }
        const auto next = std::make_shared<session>(environment_.executor);
        std::erase_if(made_, [](const auto& each) { return each.expired(); });
        made_.push_back(next);
        connecting_.push_back(next);
        next->post([self = shared_from_this(), next] {
            asio::co_spawn(*next->strand_, self->connect(next), [self](const std::exception_ptr&) {});
        });
    }
}

asio::awaitable<void> session_pool::connect(session_ptr which) {
    const auto self = shared_from_this();
    connection::inspector looking;
    if (make_inspector_) looking = make_inspector_();
    auto connecting = connector::connect(connector_, *which->strand_, std::move(looking));
    const auto made = co_await std::move(connecting);
    std::deque<std::shared_ptr<begin_request>> refused;
    {
        const std::lock_guard lock(mutex_);
        refused = connected(which, made);
    }
    for (const auto& each : refused) each->refuse(made.error());
}

// Returns those who need not wait for what does not pass by itself.
std::deque<std::shared_ptr<begin_request>> session_pool::connected(
    const session_ptr& which, const connector::made& made) {
    std::deque<std::shared_ptr<begin_request>> refused;
    std::erase(connecting_, which);
    if (made && !closed_) {
        connects_.connected();
        connects_.proven(); // it was looked at
        ++made_connections_;
        (*made)->start_pipeline([weak = weak_from_this(), of = std::weak_ptr(which)](const failure& why) {
            const auto owner = weak.lock();
            const auto session = of.lock();
            if (owner && session) owner->broken(session, why);
        });
        which->link = *made;
        which->idle_since_ = environment_.now();
        sessions_.push_back(which);
        idle_.push_back(which);
        serve();
    } else if (!made && !closed_) {
        connects_.failed(made.error(), environment_.now(), detail::random_number());
        if (connects_.is_hopeless(environment_.now())) refused.swap(waiting_);
        serve();
    }
    check_closed();
    return refused;
}

void session_pool::give_back(const session_ptr& which) {
    which->post([self = shared_from_this(), which] { self->clean(which); });
}

void session_pool::clean(const session_ptr& which) {
    const auto link = which->link;
    if (!link) return; // broken, and told
    if (is_closed() || !link->is_idle())
        return link->drop(failure(errc::connection_lost, "dropped the connection of a transaction that was given up"));
    send_cleaning(*which, options_.is_pooled);
    if (!which->link) return;
    const std::lock_guard lock(mutex_);
    if (closed_) return which->drop(closed_failure());
    const auto user = std::exchange(which->user_, nullptr);
    which->idle_since_ = environment_.now();
    idle_.push_back(which);
    close_unused();
    serve();
    if (user) check_closed(*user);
}

void session_pool::broken(const session_ptr& which, const failure& why) {
    which->link.reset();
    const std::lock_guard lock(mutex_);
    std::erase(sessions_, which);
    std::erase(idle_, which);
    const auto user = std::exchange(which->user_, nullptr);
    if (!closed_) {
        connector_->lost(why);
        serve();
    }
    check_closed();
    if (user) check_closed(*user);
}

// Whenever a session is given back: a timer would keep the io_context from ending.
void session_pool::close_unused() {
    const auto long_ago = environment_.now() - longest_idle;
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
    if (const auto& last = connects_.last_failure(); last && sessions_.empty()) {
        facts.message = detail::message(doing, "no connection could be had in time; last: ", last->message());
        return failure(errc::connection_lost, std::move(facts));
    }
    if (in_use() >= options_.pool_size)
        facts.message = detail::message(doing, "all ", std::to_string(options_.pool_size),
            " connections for transactions (pool_size) were in use all the time; end transactions sooner, or allow "
            "more");
    else
        facts.message = detail::message(doing, "no answer in time");
    return failure(errc::timeout, std::move(facts));
}

void session_pool::begin_stop() {
    std::deque<std::shared_ptr<begin_request>> refused;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        refused = std::exchange(waiting_, {});
        retry_.reset();
        connector_->stop();
        for (const session_ptr& each : sessions_) {
            // One that is waited for ends when its transaction is given back; what is being cleaned is not.
            each->post([self = shared_from_this(), each] {
                const auto link = each->link;
                if (link && (link->is_idle() || !self->is_used(*each))) link->drop(closed_failure());
            });
        }
        check_closed();
    }
    for (const auto& each : refused) each->fail(closed_failure());
}

void session_pool::check_closed() {
    if (closed_ && sessions_.empty() && connecting_.empty()) stopped();
}

void session_pool::drop() {
    const std::lock_guard lock(mutex_);
    for (const session_ptr& each : sessions_) each->drop(closed_failure());
}

void session_pool::close(const client_ptr& client) {
    std::vector<std::shared_ptr<begin_request>> refused;
    {
        const std::lock_guard lock(mutex_);
        client->closed_ = true;
        std::erase_if(waiting_, [&](const auto& each) {
            if (each->client != client) return false;
            refused.push_back(each);
            return true;
        });
        drop_used(client, true); // one that is waited for ends when its transaction is given back
        check_closed(*client);
    }
    for (const auto& each : refused) each->fail(closed_failure());
}

void session_pool::drop(const client_ptr& client) {
    const std::lock_guard lock(mutex_);
    drop_used(client, false);
}

void session_pool::drop_used(const client_ptr& client, bool only_idle) {
    for (const session_ptr& each : sessions_) {
        if (each->user_ != client) continue;
        each->post([self = shared_from_this(), each, client, only_idle] {
            const auto link = each->link;
            if (!link || (only_idle && !link->is_idle())) return;
            {
                const std::lock_guard lock(self->mutex_);
                if (each->user_ != client) return; // given back meanwhile: it may be another's
            }
            link->drop(closed_failure());
        });
    }
}

void session_pool::check_closed(session_client& client) {
    if (!client.closed_) return;
    const auto is_its = [&](const session_ptr& each) { return each->user_.get() == &client; };
    if (is_abandoned_ || std::ranges::none_of(sessions_, is_its)) client.stopped();
}

bool session_pool::is_closed(const session_client& client) const {
    const std::lock_guard lock(mutex_);
    return client.closed_;
}

void session_pool::abandon() noexcept {
    std::vector<session_ptr> all;
    std::vector<std::shared_ptr<connection>> links;
    std::shared_ptr<detail::timed> retry;
    std::deque<std::shared_ptr<begin_request>> waiting;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        is_abandoned_ = true;
        for (const auto& each : made_) {
            if (auto alive = each.lock()) all.push_back(std::move(alive));
        }
        connecting_.clear();
        sessions_.clear();
        idle_.clear();
        waiting = std::exchange(waiting_, {});
        retry = std::move(retry_);
    }
    for (const session_ptr& each : all) {
        links.push_back(each->link);
        if (each->link) each->link->drop(closed_failure()); // what is under way fails, and looks at it
        each->link.reset();
        const std::lock_guard lock(each->mutex_);
        each->strand_.reset();
    }
    for (const auto& each : waiting) each->fail(closed_failure());
}

bool session_pool::is_used(const session& which) const {
    const std::lock_guard lock(mutex_);
    return which.user_ != nullptr;
}

bool session_pool::is_closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
}

session_pool::counts session_pool::count() const {
    const std::lock_guard lock(mutex_);
    return {made_connections_, sessions_.size(), in_use()};
}

std::size_t session_pool::in_use() const {
    const auto used = std::ranges::count_if(sessions_, [](const auto& each) { return each->user_ != nullptr; });
    return static_cast<std::size_t>(used);
}

} // namespace eventstore::postgres
