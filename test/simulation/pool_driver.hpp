// Drives postgres::pool_state as postgres::pool and its pool_request do.
#pragma once

#include "postgres/pool_state.hpp"
#include "simulation/network.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace eventstore::test::simulation {

class pool_driver {
public:
    static constexpr std::size_t size = 3;
    static constexpr milliseconds operation_timeout = 5s;

    using kind = postgres::pool_state::request_kind;
    /// \param why it has failed; nothing if it was answered
    using told = std::function<void(std::optional<errc> why)>;

    pool_driver(process& where, network& way) : where_(where), way_(way), state_(size), slots_(size) {}

    /// Asks again if a connection is lost with the question, until the time is over. So `work` may be done more than once.
    /// \param is_repeated false: it is asked only once, as a transaction is committed
    void ask(kind of, task work, told finish, bool is_repeated = true, milliseconds limit = operation_timeout) {
        const auto next = std::make_shared<request>();
        *next = {of, std::move(work), std::move(finish), is_repeated};
        where_.timer(where_.now() + limit, [this, next] { overdue(*next); });
        submit(next);
    }
    /// The same; the answer is told, or null.
    template <class Work, class Told>
    void ask_for(kind of, Work work, Told finish, bool is_repeated = true, milliseconds limit = operation_timeout) {
        using answer = decltype(work());
        const auto kept = std::make_shared<std::optional<answer>>();
        ask(
            of, [work = std::move(work), kept] { kept->emplace(work()); },
            [finish = std::move(finish), kept](std::optional<errc> why) mutable {
                if (why) kept->reset();
                finish(std::as_const(*kept));
            },
            is_repeated, limit);
    }

    session* link(std::size_t index) const { return index < slots_.size() ? slots_[index] : nullptr; }
    void cut_all(fate of_questions) {
        for (session* const slot : std::vector(slots_))
            if (slot) slot->cut(of_questions);
    }

private:
    static constexpr int most_lost_connections = 5; // as in postgres/connection.hpp

    struct request {
        kind of = kind::read;
        task work;
        told finish;
        bool is_repeated = true;
        bool is_claimed = false;
        session* sent_on = nullptr;
        int attempts = 0;
    };
    using request_ptr = std::shared_ptr<request>;

    void submit(const request_ptr& next) {
        (next->of == kind::write ? writes_ : reads_).push_back(next);
        assign();
    }
    void assign() {
        assign(reads_);
        assign(writes_);
        const std::size_t waiting = reads_.size() + writes_.size();
        if (const auto index = state_.open(waiting, where_.now()))
            connect(*index);
        else if (const auto again = state_.retry_at(waiting, where_.now()))
            retry_.at(*again);
    }
    void assign(std::deque<request_ptr>& from) {
        while (!from.empty()) {
            if (!from.front()->is_claimed) {
                const auto slot = state_.take(from.front()->of);
                if (!slot) break;
                send(*slot, from.front());
            }
            from.pop_front();
        }
    }

    void send(std::size_t slot, const request_ptr& next) {
        session* const link = next->sent_on = slots_[slot];
        link->ask(next->work, [this, link, slot, next](bool is_answered) {
            next->sent_on = nullptr;
            if (is_answered) {
                if (slots_[slot] == link) state_.answered(slot, next->of);
                settle(*next, std::nullopt);
                return assign();
            }
            if (next->is_claimed) return;
            if (!next->is_repeated || ++next->attempts >= most_lost_connections)
                return settle(*next, errc::connection_lost);
            submit(next);
        });
    }
    static void settle(request& of, std::optional<errc> why) {
        if (!std::exchange(of.is_claimed, true)) of.finish(why);
    }
    void overdue(request& late) {
        if (late.is_claimed) return;
        session* const link = late.sent_on;
        settle(late, errc::timeout);
        for (std::size_t i = 0; link && i < slots_.size(); ++i) {
            if (slots_[i] != link) continue;
            lost(i);
            link->drop();
        }
    }

    void connect(std::size_t index) {
        const duration takes = 500us + where_.random.up_to(2ms);
        where_.enter(where_.loop().now() + takes, [this, index] {
            if (way_.is_reachable()) {
                all_.push_back(
                    std::make_unique<session>(where_, way_.new_delays(), [this, index, number = all_.size()] {
                        if (slots_[index] == all_[number].get()) lost(index);
                    }));
                slots_[index] = all_.back().get();
                state_.connected(index);
            } else {
                const failure why(errc::connection_lost, "connecting");
                state_.connect_failed(index, why, where_.now(), where_.random.next());
            }
            assign();
        });
    }
    void lost(std::size_t index) {
        slots_[index] = nullptr;
        state_.lost(index, where_.now(), where_.random.next());
        assign();
    }

    process& where_;
    network& way_;
    postgres::pool_state state_;
    std::deque<request_ptr> reads_;
    std::deque<request_ptr> writes_;
    std::vector<session*> slots_;
    std::vector<std::unique_ptr<session>> all_;
    wakeup retry_{where_, [this] { assign(); }};
};

} // namespace eventstore::test::simulation
