#include "postgres/pool.hpp"

#include "base/text.hpp"
#include "postgres/pool_request.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace eventstore::postgres {

pool::pool(const connection_options& options, detail::environment where)
    : environment_(std::move(where)),
      connector_(std::make_shared<connector>(options, environment_, session_kind::reading, "connecting")),
      state_(options.pool_size),
      slots_(options.pool_size) {
    for (slot& place : slots_) place.strand = std::make_unique<connection::strand>(environment_.executor);
}

pool::~pool() = default;

asio::awaitable<result<answer>> pool::execute(
    std::shared_ptr<pool> self, const statement& statement, parameters arguments, steady_time deadline) {
    // `self` stays in this frame, and keeps the pool while its caller waits.
    const auto waiting = std::make_shared<pool_request>(self, statement, std::move(arguments));
    auto answering = pool_request::wait(waiting, self->environment_.timers.get(), deadline);
    co_return co_await std::move(answering);
}

asio::awaitable<result<pool::change>> pool::execute_change(
    std::shared_ptr<pool> self, const statement& statement, parameters arguments, steady_time deadline) {
    const auto waiting = std::make_shared<pool_request>(self, statement, std::move(arguments));
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
            queue& waiting = queue_of(*next);
            waiting.push_back(std::move(next));
            assign();
            if (!waiting.empty() && waiting.back()->waiting_since == steady_time())
                waiting.back()->waiting_since = environment_.now();
            return;
        }
    }
    next->fail(detail::store_closed());
}

pool::queue& pool::queue_of(const pool_request& request) {
    return request.kind() == pool_state::request_kind::write ? waiting_writes_ : waiting_reads_;
}

pool::queue pool::take_waiting() {
    queue all = std::exchange(waiting_reads_, {});
    std::ranges::move(std::exchange(waiting_writes_, {}), std::back_inserter(all));
    return all;
}

void pool::assign() {
    assign(waiting_reads_);
    assign(waiting_writes_);
    open_more();
}

void pool::assign(queue& from) {
    while (!from.empty()) {
        if (from.front()->is_claimed()) { // cancelled, or out of time
            from.pop_front();
            continue;
        }
        pool_request& first = *from.front();
        const auto index = state_.take(first.kind());
        if (!index) break;
        slot& chosen = slots_[*index];
        first.slot = *index;
        if (const auto since = std::exchange(first.waiting_since, steady_time()); since != steady_time())
            environment_.connections->reading_wait.record(environment_.now() - since);
        chosen.outbox.push_back(std::move(from.front()));
        from.pop_front();
        if (!std::exchange(chosen.sending, true))
            asio::post(*chosen.strand, [self = shared_from_this(), at = *index] { self->send(at); });
    }
}

void pool::send(std::size_t index) {
    std::shared_ptr<connection> opened;
    std::vector<std::shared_ptr<pool_request>> outbox;
    {
        const std::lock_guard lock(mutex_);
        slots_[index].sending = false;
        outbox = std::exchange(slots_[index].outbox, {});
        opened = slots_[index].connection;
    }
    // What is sent as one group is one transaction: a statement that fails undoes those before it.
    std::vector<std::shared_ptr<request>> group;
    std::vector<std::shared_ptr<pool_request>> alone;
    group.reserve(outbox.size());
    for (auto& next : outbox) {
        if (!next->begin_sending()) {
            answered(*next);
            continue;
        }
        if (opened) next->count_in(*this);
        if (next->goes_alone())
            alone.push_back(std::move(next));
        else
            group.push_back(std::move(next));
    }
    if (!opened) {
        const failure gone(errc::connection_lost, "the connection to PostgreSQL was lost");
        for (const auto& request : group) request->on_lost(gone, false);
        for (const auto& request : alone) request->on_lost(gone, false);
        return;
    }
    if (!group.empty()) opened->send(group, true);
    // Last what may end the connection: the others have been answered by then.
    std::ranges::stable_partition(alone, [](const auto& request) { return !request->is_suspect(); });
    for (const auto& next : alone) {
        const std::shared_ptr<request> one[] = {next};
        opened->send(one);
    }
}

void pool::open_more() {
    if (closed_) return;
    const auto now = environment_.now();
    if (const auto index = state_.open(waiting(), now)) {
        // Posted: what runs on the strand at once would find the mutex held.
        slots_[*index].is_connecting = true;
        asio::post(*slots_[*index].strand, [self = shared_from_this(), at = *index] {
            asio::co_spawn(*self->slots_[at].strand, self->connect(at), [self](const std::exception_ptr&) {});
        });
    } else if (const auto at = state_.retry_at(waiting(), now); at && !retry_) {
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
        for (queue* waiting : {&waiting_reads_, &waiting_writes_})
            std::erase_if(*waiting, [](const auto& request) { return request->is_claimed(); });
    } else {
        connects_.fetch_add(1, std::memory_order_relaxed);
        (*made)->start_pipeline([weak = weak_from_this(), index](const failure& why) {
            if (const auto owner = weak.lock()) owner->broken(index, why);
        });
        if (!closed_) slots_[index].connection = std::move(*made);
        state_.connected(index);
    }
    if (closed_)
        check_closed();
    else
        assign();
}

void pool::answered(const pool_request& request) {
    const std::size_t index = request.slot;
    const std::lock_guard lock(mutex_);
    state_.answered(index, request.kind());
    if (!closed_ && waiting() > 0) assign();
    if (closed_ && state_.in_flight(index) == 0 && slots_[index].strand) {
        // Not from within the connection's own loop.
        asio::post(*slots_[index].strand, [self = shared_from_this(), index] {
            const std::lock_guard inner(self->mutex_);
            self->slots_[index].connection.reset();
            self->check_closed();
        });
    }
}

void pool::overdue(const std::shared_ptr<pool_request>& late) {
    // A statement that the server does not finish holds up those behind it: they move to another connection. What waits
    // behind another one is merely dropped, its turn in the pipeline included; unless nobody waits for that one any more.
    const std::lock_guard lock(mutex_);
    const bool had_none = late->waiting_since != steady_time();
    for (slot& place : slots_) {
        if (!place.connection) continue;
        asio::post(*place.strand, [self = shared_from_this(), opened = place.connection, late, had_none] {
            bool is_late = false;
            bool is_given_up = opened->is_working_for_nobody();
            bool is_waited_for = had_none;
            opened->for_each_in_flight([&](const std::shared_ptr<request>& sent) {
                is_waited_for = is_waited_for || sent == late;
                if (!opened->is_working_on(sent.get())) return;
                is_late = sent == late;
                const auto own_request = std::dynamic_pointer_cast<pool_request>(sent);
                is_given_up = !own_request || own_request->is_claimed(); // else it is the connection's own
            });
            if (!is_late && !(is_given_up && is_waited_for)) return;
            opened->drop(failure(errc::connection_lost, "dropped a connection whose statement took too long"));
            if (is_late) self->drop_idle();
        });
    }
}

// What made one connection fall silent may have done so to those that have nothing to tell it by.
void pool::drop_idle() {
    const std::lock_guard lock(mutex_);
    for (slot& place : slots_) {
        if (!place.connection) continue;
        asio::post(*place.strand, [connection = place.connection] {
            if (connection->is_idle())
                connection->drop(
                    failure(errc::connection_lost, "dropped an idle connection, after another fell silent"));
        });
    }
}

void pool::broken(std::size_t index, const failure& why) {
    const std::lock_guard lock(mutex_);
    slots_[index].connection.reset();
    state_.lost(index, environment_.now(), detail::random_number());
    if (!closed_) connector_->lost(why);
    if (closed_)
        check_closed();
    else
        assign();
}

bool pool::take_unreplicated(std::size_t index) {
    const std::lock_guard lock(mutex_);
    return slots_[index].connection && slots_[index].connection->take_unreplicated();
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
    queue refused;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        refused = take_waiting();
        retry_.reset();
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            if (state_.in_flight(i) == 0) slots_[i].connection.reset();
        }
        check_closed();
    }
    connector_->stop();
    for (const auto& request : refused) request->fail(detail::store_closed());
}

void pool::check_closed() {
    const auto is_empty = [](const slot& place) { return !place.connection && !place.is_connecting; };
    if (closed_ && std::ranges::all_of(slots_, is_empty)) stopped();
}

void pool::drop() {
    const std::lock_guard lock(mutex_);
    for (slot& place : slots_) {
        if (place.connection)
            asio::post(*place.strand, [connection = place.connection] { connection->drop(detail::store_closed()); });
    }
}

void pool::abandon() noexcept {
    std::vector<slot> slots;
    std::shared_ptr<detail::timed> retry;
    queue refused;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        retry = std::move(retry_);
        refused = take_waiting();
        for (slot& place : slots_) {
            slot& left = slots.emplace_back();
            left.connection = std::move(place.connection);
            left.strand = std::move(place.strand);
            for (auto& request : std::exchange(place.outbox, {})) refused.push_back(std::move(request));
        }
    }
    for (const slot& place : slots) {
        if (place.connection) place.connection->drop(detail::store_closed());
    }
    for (const auto& request : refused) request->fail(detail::store_closed());
}

void pool::dismiss(const statement_set* set) {
    std::vector<std::shared_ptr<pool_request>> refused;
    {
        const std::lock_guard lock(mutex_);
        for (queue* waiting : {&waiting_reads_, &waiting_writes_})
            std::erase_if(*waiting, [&](const std::shared_ptr<pool_request>& request) {
                if (request->is_of(set)) refused.push_back(request);
                return request->is_of(set);
            });
        for (slot& place : slots_) {
            for (const auto& request : place.outbox)
                if (request->is_of(set)) refused.push_back(request); // send() leaves it out
            if (!place.connection) continue;
            asio::post(*place.strand, [connection = place.connection, set] {
                std::vector<std::shared_ptr<pool_request>> sent;
                connection->for_each_in_flight([&](const std::shared_ptr<request>& request) {
                    auto own_request = std::dynamic_pointer_cast<pool_request>(request);
                    if (own_request && own_request->is_of(set)) sent.push_back(std::move(own_request));
                });
                for (const auto& request : sent) request->fail(detail::store_closed());
            });
        }
    }
    for (const auto& request : refused) request->fail(detail::store_closed());
}

pool::counts pool::count() const {
    const std::lock_guard lock(mutex_);
    counts now;
    now.reads = reads_.load();
    now.others = others_.load();
    now.connects = connects_.load();
    now.reads_in_flight = reads_in_flight_.load();
    now.limit = slots_.size();
    now.waiting = waiting();
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        now.connections += slots_[i].connection ? 1 : 0;
        now.in_use += state_.in_flight(i) > 0 ? 1 : 0;
    }
    return now;
}

} // namespace eventstore::postgres
