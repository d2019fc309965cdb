// Drives append_queue, append_plan, commit_pace and flush_decision as append::group_commit does.
#pragma once

#include "append/append_plan.hpp"
#include "append/append_queue.hpp"
#include "append/commit_pace.hpp"
#include "append/flush_decision.hpp"
#include "postgres/connector_state.hpp"
#include "simulation/database_model.hpp"
#include "simulation/network.hpp"
#include "storage/seen_log.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace eventstore::test::simulation {

class append_driver {
public:
    using request_ptr = std::shared_ptr<append::append_request>;
    using request_list = std::vector<request_ptr>;
    using told = std::function<void(const result<append::append_results>&)>;
    using committed = std::function<void(const request_list&, const append::append_plan::verdict&)>;

    append_driver(process& where, network& way, database_model& database, const storage::seen_log& seen, bug planted,
        committed on_committed);

    /// \param finish told once, at the latest when the time is over
    void append(const request_ptr& next, told finish);

    session* link() const noexcept { return link_; }

private:
    static constexpr milliseconds flush_timeout = 5s;
    static constexpr milliseconds operation_timeout = 5s;

    struct sent_flush {
        append_call call;
        append_reply reply;
        std::optional<append::flush_end> end;
        std::optional<append::flush_decision> decision;
        bool is_careful = false;
    };
    using flush_ptr = std::shared_ptr<sent_flush>;

    void turn();
    void connect();
    request_list next_group();
    bool send_next();
    void ended(const flush_ptr& flush, bool is_answered);
    const append::flush_decision& decision_of(sent_flush& flush);
    void take_answers();
    void go_again();
    void send_again(const flush_ptr& flush, append::flush_step step);
    void deliver(const flush_ptr& flush);
    void fail(const flush_ptr& flush, const failure& why);
    void tell(const request_ptr& request);
    void give_up(const request_ptr& request);
    void hop(int left, std::uint64_t round);

    process& where_;
    network& way_;
    database_model& database_;
    const storage::seen_log& seen_;
    const bug planted_;
    const committed on_committed_;
    wakeup changed_{where_, [this] { turn(); }};

    append::append_queue<append::append_request> queue_{{}};
    append::commit_pace pace_;
    std::map<const append::append_request*, told> waiting_;
    std::deque<flush_ptr> under_way_;
    int look_for_ids_ = 0;
    session* link_ = nullptr;
    bool is_connecting_ = false;
    postgres::connector_state connects_;
    std::vector<std::unique_ptr<session>> all_;
};

} // namespace eventstore::test::simulation
