// A store in a process of its own: what runtime::store_core is made of.
#pragma once

#include "feed/own_page.hpp"
#include "simulation/append_driver.hpp"
#include "simulation/claim_driver.hpp"
#include "simulation/listener_driver.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace eventstore::test::simulation {

/// What all stores share.
struct surroundings {
    const schedule& plan;
    event_loop& loop;
    database_model& database;
    checker& observer;
    std::vector<refusals>& refused; ///< by subscription
    const duration& server_set_back;
    bug planted = bug::none;
    std::function<void()> on_trusted;
};

/// One life of it.
class simulated_store {
public:
    simulated_store(const surroundings& all, network& way, std::uint64_t seed, uuid owner)
        : all_(all),
          where_(all.loop, seed),
          way_(way),
          pool_(where_, way),
          appender_(where_, way, all.database, seen_, all.planted,
              [this](const auto& appends, const auto& verdict) { committed(appends, verdict); }),
          feed_(where_, pool_, all.database, seen_, all.planted, [this] { listener_.join(); }),
          leases_(where_, pool_, all.database, &all.server_set_back, owner, all.planted),
          listener_(where_, way, all.planted,
              {[this](bool works) { feed_.listening_changed(works); }, [this](const word& text) { heard(text); }}) {
        for (std::size_t i = 0; i < all.plan.subscriptions.size(); ++i) {
            subscription_parts parts{where_, pool_, all.database, feed_, leases_, all.observer, all.refused[i],
                all.plan.subscriptions[i], static_cast<int>(i), all.planted, nullptr, all.on_trusted};
            claims_.push_back(std::make_unique<claim_driver>(std::move(parts)));
        }
    }

    void start() {
        listener_.connect();
        for (const auto& claim : claims_) claim->subscribe();
    }

    process& where() noexcept { return where_; }
    append_driver& appender() noexcept { return appender_; }
    listener_driver& listener() noexcept { return listener_; }
    claim_driver& claim(std::size_t number) { return *claims_[number]; }

    session* link(int number) {
        if (number == 0) return appender_.link();
        if (number == 1) return listener_.link();
        return pool_.link(static_cast<std::size_t>(number - 2));
    }
    void cut_all(fate of_questions) {
        for (int number = 0; number < 2 + static_cast<int>(pool_driver::size); ++number)
            if (session* const one = link(number)) one->cut(of_questions);
    }

private:
    // store_core::committed
    void committed(const append_driver::request_list& requests, const append::append_plan::verdict& verdict) {
        std::int64_t first = 0, last = 0, appended_first = 0, appended_last = 0;
        const auto add = [](const append_result& result, std::int64_t& from, std::int64_t& through) {
            from = from == 0 ? result.first_position : std::min(from, result.first_position);
            through = std::max(through, result.last_position);
        };
        for (const auto& outcome : verdict.outcomes) {
            if (outcome.is_success()) add(outcome.result, first, last);
            if (outcome.status == append::append_plan::outcome::kind::appended)
                add(outcome.result, appended_first, appended_last);
        }
        if (last == 0) return;
        seen_.note_held(append::last_stored(requests, verdict));
        if (feed_.is_followed()) {
            if (appended_last != 0)
                feed_.own_commit(
                    appended_first, appended_last, feed::page_of(requests, verdict.outcomes), feed::bytes_of(requests));
            if (last > appended_last) feed_.hint(last);
        }
        announce(first, last);
    }
    // feed::announcer, without the merging of several announcements
    void announce(std::int64_t first, std::int64_t last) {
        pool_.ask(
            pool_driver::kind::read,
            [this, first, last] {
                if (all_.database.on_word) all_.database.on_word({"log", first, last});
            },
            [](std::optional<errc>) {});
    }
    void heard(const word& text) {
        if (text.kind == "log") return feed_.hint(std::max(text.first, text.second));
        for (const auto& claim : claims_) {
            if (text.kind == "free") claim->freed();
            subscription_driver* const subscription = claim->current();
            if (!subscription || subscription->id() != text.first) continue;
            if (text.kind == "replay") subscription->replay_parked();
            if (text.kind == "gone") subscription->renew_now();
        }
    }

    const surroundings& all_;
    process where_;
    network& way_;
    storage::seen_log seen_;
    pool_driver pool_;
    append_driver appender_;
    feed_driver feed_;
    lease_driver leases_;
    listener_driver listener_;
    std::vector<std::unique_ptr<claim_driver>> claims_;
};

} // namespace eventstore::test::simulation
