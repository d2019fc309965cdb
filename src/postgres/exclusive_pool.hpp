/// Connections, each used by one at a time.
#pragma once

#include "async/completion.hpp"
#include "async/environment.hpp"
#include "async/service.hpp"
#include "base/live_objects.hpp"
#include "postgres/connector.hpp"
#include "postgres/exclusive_connection.hpp"
#include "postgres/exclusive_pool_state.hpp"

#include <eventstore/error.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace eventstore::postgres {

class pool_user;

/// What the connections of an exclusive_pool are for.
struct exclusive_pool_settings {
    session_kind kind = session_kind::transacting;
    std::size_t most = 1;   ///< connections, for all users together
    std::string_view doing; ///< as messages say it: "beginning a transaction"; lives as long as the program
    std::chrono::milliseconds longest_idle{}; ///< see exclusive_pool_state
    bool cleans = false;       ///< what a user leaves in its session is removed before the next one has it
    bool runs_scripts = false; ///< its connections take scripts, and no requests
    bool is_patient = true;    ///< a failure to connect is told only if it does not pass by itself, or in the end
};

/// Drives exclusive_pool_state. The first who asks opens the first connection. Thread safe.
class exclusive_pool : public std::enable_shared_from_this<exclusive_pool>,
                       public detail::service,
                       private detail::live_object {
public:
    exclusive_pool(
        const connection_options& options, const exclusive_pool_settings& settings, detail::environment where);
    ~exclusive_pool() override;

    void abandon() noexcept override;

    /// A connection that was made beforehand, on its strand; it is nobody's.
    void add(const std::shared_ptr<exclusive_connection>& made);

    /// Somebody waits for a connection.
    bool is_wanted() const noexcept { return is_wanted_.load(std::memory_order_relaxed); }
    /// Why there is no connection; nothing if there is one.
    std::optional<failure> last_connect_failure() const;

    struct counts {
        std::uint64_t connects = 0;
        std::size_t connections = 0;
        std::size_t in_use = 0;
        std::size_t limit = 0;
        std::size_t waiting = 0; ///< who has none yet
    };
    counts count() const;

private:
    friend class lease;
    friend class pool_user;
    class acquisition;
    using connection_ptr = std::shared_ptr<exclusive_connection>;
    using acquisition_ptr = std::shared_ptr<acquisition>;
    struct grant {
        acquisition_ptr to;
        connection_ptr connection; // null: it does not wait any more
    };
    struct user_entry {
        std::weak_ptr<pool_user> user;
        std::function<connection::inspector()> make_inspector;
    };
    struct attempt { // to connect
        std::size_t place = 0;
        connection_ptr into;
        user_entry requester;
    };

    /// Refuses who waits, and ends what is in use: at once where nothing is under way, else after the answer.
    void begin_stop() override;
    void drop() override;

    void submit(const acquisition_ptr& next, bool is_first);
    std::vector<grant> serve(); // with the mutex held
    void carry_out(std::vector<grant> grants);
    void open_more(); // with the mutex held
    asio::awaitable<void> connect(attempt started);
    void connect_failed(const attempt& started, const failure& why);
    void give_back(const connection_ptr& connection);
    void clean(const connection_ptr& connection); // on the connection's strand
    void released(const connection_ptr& connection);
    bool resume(const connection_ptr& connection, const void* user);
    void adopt(const connection_ptr& connection, const std::shared_ptr<postgres::connection>& opened,
        std::size_t place); // with the mutex held
    void broken(const connection_ptr& connection, const failure& why);
    std::optional<std::size_t> place_of(const connection_ptr& connection) const;  // with the mutex held
    std::vector<acquisition_ptr> take(const std::vector<std::uint64_t>& tickets); // with the mutex held
    void check_stopped();                                                         // with the mutex held
    bool is_stopping() const;
    bool is_used(const connection_ptr& connection) const;
    failure last_failure() const;

    // Of a user's.
    void end(const std::shared_ptr<pool_user>& user, bool only_idle);
    std::shared_ptr<pool_user> check_user(const void* address); // with the mutex held
    void remember(const std::shared_ptr<pool_user>& user);      // the same
    void give_up(const void* user);

    const exclusive_pool_settings settings_;
    const bool is_pooled_;
    const detail::environment environment_;
    const std::shared_ptr<connector> connector_;
    detail::histogram* const wait_; // null: it is not measured

    std::atomic<bool> is_wanted_{false};

    mutable std::mutex mutex_;
    exclusive_pool_state state_;
    std::vector<connection_ptr> places_;                    // null: empty, or connecting
    std::vector<std::weak_ptr<exclusive_connection>> made_; // all: some user may have one whose connection has ended
    std::map<std::uint64_t, acquisition_ptr> waiting_;      // by their tickets
    std::map<const void*, user_entry> users_;               // by their addresses
    std::size_t clear_at_ = 16;
    std::shared_ptr<detail::timed> retry_;
    std::uint64_t connects_ = 0;
    bool is_stopping_ = false;
    bool is_dropped_ = false;
    bool is_abandoned_ = false;
};

/// One of those who share an exclusive_pool: a store. Its end is that of its own uses, and of nobody else's. Thread safe.
class pool_user : public std::enable_shared_from_this<pool_user>, public detail::service, private detail::live_object {
public:
    using inspectors = std::function<connection::inspector()>;

    /// \param make_inspector makes what inspects each session made for it, on any thread; null: nothing is looked at
    explicit pool_user(const std::shared_ptr<exclusive_pool>& owner, inspectors make_inspector = nullptr);
    ~pool_user() override;

    /// Waits for a connection, which is this caller's until it gives it back.
    /// \param is_first before all others: it had one, which was lost before it was of use
    static asio::awaitable<result<lease>> acquire(
        std::shared_ptr<pool_user> self, steady_time deadline, bool is_first = false);

    void abandon() noexcept override {} // its pool is

    bool is_stopping() const;
    /// Whoever waits for it is told that it was cancelled.
    void give_up_waiting();
    /// Ends its uses at once, and refuses new ones.
    void end_uses() { drop(); }

private:
    friend class exclusive_pool;

    /// Refuses who waits, and ends what is in use: at once where nothing is under way, else after the answer.
    void begin_stop() override;
    void drop() override;

    const std::weak_ptr<exclusive_pool> owner_;
    const inspectors make_inspector_;
    bool is_stopping_ = false; // under the mutex of the pool
};

} // namespace eventstore::postgres
