#include "postgres/pool.hpp"

#include "base/text.hpp"
#include "postgres/pool_request.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace eventstore::postgres {

pool::pool(const connection_options& options, detail::environment where)
    : environment_(std::move(where)),
      connector_(std::make_shared<connector>(options, environment_, session_kind::reading, "connecting")),
      state_(options.pool_size),
      slots_(options.pool_size) {
    for (slot& each : slots_) each.strand = std::make_unique<connection::strand>(environment_.executor);
}

pool::~pool() = default;

asio::awaitable<result<answer>> pool::execute(
    std::shared_ptr<pool> self, const statement& what, parameters arguments, steady_time deadline) {
    // `self` stays in this frame, and keeps the pool while its caller waits.
    const auto waiting = std::make_shared<pool_request>(self, what, std::move(arguments));
    auto answering = pool_request::wait(waiting, self->environment_.timers.get(), deadline);
    co_return co_await std::move(answering);
}

asio::awaitable<result<pool::change>> pool::execute_change(
    std::shared_ptr<pool> self, const statement& what, parameters arguments, steady_time deadline) {
    const auto waiting = std::make_shared<pool_request>(self, what, std::move(arguments));
    auto answering = pool_request::wait(waiting, self->environment_.timers.get(), deadline);
    auto answer = co_await std::move(answering);
    if (!answer) co_return answer.error();
    change done{std::move(*answer), waiting->is_repeated};
    co_return std::move(done);
}

void pool::submit(std::shared_ptr<pool_request> next) {
    {
        const std::lock_guard lock(mutex_);
        if (!closed_) {
            waiting_.push_back(std::move(next));
            assign();
            return;
        }
    }
    next->fail(detail::store_closed());
}

void pool::assign() {
    while (!waiting_.empty()) {
        if (waiting_.front()->is_claimed()) { // cancelled, or out of time
            waiting_.pop_front();
            continue;
        }
        const auto index = state_.take();
        if (!index) break;
        slot& chosen = slots_[*index];
        waiting_.front()->slot = *index;
        chosen.outbox.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
        if (!std::exchange(chosen.sending, true))
            asio::post(*chosen.strand, [self = shared_from_this(), at = *index] { self->send(at); });
    }
    open_more();
}

void pool::send(std::size_t index) {
    std::shared_ptr<connection> link;
    std::vector<std::shared_ptr<pool_request>> outbox;
    {
        const std::lock_guard lock(mutex_);
        slots_[index].sending = false;
        outbox = std::exchange(slots_[index].outbox, {});
        link = slots_[index].link;
    }
    // What is sent as one group is one transaction: a statement that fails undoes those before it.
    std::vector<std::shared_ptr<request>> group;
    std::vector<std::shared_ptr<pool_request>> alone;
    group.reserve(outbox.size());
    for (auto& each : outbox) {
        if (!each->begin_sending()) {
            answered(index);
            continue;
        }
        if (link) each->count_in(*this);
        if (each->goes_alone())
            alone.push_back(std::move(each));
        else
            group.push_back(std::move(each));
    }
    if (!link) {
        const failure gone(errc::connection_lost, "the connection to PostgreSQL was lost");
        for (const auto& each : group) each->on_lost(gone, false);
        for (const auto& each : alone) each->on_lost(gone, false);
        return;
    }
    if (!group.empty()) link->send(group, true);
    // Last what may end the connection: the others have been answered by then.
    std::ranges::stable_partition(alone, [](const auto& each) { return !each->is_suspect(); });
    for (const auto& each : alone) {
        const std::shared_ptr<request> one[] = {each};
        link->send(one);
    }
}

void pool::open_more() {
    if (closed_) return;
    const auto now = environment_.now();
    if (const auto index = state_.open(waiting_.size(), now)) {
        // Posted: what runs on the strand at once would find the mutex held.
        slots_[*index].is_connecting = true;
        asio::post(*slots_[*index].strand, [self = shared_from_this(), at = *index] {
            asio::co_spawn(*self->slots_[at].strand, self->connect(at), [self](const std::exception_ptr&) {});
        });
    } else if (const auto at = state_.retry_at(waiting_.size(), now); at && !retry_) {
        retry_ = detail::call_at(*environment_.timers, *at, [weak = weak_from_this()] {
            const auto self = weak.lock();
            if (!self) return;
            std::shared_ptr<detail::timed> over;
            const std::lock_guard lock(self->mutex_);
            over = std::move(self->retry_);
            self->assign();
        });
    }
}

asio::awaitable<void> pool::connect(std::size_t index) {
    const auto self = shared_from_this();
    auto connecting = connector::connect(connector_, *slots_[index].strand);
    auto made = co_await std::move(connecting);

    const std::lock_guard lock(mutex_);
    slots_[index].is_connecting = false;
    if (!made) {
        state_.connect_failed(index, made.error(), environment_.now(), detail::random_number());
        std::erase_if(waiting_, [](const auto& each) { return each->is_claimed(); });
    } else {
        connects_.fetch_add(1, std::memory_order_relaxed);
        (*made)->start_pipeline([weak = weak_from_this(), index](const failure& why) {
            if (const auto owner = weak.lock()) owner->broken(index, why);
        });
        if (!closed_) slots_[index].link = std::move(*made);
        state_.connected(index);
    }
    if (closed_)
        check_closed();
    else
        assign();
}

void pool::answered(std::size_t index) {
    const std::lock_guard lock(mutex_);
    state_.answered(index);
    if (closed_ && state_.in_flight(index) == 0 && slots_[index].strand) {
        // Not from within the connection's own loop.
        asio::post(*slots_[index].strand, [self = shared_from_this(), index] {
            const std::lock_guard inner(self->mutex_);
            self->slots_[index].link.reset();
            self->check_closed();
        });
    }
}

void pool::overdue(const std::shared_ptr<pool_request>& late) {
    // A statement that the server does not finish holds up those behind it: they move to another connection. What waits
    // behind another one is merely dropped, its turn in the pipeline included.
    const std::lock_guard lock(mutex_);
    if (const auto link = slots_[late->slot].link) {
        asio::post(*slots_[late->slot].strand, [self = shared_from_this(), link, late] {
            if (!link->is_working_on(late.get())) return;
            link->drop(failure(errc::connection_lost, "dropped a connection whose statement took too long"));
            self->drop_idle();
        });
    }
}

// What made one connection fall silent may have done so to those that have nothing to tell it by.
void pool::drop_idle() {
    const std::lock_guard lock(mutex_);
    for (slot& each : slots_) {
        if (!each.link) continue;
        asio::post(*each.strand, [link = each.link] {
            if (link->is_idle())
                link->drop(failure(errc::connection_lost, "dropped an idle connection, after another fell silent"));
        });
    }
}

void pool::broken(std::size_t index, const failure& why) {
    const std::lock_guard lock(mutex_);
    slots_[index].link.reset();
    state_.lost(index, environment_.now(), detail::random_number());
    if (!closed_) connector_->lost(why);
    if (closed_)
        check_closed();
    else
        assign();
}

bool pool::take_unreplicated(std::size_t index) {
    const std::lock_guard lock(mutex_);
    return slots_[index].link && slots_[index].link->take_unreplicated();
}

failure pool::last_failure(std::string_view doing) const {
    const std::lock_guard lock(mutex_);
    failure::details details;
    details.retry_helps = true;
    if (const auto& last = state_.last_failure(); last && state_.ready() == 0) {
        details.message = detail::message(doing, ": no connection could be had in time; last: ", last->message());
        return failure(errc::connection_lost, std::move(details));
    }
    details.message = detail::message(doing, ": no answer in time");
    return failure(errc::timeout, std::move(details));
}

void pool::begin_stop() {
    std::deque<std::shared_ptr<pool_request>> refused;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        refused = std::exchange(waiting_, {});
        retry_.reset();
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            if (state_.in_flight(i) == 0) slots_[i].link.reset();
        }
        check_closed();
    }
    connector_->stop();
    for (const auto& each : refused) each->fail(detail::store_closed());
}

void pool::check_closed() {
    const auto is_empty = [](const slot& each) { return !each.link && !each.is_connecting; };
    if (closed_ && std::ranges::all_of(slots_, is_empty)) stopped();
}

void pool::drop() {
    const std::lock_guard lock(mutex_);
    for (slot& each : slots_) {
        if (each.link) asio::post(*each.strand, [link = each.link] { link->drop(detail::store_closed()); });
    }
}

void pool::abandon() noexcept {
    std::vector<slot> slots;
    std::shared_ptr<detail::timed> retry;
    std::deque<std::shared_ptr<pool_request>> refused;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        retry = std::move(retry_);
        refused = std::exchange(waiting_, {});
        for (slot& each : slots_) {
            slot& left = slots.emplace_back();
            left.link = std::move(each.link);
            left.strand = std::move(each.strand);
            for (auto& request : std::exchange(each.outbox, {})) refused.push_back(std::move(request));
        }
    }
    for (const slot& each : slots) {
        if (each.link) each.link->drop(detail::store_closed());
    }
    for (const auto& each : refused) each->fail(detail::store_closed());
}

void pool::dismiss(const statement_set* whose) {
    std::vector<std::shared_ptr<pool_request>> refused;
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(waiting_, [&](const std::shared_ptr<pool_request>& each) {
            if (each->is_of(whose)) refused.push_back(each);
            return each->is_of(whose);
        });
        for (slot& place : slots_) {
            for (const auto& each : place.outbox)
                if (each->is_of(whose)) refused.push_back(each); // send() leaves it out
            if (!place.link) continue;
            asio::post(*place.strand, [link = place.link, whose] {
                std::vector<std::shared_ptr<pool_request>> sent;
                link->each_in_flight([&](const std::shared_ptr<request>& each) {
                    auto mine = std::dynamic_pointer_cast<pool_request>(each);
                    if (mine && mine->is_of(whose)) sent.push_back(std::move(mine));
                });
                for (const auto& each : sent) each->fail(detail::store_closed());
            });
        }
    }
    for (const auto& each : refused) each->fail(detail::store_closed());
}

pool::counts pool::count() const {
    const std::lock_guard lock(mutex_);
    const auto open = std::ranges::count_if(slots_, [](const slot& each) { return each.link != nullptr; });
    return {reads_.load(), others_.load(), connects_.load(), static_cast<std::size_t>(open), reads_in_flight_.load()};
}

} // namespace eventstore::postgres
