/// Who holds what appends wait for.
#pragma once

#include "postgres/pool.hpp"
#include "storage/statements.hpp"

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>

namespace eventstore::append {

namespace asio = boost::asio;

/// What an append waits for, and the session that has it, in words; empty if nobody does any more.
struct lock_holder {
    std::string lock;    ///< "the lock of the log"
    std::string session; ///< "held by the session with process id 7 of psql"

    bool is_known() const noexcept { return !lock.empty(); }
};

/// Looks from another session.
/// \param backend that waits; 0 if it does not wait any more, or its number is not the server's
asio::awaitable<lock_holder> look_for_holder(std::shared_ptr<postgres::pool> reading,
    std::shared_ptr<const storage::statements> known, int backend, detail::steady_time deadline);

} // namespace eventstore::append
