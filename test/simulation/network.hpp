// Connections between processes and the database: each keeps its order, is slow at times, and may be lost with whatever is
// under way on it.
#pragma once

#include "simulation/process.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <utility>

namespace eventstore::test::simulation {

/// What becomes of questions that are under way when a connection is lost.
enum class fate { lost, carried_out, carried_out_later };

/// How long messages take.
struct delays {
    delays(std::uint64_t seed, bool with_jitter, duration about) : random(seed), jitters(with_jitter), usual(about) {}

    duration draw() {
        if (!jitters) return usual;
        if (random.chance(40)) return random.up_to(50 * usual);
        return usual / 4 + random.up_to(2 * usual);
    }

    random_source random;
    const bool jitters;
    const duration usual;
};

/// A connection, as long as it is not lost. Outlives whatever it has put into the loop.
class session {
public:
    using told =
        std::function<void(bool is_answered)>; ///< false: the connection was lost, what became of it is not known

    /// \param lost called in the process, unless it has dropped the connection itself
    session(process& client, delays takes, task lost) : client_(client), takes_(takes), lost_(std::move(lost)) {}

    bool is_open() const noexcept { return is_open_; }
    /// Carries `work` out at the server, and then tells of it.
    void ask(task work, told finish) {
        if (!is_open_) return client_.post([finish = std::move(finish)] { finish(false); });
        waiting_.push_back(std::move(finish));
        questions_.push_back(std::move(work));
        sent_until_ = arrival(sent_until_);
        client_.loop().at(sent_until_, [this] { carry_out(); });
    }
    /// The server says something of its own accord.
    void tell(task work) {
        if (is_open_) answer(std::move(work));
    }

    /// From now on nothing comes back, and it stays open.
    void fall_silent() { is_silent_ = true; }
    void stall(duration length) { stalled_until_ = client_.loop().now() + length; }
    /// It is lost, and its process finds out.
    void cut(fate of_questions, duration later = {}) {
        if (!is_open_) return;
        end(of_questions, later);
        client_.post([this] {
            if (lost_) lost_();
        });
    }
    /// The process lets go of it.
    void drop() {
        if (is_open_) end(fate::carried_out, {});
    }

private:
    moment arrival(moment after) {
        const moment now = client_.loop().now();
        return std::max({now + takes_.draw(), after, stalled_until_});
    }
    // In their order: whichever arrives, the first is carried out.
    void carry_out() {
        if (questions_.empty()) return; // lost
        const task work = std::move(questions_.front());
        questions_.pop_front();
        work();
        if (!is_open_) return;
        answer([this] {
            const told finish = std::move(waiting_.front());
            waiting_.pop_front();
            finish(true);
        });
    }
    void answer(task work) {
        if (is_silent_) return;
        answers_.push_back(std::move(work));
        answered_until_ = arrival(answered_until_);
        client_.enter(answered_until_, [this] {
            if (answers_.empty()) return; // lost
            const task next = std::move(answers_.front());
            answers_.pop_front();
            next();
        });
    }
    void end(fate of_questions, duration later) {
        is_open_ = false;
        answers_.clear();
        if (of_questions == fate::lost) questions_.clear();
        if (of_questions == fate::carried_out_later) {
            client_.loop().at(client_.loop().now() + later, [late = std::exchange(questions_, {})] {
                for (const task& work : late) work();
            });
        }
        for (told& finish : std::exchange(waiting_, {})) client_.post([finish = std::move(finish)] { finish(false); });
    }

    process& client_;
    delays takes_;
    const task lost_;
    bool is_open_ = true;
    bool is_silent_ = false;
    std::deque<told> waiting_;   // for their answers
    std::deque<task> questions_; // that have not arrived
    std::deque<task> answers_;
    moment sent_until_{};
    moment answered_until_{};
    moment stalled_until_{};
};

/// Of one store: whether it reaches the server, and how long messages take.
struct network {
    event_loop& loop;
    random_source random;
    bool jitters = true;
    duration latency{};
    moment unreachable_until{};

    bool is_reachable() const noexcept { return loop.now() >= unreachable_until; }
    delays new_delays() { return delays(random.next(), jitters, latency); }
};

} // namespace eventstore::test::simulation
