// The appender's connection: borrowed when there is something to append, and given back when others want one.
#include "log/appender.hpp"

#include "log/flush.hpp"
#include "log/inspection.hpp"
#include "log/outcome_failure.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace eventstore::log {

void appender::on_lent(connection_ptr link) {
    asio::post(
        *strand_, [self = shared_from_this(), link = std::move(link)]() mutable { self->lent(std::move(link)); });
}

void appender::lent(connection_ptr link) {
    loan_ = loan::held;
    had_turn_ = false;
    if (link) {
        link->move_to(*strand_);
        if (link->is_open())
            adopt(std::move(link));
        else
            lender_->lost();
    }
    cut();
    if (lender_->is_wanted()) give_back_soon(); // it may have nothing to send any more
}

void appender::adopt(connection_ptr link) {
    link->start_pipeline([weak = weak_from_this()](const failure& why) {
        if (const auto self = weak.lock()) self->broken(why);
    });
    connection_ = std::move(link);
    const std::lock_guard lock(mutex_);
    connect_failure_.reset();
}

void appender::on_recalled() {
    asio::post(*strand_, [self = shared_from_this()] {
        if (!self->give_back()) self->lender_->keeps();
    });
}

// After its turn, or while it has nothing to send, it does not keep others waiting.
bool appender::is_due_back() {
    if (loan_ != loan::held || connecting_) return false;
    const std::lock_guard lock(mutex_);
    return !gate_.is_shut() && (had_turn_ || queue_.empty());
}

bool appender::give_back() {
    if (!is_due_back()) return false;
    if (connection_ && !connection_->is_at_rest()) {
        if (!connection_->is_idle()) return false;
        connection_->settle();
        give_back_soon();
        return false;
    }
    loan_ = loan::none;
    auto link = std::move(connection_);
    lender_->give_back(this, std::move(link));
    return true;
}

// Not from within the connection's own loop.
void appender::give_back_soon() {
    asio::post(*strand_, [self = shared_from_this()] {
        if (!self->lender_->is_wanted() || !self->give_back()) return;
        bool is_needed = false;
        {
            const std::lock_guard lock(self->mutex_);
            is_needed = self->gate_.is_open() && !self->queue_.empty();
        }
        if (is_needed) self->connect_soon(); // the next turn
    });
}

void appender::connect_soon() {
    bool is_needed = false;
    {
        const std::lock_guard lock(mutex_);
        is_needed = !queue_.empty() && !dropped_;
    }
    if (!is_needed) {
        (void)give_back();
        return end_if_done();
    }
    if (loan_ == loan::none) {
        loan_ = loan::asked;
        return lender_->ask(shared_from_this());
    }
    if (loan_ == loan::held && !std::exchange(connecting_, true))
        asio::co_spawn(*strand_, connect(), [self = shared_from_this()](const std::exception_ptr&) {});
}

asio::awaitable<void> appender::connect() {
    const auto self = shared_from_this();
    if (environment_.now() < connects_.not_before()) {
        auto pausing = until_connect_.until(connects_.not_before());
        co_await std::move(pausing);
    }
    auto looking = look_around(options_, options_.schema(), seen_->latest(), purpose::appending);
    auto connecting = postgres::connector::connect(connector_, *strand_, std::move(looking));
    const auto made = co_await std::move(connecting);
    connecting_ = false;
    if (made) {
        connects_.connected();
        lender_->opened();
        adopt(*made);
    } else {
        failed_to_connect(made.error());
    }
    cut();
}

void appender::failed_to_connect(const failure& why) {
    connects_.failed(why, environment_.now(), detail::random_number());
    const bool is_of_this_log =
        why.code() == errc::log_truncated || why.code() == errc::schema_missing || why.code() == errc::schema_too_new;
    if (!is_of_this_log) lender_->failed_to_open(why); // others wait for the same server
    {
        const std::lock_guard lock(mutex_);
        connect_failure_ = why;
    }
    if (connects_.is_hopeless(environment_.now())) refuse_all(why);
}

// They need not wait for what does not pass by itself.
void appender::refuse_all(const failure& why) {
    std::deque<request_ptr> all;
    {
        const std::lock_guard lock(mutex_);
        all = queue_.take_all();
    }
    for (const request_ptr& each : all) each->fail(about(*each, why));
}

bool appender::is_dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_;
}

void appender::broken(const failure& why) {
    connection_.reset();
    lender_->lost();
    connector_->lost(why);
    connects_.lost(environment_.now(), detail::random_number());
    const std::lock_guard lock(mutex_);
    if (!gate_.is_shut()) cut_soon(); // what waits needs a new connection
}

} // namespace eventstore::log
