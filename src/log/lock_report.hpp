/// Who holds what appends wait for.
#pragma once

#include "postgres/connection.hpp"

#include <functional>
#include <string>

namespace eventstore::log {

/// What an append waits for, and the session that has it, in words; empty if nobody does any more.
struct lock_holder {
    std::string what; ///< "the lock of the log"
    std::string who;  ///< "held by the session with process id 7 of psql"

    bool is_known() const noexcept { return !what.empty(); }
};

/// The parameter of the statement lock_holders.
/// \param backend that waits; 0 if it does not wait any more, or its number is not the server's
postgres::parameters waiting_backend(int backend);
/// What that statement says.
lock_holder read_lock_holder(const PGresult* answer);

/// Asks on a connection whose append waited for a lock in vain, and passes on what is found.
class lock_report final : public postgres::request {
public:
    using handler = std::function<void(const lock_holder&)>;

    lock_report(const postgres::statement& what, handler tell);

    const postgres::statement& what() const noexcept override { return what_; }
    const postgres::parameters& arguments() const noexcept override { return arguments_; }
    void on_answer(postgres::result_handle answer) override;
    void on_synced(const failure* why) override;
    void on_skipped() override;
    void on_lost(const failure& why, bool was_sent) override;

private:
    void end();

    const postgres::statement& what_;
    const postgres::parameters arguments_ = waiting_backend(0);
    handler tell_;
    lock_holder found_;
};

} // namespace eventstore::log
