// A connection that listens, made anew when it is lost or does not answer, as feed::listener keeps one.
#pragma once

#include "postgres/connector_state.hpp"
#include "simulation/database_model.hpp"
#include "simulation/network.hpp"
#include "simulation/planted.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace eventstore::test::simulation {

class listener_driver {
public:
    struct receiver {
        std::function<void(bool works)> on_change;
        std::function<void(const word&)> on_word;
    };

    listener_driver(process& where, network& way, bug planted, receiver told)
        : where_(where), way_(way), planted_(planted), told_(std::move(told)) {}

    static constexpr milliseconds longest_answer = 5s; // operation_timeout

    void connect() {
        where_.enter(where_.loop().now() + 1ms + where_.random.up_to(2ms), [this] {
            if (!way_.is_reachable()) {
                connects_.failed(failure(errc::connection_lost, "connecting"), where_.now(), where_.random.next());
                return again_.at(connects_.not_before());
            }
            all_.push_back(std::make_unique<session>(where_, way_.new_delays(), [this] { lost(); }));
            session* const made = unanswered_ = all_.back().get();
            is_connected_ = true;
            connects_.connected();
            if (std::exchange(next_is_mute_, false)) made->fall_silent();
            made->ask([this, made] { listening_ = made; },
                [this](bool is_answered) {
                    if (!is_answered) return;
                    unanswered_ = nullptr;
                    is_heard_ = true;
                    connects_.proven();
                    told_.on_change(true);
                });
            if (planted_ == bug::attaches_in_haste) return;
            where_.timer(where_.now() + longest_answer, [this, made] {
                if (unanswered_ != made || !made->is_open()) return;
                made->drop();
                lost();
            });
        });
    }
    /// Somebody else is to be told how it is.
    void join() {
        where_.post([this] {
            if (is_heard_) told_.on_change(true);
            const bool is_lost = !is_connected_ && (connects_.last_failure() || connects_.failures() > 1);
            if (is_lost) told_.on_change(false);
        });
    }
    /// The connection is lost, and the next one never answers.
    void fall_mute() {
        next_is_mute_ = true;
        if (link()) link()->cut(fate::carried_out);
    }
    /// From the server.
    void say(const word& text) {
        if (listening_ && !where_.is_dead()) listening_->tell([this, text] { told_.on_word(text); });
    }
    session* link() const noexcept { return all_.empty() ? nullptr : all_.back().get(); }

private:
    void lost() {
        is_connected_ = is_heard_ = false;
        unanswered_ = nullptr;
        connects_.lost(where_.now(), where_.random.next());
        told_.on_change(false);
        again_.at(connects_.not_before());
    }

    process& where_;
    network& way_;
    const bug planted_;
    const receiver told_;
    postgres::connector_state connects_;
    session* listening_ = nullptr;  // as the server sees it
    session* unanswered_ = nullptr; // it was asked to listen
    bool is_connected_ = false;
    bool is_heard_ = false; // it listens, and has said so
    bool next_is_mute_ = false;
    std::vector<std::unique_ptr<session>> all_;
    wakeup again_{where_, [this] { connect(); }};
};

} // namespace eventstore::test::simulation
