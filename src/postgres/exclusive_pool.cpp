#include "postgres/exclusive_pool.hpp"

#include "base/text.hpp"
#include "postgres/session_reset.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <utility>

namespace eventstore::postgres {

/// One who waits.
class exclusive_pool::acquisition final : public detail::completion<lease> {
public:
    acquisition(const std::shared_ptr<exclusive_pool>& owner, std::shared_ptr<pool_user> requester)
        : completion(std::string(owner->settings_.doing)), user(std::move(requester)), owner_(owner) {}

    const std::shared_ptr<pool_user> user;
    steady_time since{}; ///< when it began to wait; under the mutex of the pool

    /// There is no connection for it.
    void refuse(const failure& why) { fail(why.with_message(detail::message(doing(), ": ", why.message()))); }

private:
    void expire() noexcept override {
        if (const auto owner = owner_.lock()) fail(owner->last_failure());
    }
    void close() noexcept override { fail(detail::store_closed()); }

    const std::weak_ptr<exclusive_pool> owner_; // which holds this in its queue
};

namespace {

detail::histogram* wait_of(session_kind kind, detail::connection_metrics& all) noexcept {
    if (kind == session_kind::appending) return &all.appending_wait;
    return kind == session_kind::transacting ? &all.transacting_wait : nullptr;
}

} // namespace

exclusive_pool::exclusive_pool(
    const connection_options& options, const exclusive_pool_settings& settings, detail::environment where)
    : settings_(settings),
      is_pooled_(options.is_pooled),
      environment_(std::move(where)),
      connector_(std::make_shared<connector>(options, environment_, settings.kind, settings.doing)),
      wait_(wait_of(settings.kind, *environment_.connections)),
      state_(settings.most, settings.longest_idle),
      places_(settings.most) {}

exclusive_pool::~exclusive_pool() = default;

void exclusive_pool::submit(const acquisition_ptr& next, bool is_first) {
    std::vector<grant> grants;
    bool is_refused = false;
    {
        const std::lock_guard lock(mutex_);
        is_refused = is_stopping_ || next->user->is_stopping_;
        if (!is_refused) {
            const auto ticket = is_first ? state_.wait_first(next->user.get()) : state_.wait(next->user.get());
            next->since = environment_.now();
            waiting_.emplace(ticket, next);
            grants = serve();
        }
    }
    if (is_refused) next->fail(detail::store_closed());
    carry_out(std::move(grants));
}

std::vector<exclusive_pool::grant> exclusive_pool::serve() {
    std::vector<grant> grants;
    if (is_stopping_) return grants;
    while (const auto first = state_.first()) {
        const auto next = waiting_.find(*first);
        if (next->second->is_claimed()) { // cancelled, or out of time
            state_.give_up_first();
            grants.push_back({std::move(next->second), nullptr}); // it may be the last to hold its user
        } else if (const auto granted = state_.grant_next()) {
            if (wait_) wait_->record(environment_.now() - next->second->since);
            grants.push_back({std::move(next->second), places_[granted->place]});
        } else {
            break;
        }
        waiting_.erase(next);
    }
    is_wanted_.store(state_.is_wanted(), std::memory_order_relaxed);
    open_more();
    return grants;
}

void exclusive_pool::carry_out(std::vector<grant> grants) {
    // One that was cancelled just now gives it back here.
    for (grant& granted : grants)
        granted.to->decide(lease(weak_from_this(), std::move(granted.connection), granted.to->user.get()));
}

void exclusive_pool::open_more() {
    const auto now = environment_.now();
    while (const auto next = state_.connect(now)) {
        const auto fresh = std::make_shared<exclusive_connection>(environment_.executor);
        std::erase_if(made_, [](const auto& connection) { return connection.expired(); });
        made_.push_back(fresh);
        const auto known = users_.find(next->requester);
        attempt started{next->place, fresh, known == users_.end() ? user_entry() : known->second};
        fresh->post([self = shared_from_this(), started = std::move(started)] {
            asio::co_spawn(
                *started.into->strand_, self->connect(started), [self, started](const std::exception_ptr& thrown) {
                    if (thrown)
                        self->connect_failed(started, failure(errc::connection_lost, "connecting: out of memory"));
                });
        });
    }
    const auto again = state_.retry_at(now);
    if (!again) retry_.reset();
    if (!again || retry_) return;
    retry_ = detail::call_at(*environment_.timers, *again, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        std::vector<grant> grants;
        std::shared_ptr<detail::timed> over;
        {
            const std::lock_guard lock(self->mutex_);
            over = std::move(self->retry_);
            grants = self->serve();
        }
        self->carry_out(std::move(grants));
    });
}

asio::awaitable<void> exclusive_pool::connect(attempt started) {
    const auto self = shared_from_this();
    connection::inspector inspect;
    if (started.requester.make_inspector) inspect = started.requester.make_inspector();
    auto connecting = connector::connect(connector_, *started.into->strand_, std::move(inspect));
    const auto made = co_await std::move(connecting);
    if (!made) co_return connect_failed(started, made.error());
    std::vector<grant> grants;
    {
        const std::lock_guard lock(mutex_);
        if (is_stopping_) {
            state_.closed(started.place);
        } else {
            adopt(started.into, *made, started.place);
            state_.connected(started.place, environment_.now());
        }
        grants = serve();
        check_stopped();
    }
    carry_out(std::move(grants));
}

void exclusive_pool::connect_failed(const attempt& started, const failure& why) {
    const auto user = started.requester.user.lock();
    // What its inspector does not accept for good concerns that user: the others make attempts of their own.
    const bool is_of_user = user && started.requester.make_inspector && connector_state::is_final(why);
    std::vector<grant> grants;
    std::vector<acquisition_ptr> refused;
    {
        const std::lock_guard lock(mutex_);
        const auto now = environment_.now();
        if (why.code() == errc::store_closed) {
            state_.closed(started.place); // nobody needed it any more
        } else if (is_of_user) {
            state_.closed(started.place);
            refused = take(state_.refuse(user.get()));
        } else {
            state_.connect_failed(started.place, why, now, detail::random_number());
            if (!settings_.is_patient || state_.connects().is_hopeless(now)) refused = take(state_.refuse_all());
        }
        grants = serve();
        check_stopped();
    }
    for (const auto& waiter : refused) waiter->refuse(why);
    carry_out(std::move(grants));
}

void exclusive_pool::adopt(
    const connection_ptr& connection, const std::shared_ptr<postgres::connection>& opened, std::size_t place) {
    ++connects_;
    auto on_broken = [weak = weak_from_this(), of = std::weak_ptr(connection)](const failure& why) {
        const auto owner = weak.lock();
        const auto broken_one = of.lock();
        if (owner && broken_one) owner->broken(broken_one, why);
    };
    if (settings_.runs_scripts)
        opened->when_broken(std::move(on_broken));
    else
        opened->start_pipeline(std::move(on_broken));
    connection->connection = opened;
    places_[place] = connection;
}

void exclusive_pool::add(const connection_ptr& made) {
    std::vector<grant> grants;
    {
        const std::lock_guard lock(mutex_);
        const auto place = state_.add(environment_.now());
        if (is_stopping_ || !place) return;
        made_.push_back(made);
        adopt(made, made->connection, *place);
        grants = serve();
    }
    carry_out(std::move(grants));
}

bool exclusive_pool::resume(const connection_ptr& connection, const void* user) {
    const std::lock_guard lock(mutex_);
    const auto place = place_of(connection);
    return place && !is_stopping_ && state_.take_again(*place, user);
}

void exclusive_pool::give_back(const connection_ptr& connection) {
    connection->post([self = shared_from_this(), connection] { self->clean(connection); });
}

void exclusive_pool::clean(const connection_ptr& connection) {
    const auto opened = connection->connection;
    if (!opened) return; // broken, and told
    // What is on its way of a pool that cleans nothing concerns nobody.
    if (is_stopping() || (settings_.cleans && !opened->is_idle()))
        return opened->drop(
            failure(errc::connection_lost, "dropped the connection of a transaction that was given up"));
    if (settings_.cleans) send_reset(*connection, is_pooled_);
    if (connection->connection) released(connection);
}

void exclusive_pool::released(const connection_ptr& connection) {
    std::vector<grant> grants;
    std::vector<connection_ptr> unused;
    std::shared_ptr<pool_user> user; // outlives the lock
    {
        const std::lock_guard lock(mutex_);
        if (is_stopping_) return connection->drop(detail::store_closed());
        const auto place = place_of(connection);
        if (!place) return;
        const auto now = environment_.now();
        const auto* const address = state_.user_of(*place);
        state_.released(*place, now);
        user = check_user(address);
        grants = serve();
        while (const auto idle = state_.close_unused(now)) unused.push_back(std::move(places_[*idle]));
    }
    // Whenever one is given back: a timer would keep the io_context from ending.
    for (const auto& unneeded : unused)
        unneeded->drop(failure(errc::connection_lost, "closed a connection that nobody needs"));
    carry_out(std::move(grants));
}

void exclusive_pool::broken(const connection_ptr& connection, const failure& why) {
    connection->connection.reset();
    std::vector<grant> grants;
    std::shared_ptr<pool_user> user; // outlives the lock
    {
        const std::lock_guard lock(mutex_);
        const auto place = place_of(connection);
        if (!place) return; // closed on purpose
        places_[*place] = nullptr;
        const auto* const address = state_.user_of(*place);
        state_.lost(*place, environment_.now(), detail::random_number());
        user = check_user(address);
        if (!is_stopping_) connector_->lost(why);
        grants = serve();
        check_stopped();
    }
    carry_out(std::move(grants));
}

std::optional<std::size_t> exclusive_pool::place_of(const connection_ptr& connection) const {
    const auto found = std::ranges::find(places_, connection);
    if (found == places_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - places_.begin());
}

std::vector<exclusive_pool::acquisition_ptr> exclusive_pool::take(const std::vector<std::uint64_t>& tickets) {
    std::vector<acquisition_ptr> taken;
    for (const auto ticket : tickets) {
        if (auto found = waiting_.extract(ticket)) taken.push_back(std::move(found.mapped()));
    }
    return taken;
}

std::optional<failure> exclusive_pool::last_connect_failure() const {
    const std::lock_guard lock(mutex_);
    if (state_.connections() > 0) return std::nullopt;
    return state_.connects().last_failure();
}

failure exclusive_pool::last_failure() const {
    const std::lock_guard lock(mutex_);
    failure::details details;
    details.retry_helps = true;
    if (const auto& last = state_.connects().last_failure(); last && state_.connections() == 0) {
        details.message =
            detail::message(settings_.doing, ": no connection could be had in time; last: ", last->message());
        return failure(errc::connection_lost, std::move(details));
    }
    if (state_.in_use() >= state_.size())
        details.message = detail::message(settings_.doing, ": all ", std::to_string(state_.size()),
            " connections for it (pool_size) were in use all the time; end transactions sooner, or allow more");
    else
        details.message = detail::message(settings_.doing, ": no answer in time");
    return failure(errc::timeout, std::move(details));
}

void exclusive_pool::begin_stop() {
    std::vector<acquisition_ptr> refused;
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
        refused = take(state_.refuse_all());
        retry_.reset();
        for (const connection_ptr& connection : places_) {
            if (!connection) continue;
            // One that is waited for ends when it is given back; what is being cleaned is not.
            connection->post([self = shared_from_this(), connection] {
                const auto opened = connection->connection;
                const bool is_waited_for =
                    self->is_used(connection) && (self->settings_.runs_scripts || (opened && !opened->is_idle()));
                if (!opened || is_waited_for) return;
                opened->drop(detail::store_closed());
            });
        }
        check_stopped();
    }
    connector_->stop();
    for (const auto& waiter : refused) waiter->fail(detail::store_closed());
}

void exclusive_pool::check_stopped() {
    // Once it is dropped, what is still connecting is not waited for: it closes itself.
    if (is_stopping_ && (state_.is_empty() || (is_dropped_ && state_.connections() == 0))) stopped();
}

void exclusive_pool::drop() {
    const std::lock_guard lock(mutex_);
    is_dropped_ = true;
    check_stopped();
    for (const connection_ptr& connection : places_) {
        if (connection) connection->drop(detail::store_closed());
    }
}

void exclusive_pool::abandon() noexcept {
    std::vector<connection_ptr> all;
    std::map<std::uint64_t, acquisition_ptr> refused;
    std::shared_ptr<detail::timed> retry;
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
        is_abandoned_ = true;
        for (const auto& connection : made_) {
            if (auto alive = connection.lock()) all.push_back(std::move(alive));
        }
        std::ranges::fill(places_, nullptr);
        refused.swap(waiting_);
        retry = std::move(retry_);
    }
    for (const connection_ptr& connection : all) connection->abandon(detail::store_closed());
    for (const auto& [ticket, waiter] : refused) waiter->fail(detail::store_closed());
}

bool exclusive_pool::is_used(const connection_ptr& connection) const {
    const std::lock_guard lock(mutex_);
    const auto place = place_of(connection);
    return place && state_.is_used(*place);
}

bool exclusive_pool::is_stopping() const {
    const std::lock_guard lock(mutex_);
    return is_stopping_;
}

exclusive_pool::counts exclusive_pool::count() const {
    const std::lock_guard lock(mutex_);
    const auto waiting = std::ranges::count_if(waiting_, [](const auto& entry) { return !entry.second->is_claimed(); });
    return {connects_, state_.connections(), state_.in_use(), state_.size(), static_cast<std::size_t>(waiting)};
}

// ---- its users

pool_user::pool_user(const std::shared_ptr<exclusive_pool>& owner, inspectors make_inspector)
    : owner_(owner), make_inspector_(std::move(make_inspector)) {}

pool_user::~pool_user() = default;

asio::awaitable<result<lease>> pool_user::acquire(
    std::shared_ptr<pool_user> self, steady_time deadline, bool is_first) {
    const auto owner = self->owner_.lock();
    if (!owner) co_return detail::store_closed();
    const auto waiting = std::make_shared<exclusive_pool::acquisition>(owner, self);
    {
        const std::lock_guard lock(owner->mutex_);
        owner->remember(self);
    }
    owner->submit(waiting, is_first);
    auto acquiring = exclusive_pool::acquisition::wait(waiting, owner->environment_.timers.get(), deadline);
    co_return co_await std::move(acquiring);
}

bool pool_user::is_stopping() const {
    const auto owner = owner_.lock();
    if (!owner) return true;
    const std::lock_guard lock(owner->mutex_);
    return is_stopping_ || owner->is_stopping_;
}

void pool_user::begin_stop() {
    if (const auto owner = owner_.lock())
        owner->end(shared_from_this(), true);
    else
        stopped();
}

void pool_user::drop() {
    if (const auto owner = owner_.lock()) owner->end(shared_from_this(), false);
}

void exclusive_pool::end(const std::shared_ptr<pool_user>& user, bool only_idle) {
    std::vector<acquisition_ptr> refused;
    {
        const std::lock_guard lock(mutex_);
        user->is_stopping_ = true;
        remember(user); // it is told when its last one is given back
        refused = take(state_.refuse(user.get()));
        for (std::size_t i = 0; i < places_.size(); ++i) {
            if (!state_.is_used_by(i, user.get()) || !places_[i]) continue;
            places_[i]->post([self = shared_from_this(), i, connection = places_[i], user, only_idle] {
                const auto opened = connection->connection;
                if (!opened || (only_idle && !opened->is_idle())) return; // ends when it is given back
                {
                    const std::lock_guard relock(self->mutex_);
                    // Given back meanwhile: it may be another's.
                    if (self->places_[i] != connection || !self->state_.is_used_by(i, user.get())) return;
                }
                opened->drop(detail::store_closed());
            });
        }
        (void)check_user(user.get());
    }
    for (const auto& waiter : refused) waiter->fail(detail::store_closed());
}

// The address of one that is gone may be another's by now.
void exclusive_pool::remember(const std::shared_ptr<pool_user>& user) {
    if (users_.size() >= clear_at_) { // not with each of a thousand
        std::erase_if(users_, [](const auto& entry) { return entry.second.user.expired(); });
        clear_at_ = std::max<std::size_t>(16, users_.size() * 2);
    }
    users_.insert_or_assign(user.get(), user_entry{user, user->make_inspector_});
}

// What is returned must outlive the lock: it may be the last to hold it.
std::shared_ptr<pool_user> exclusive_pool::check_user(const void* address) {
    const auto known = users_.find(address);
    auto user = known == users_.end() ? nullptr : known->second.user.lock();
    if (user && user->is_stopping_ && (is_abandoned_ || !state_.is_in_use_by(address))) user->stopped();
    return user;
}

void pool_user::give_up_waiting() {
    if (const auto owner = owner_.lock()) owner->give_up(this);
}

void exclusive_pool::give_up(const void* user) {
    std::vector<acquisition_ptr> refused;
    {
        const std::lock_guard lock(mutex_);
        refused = take(state_.refuse(user));
        is_wanted_.store(state_.is_wanted(), std::memory_order_relaxed);
        if (!state_.is_wanted()) connector_->stop_tries();
        open_more();
    }
    for (const auto& waiter : refused) waiter->fail(failure(errc::cancelled, "it is not needed any more"));
}

} // namespace eventstore::postgres
