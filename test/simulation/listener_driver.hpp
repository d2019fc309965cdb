// A connection that listens, made anew when it is lost, as feed::listener keeps one.
#pragma once

#include "postgres/connector_state.hpp"
#include "simulation/database_model.hpp"
#include "simulation/network.hpp"

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

    listener_driver(process& where, network& way, receiver told) : where_(where), way_(way), told_(std::move(told)) {}

    void connect() {
        where_.enter(where_.loop().now() + 1ms + where_.random.up_to(2ms), [this] {
            if (!way_.is_reachable()) {
                connects_.failed(failure(errc::connection_lost, "connecting"), where_.now(), where_.random.next());
                return again_.at(connects_.not_before());
            }
            all_.push_back(std::make_unique<session>(where_, way_.new_delays(), [this] {
                connects_.lost(where_.now(), where_.random.next());
                told_.on_change(false);
                again_.at(connects_.not_before());
            }));
            session* const made = all_.back().get();
            connects_.connected();
            made->ask([this, made] { listening_ = made; },
                [this](bool is_answered) {
                    if (!is_answered) return;
                    connects_.proven();
                    told_.on_change(true);
                });
        });
    }
    /// From the server.
    void say(const word& text) {
        if (listening_ && !where_.is_dead()) listening_->tell([this, text] { told_.on_word(text); });
    }
    session* link() const noexcept { return all_.empty() ? nullptr : all_.back().get(); }

private:
    process& where_;
    network& way_;
    const receiver told_;
    postgres::connector_state connects_;
    session* listening_ = nullptr; // as the server sees it
    std::vector<std::unique_ptr<session>> all_;
    wakeup again_{where_, [this] { connect(); }};
};

} // namespace eventstore::test::simulation
