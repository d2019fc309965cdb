#include "subscription/checkpoint_writer.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace eventstore::delivery {

namespace {

constexpr std::chrono::milliseconds long_write{10};
constexpr std::chrono::milliseconds longest_pause{100};
constexpr std::chrono::milliseconds without_memory{100}; // until it is tried again

std::optional<steady_time> schedule_start_of(const std::shared_ptr<group_renewals>& renewals) {
    if (!renewals) return std::nullopt;
    return renewals->schedule_start();
}

} // namespace

checkpoint_writer::checkpoint_writer(detail::environment environment, std::shared_ptr<postgres::pool> pool,
    std::shared_ptr<const storage::statements> statements, settings options)
    : environment_(std::move(environment)),
      pool_(std::move(pool)),
      statements_(std::move(statements)),
      settings_(std::move(options)),
      owner_(make_uuid()),
      table_(schedule_start_of(settings_.renewals)),
      writes_(detail::asking_again, "renewing leases", environment_.logger) {}

void checkpoint_writer::add(const lease_table::lease& acquired, std::weak_ptr<lease_holder> holder) {
    const std::lock_guard lock(mutex_);
    if (is_abandoned_) return;
    table_.add(acquired);
    holders_.insert_or_assign(acquired.id, std::move(holder));
    changed_->raise();
    if (!std::exchange(is_running_, true)) start_soon();
}

void checkpoint_writer::start_soon() {
    asio::post(environment_.executor, [self = shared_from_this()] {
        asio::co_spawn(self->environment_.executor, run(self), [self](const std::exception_ptr& thrown) {
            const std::lock_guard lock(self->mutex_);
            if (thrown && !self->is_abandoned_) self->start_soon();
        });
    });
}

void checkpoint_writer::remove(std::int64_t id, std::int64_t epoch) {
    const std::lock_guard lock(mutex_);
    if (table_.remove(id, epoch)) holders_.erase(id);
    if (table_.is_empty()) changed_->raise(); // the loop ends
}

void checkpoint_writer::report(std::int64_t id, std::int64_t epoch, const progress& progress, write_by when) {
    const auto now = environment_.both_now();
    const std::lock_guard lock(mutex_);
    if (table_.report(id, epoch, progress, when, now)) changed_->raise();
}

void checkpoint_writer::renew_now(std::int64_t id) {
    const auto now = environment_.both_now();
    const std::lock_guard lock(mutex_);
    table_.renew_now(id, now);
    changed_->raise();
}

bool checkpoint_writer::is_trusted(std::int64_t id, std::int64_t epoch) const {
    const std::lock_guard lock(mutex_);
    // With the mutex held: who had waited for it might believe in a lease of then.
    return table_.is_trusted(id, epoch, environment_.lease_now());
}

std::optional<lease_write> checkpoint_writer::row_for(
    std::int64_t id, std::int64_t epoch, const progress& progress) const {
    const std::lock_guard lock(mutex_);
    return table_.row_for(id, epoch, progress);
}

void checkpoint_writer::written_elsewhere(const lease_write& row) {
    const std::lock_guard lock(mutex_);
    table_.written_elsewhere(row);
}

asio::awaitable<void> checkpoint_writer::run(std::shared_ptr<checkpoint_writer> self) {
    for (;;) {
        std::vector<lease_write> writes;
        steady_time due = steady_time::max();
        {
            const std::lock_guard lock(self->mutex_);
            if (self->is_abandoned_ || self->table_.is_empty()) {
                self->holders_.clear();
                self->is_running_ = false;
                co_return;
            }
            const auto now = self->environment_.both_now();
            const auto from =
                self->table_.is_awaited() ? self->not_before_ : std::max(self->not_before_, self->paused_until_);
            if (now.timer >= from) writes = self->table_.take(now);
            if (writes.empty()) due = std::max(self->table_.due(now), from);
        }
        if (writes.empty()) {
            auto waiting = detail::signal::wait_until(self->changed_, self->environment_.timers, due);
            co_await std::move(waiting);
            continue;
        }
        bool is_done = false;
        try {
            auto writing = write(self, writes);
            co_await std::move(writing);
            is_done = true;
        } catch (const std::bad_alloc&) { // what was not told is written again
        }
        if (!is_done) self->failed(writes);
    }
}

asio::awaitable<void> checkpoint_writer::write(
    std::shared_ptr<checkpoint_writer> self, std::vector<lease_write> writes) {
    const auto& renewals = self->settings_.renewals;
    const auto deadline = self->environment_.in(self->settings_.timeout);
    const bool is_shared =
        renewals && !self->is_failing_ && std::ranges::none_of(writes, [](const auto& row) { return row.is_urgent; });
    const auto sent = self->environment_.both_now();
    result<group_renewals::codes> codes;
    if (is_shared) {
        auto renewing = group_renewals::write(renewals, self->settings_.schema, writes, self->owner_, deadline);
        codes = co_await std::move(renewing);
    } else {
        std::vector<owned_write> list;
        for (const lease_write& row : writes) list.push_back({&row, self->owner_});
        auto writing =
            postgres::pool::execute(self->pool_, self->statements_->settle_subscriptions, arguments_of(list), deadline);
        const auto answer = co_await std::move(writing);
        if (answer)
            codes = answer->int8_array(0, 0);
        else
            codes = answer.error();
    }
    self->is_failing_ = !codes;
    const steady_time end = self->environment_.now();
    if (!codes)
        self->not_before_ = end + self->writes_.failed(codes.error());
    else
        self->writes_.succeeded();
    // However many subscriptions there are, most of the time is the server's own.
    const auto took = end - sent.timer;
    if (codes && !is_shared && took > long_write)
        self->paused_until_ = end + std::min<steady_time::duration>(3 * took, longest_pause);
    self->apply(writes, codes, sent);
}

void checkpoint_writer::apply(
    const std::vector<lease_write>& writes, const result<group_renewals::codes>& codes, const detail::instant& sent) {
    struct notification {
        std::shared_ptr<lease_holder> holder;
        write_result outcome = write_result::lost;
        lease_table::applied applied;
    };
    std::vector<notification> notifications(writes.size());
    {
        const std::lock_guard lock(mutex_);
        const auto now = environment_.both_now();
        for (std::size_t i = 0; i < writes.size(); ++i) {
            if (codes && i < codes->size())
                notifications[i].outcome = static_cast<write_result>((*codes)[i].value_or(0));
            if (codes)
                notifications[i].applied = table_.apply(writes[i], notifications[i].outcome, sent.lease, now);
            else
                table_.failed(writes[i], now);
            const auto found = holders_.find(writes[i].id);
            if (found != holders_.end()) notifications[i].holder = found->second.lock();
        }
    }
    const bool is_gone = !codes && codes.error().code() == errc::schema_missing; // with all that was in it
    for (std::size_t i = 0; i < writes.size(); ++i) {
        if (!notifications[i].holder) continue;
        if (notifications[i].applied.is_known)
            notifications[i].holder->on_written(
                writes[i], notifications[i].outcome, notifications[i].applied.is_trusted_again);
        else if (is_gone)
            notifications[i].holder->on_lease_gone(codes.error());
    }
}

void checkpoint_writer::failed(const std::vector<lease_write>& writes) {
    const std::lock_guard lock(mutex_);
    const auto now = environment_.both_now();
    not_before_ = now.timer + without_memory;
    for (const lease_write& row : writes) table_.failed(row, now);
}

void checkpoint_writer::abandon() noexcept {
    const std::lock_guard lock(mutex_);
    is_abandoned_ = true;
    table_.clear();
    holders_.clear();
}

} // namespace eventstore::delivery
