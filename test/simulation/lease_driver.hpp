// Drives lease_table as delivery::checkpoint_writer does.
#pragma once

#include "async/retry.hpp"
#include "simulation/database_model.hpp"
#include "simulation/pool_driver.hpp"
#include "subscription/lease_table.hpp"

#include <functional>
#include <map>
#include <utility>
#include <vector>

namespace eventstore::test::simulation {

class lease_driver {
public:
    using written = std::function<void(const delivery::lease_write&, delivery::write_result, bool is_trusted_again)>;

    lease_driver(process& where, pool_driver& pool, database_model& database, const duration* server_set_back,
        uuid owner, bug planted)
        : where_(where),
          pool_(pool),
          database_(database),
          set_back_(server_set_back),
          owner_(owner),
          planted_(planted) {}

    const uuid& owner() const noexcept { return owner_; }
    moment server_now() const { return where_.loop().now() - *set_back_; }

    void add(const delivery::lease_table::lease& acquired, written holder) {
        table_.add(acquired);
        holders_.insert_or_assign(acquired.id, std::move(holder));
        changed_.soon();
    }
    void remove(std::int64_t id, std::int64_t epoch) {
        if (table_.remove(id, epoch)) holders_.erase(id);
    }
    void report(std::int64_t id, std::int64_t epoch, const delivery::progress& progress, delivery::write_by when) {
        if (table_.report(id, epoch, progress, when, where_.both_now())) changed_.soon();
    }
    void renew_now(std::int64_t id) {
        table_.renew_now(id, where_.both_now());
        changed_.soon();
    }
    std::optional<delivery::lease_write> row_for(
        std::int64_t id, std::int64_t epoch, const delivery::progress& progress) const {
        return table_.row_for(id, epoch, progress);
    }
    void written_elsewhere(const delivery::lease_write& row) { table_.written_elsewhere(row); }
    bool is_trusted(std::int64_t id, std::int64_t epoch) const {
        if (planted_ == bug::hands_out_without_lease) return holders_.contains(id);
        return table_.is_trusted(id, epoch, where_.lease_now());
    }

private:
    void run() {
        if (is_writing_ || table_.is_empty()) return;
        const auto now = where_.both_now();
        const auto from = table_.is_awaited() ? not_before_ : std::max(not_before_, paused_until_);
        std::vector<delivery::lease_write> writes;
        if (now.timer >= from) writes = table_.take(now);
        if (writes.empty()) {
            const auto due = table_.due(now);
            if (due != eventstore::detail::steady_time::max()) changed_.at(std::max(due, from));
            return;
        }
        write(writes);
    }

    void write(const std::vector<delivery::lease_write>& writes) {
        is_writing_ = true;
        auto sent = where_.both_now();
        pool_.ask_for(
            pool_driver::kind::write,
            [this, writes] {
                return database_.settle({writes, owner_}, server_now());
            },
            [this, writes, sent](const std::optional<std::vector<std::int64_t>>& codes) {
                is_writing_ = false;
                if (!codes)
                    not_before_ = where_.now() + writes_.failed(errc::connection_lost, where_.random.next());
                else
                    writes_.succeeded();
                const auto took = where_.now() - sent.timer;
                if (codes && took > 10ms)
                    paused_until_ = where_.now() + std::min<eventstore::detail::steady_time::duration>(3 * took, 100ms);
                apply(writes, codes, planted_ == bug::trusts_from_the_answer ? where_.both_now() : sent);
                changed_.soon();
            });
    }

    void apply(const std::vector<delivery::lease_write>& writes, const std::optional<std::vector<std::int64_t>>& codes,
        const eventstore::detail::instant& sent) {
        const auto now = where_.both_now();
        std::vector<std::pair<delivery::write_result, delivery::lease_table::applied>> all(writes.size());
        for (std::size_t i = 0; i < writes.size(); ++i) {
            if (!codes) {
                table_.failed(writes[i], now);
                continue;
            }
            all[i].first = static_cast<delivery::write_result>((*codes)[i]);
            all[i].second = table_.apply(writes[i], all[i].first, sent.lease, now);
        }
        for (std::size_t i = 0; i < writes.size(); ++i) {
            const auto found = holders_.find(writes[i].id);
            if (found == holders_.end() || !all[i].second.is_known) continue;
            const written holder = found->second;
            holder(writes[i], all[i].first, all[i].second.is_trusted_again);
        }
    }

    process& where_;
    pool_driver& pool_;
    database_model& database_;
    const duration* const set_back_;
    const uuid owner_;
    const bug planted_;
    delivery::lease_table table_;
    std::map<std::int64_t, written> holders_;
    eventstore::detail::backoff writes_{eventstore::detail::asking_again};
    eventstore::detail::steady_time not_before_{};
    eventstore::detail::steady_time paused_until_{};
    bool is_writing_ = false;
    wakeup changed_{where_, [this] { run(); }};
};

} // namespace eventstore::test::simulation
