// Drives feed_state and look_schedule as feed::feed does.
#pragma once

#include "async/retry.hpp"
#include "feed/feed.hpp"
#include "feed/feed_state.hpp"
#include "feed/look_schedule.hpp"
#include "simulation/database_model.hpp"
#include "simulation/pool_driver.hpp"
#include "storage/seen_log.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::test::simulation {

class feed_driver {
public:
    using follower = feed::follower;

    /// Everything after the position will be told from now on; nothing: the time is over.
    using attached = std::function<void(std::optional<std::int64_t>)>;

    /// \param join has listening_changed() called
    feed_driver(
        process& where, pool_driver& pool, database_model& database, storage::seen_log& seen, bug planted, task join);

    /// \param stream empty for the log
    void attach(follower* next, const std::string& stream, eventstore::detail::steady_time deadline, attached finish);
    void detach(const follower* gone);
    void own_commit(std::int64_t first, std::int64_t last, event_page page, std::size_t bytes);
    void hint(std::int64_t head);
    void listening_changed(bool works);
    /// Whoever has waited too long for the first position is no follower.
    bool is_followed();

private:
    struct registration {
        follower* told = nullptr;
        std::string stream;
    };
    struct attachment {
        registration next;
        attached finish;
        bool is_claimed = false;
    };

    void run();
    void look();
    void begin(const storage::log_mark& head);
    void progress();
    void read(const feed::feed_state::page_wish& wish);
    void publish(const feed::feed_state::publication& publication);
    void fail(const failure& why);

    process& where_;
    pool_driver& pool_;
    database_model& database_;
    storage::seen_log& seen_;
    const bug planted_;
    const task join_;
    feed::feed_state state_;
    feed::look_schedule schedule_{true};
    eventstore::detail::backoff looks_{eventstore::detail::asking_again};
    eventstore::detail::backoff reads_{eventstore::detail::asking_again};
    std::vector<registration> followers_;
    std::vector<std::shared_ptr<attachment>> arriving_;
    bool is_running_ = false;
    bool is_looking_ = false;
    wakeup changed_{where_, [this] { run(); }};
    wakeup until_read_{where_, [this] { progress(); }};
};

} // namespace eventstore::test::simulation
