#include "append/lock_holder.hpp"

#include "base/text.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

namespace eventstore::append {

namespace {

using detail::message;

lock_holder read_lock_holder(const postgres::answer& from) {
    lock_holder found;
    if (from.rows() == 0) return found; // as of an error
    const std::string_view kind = from.bytes(0, 4);
    if (kind == "log")
        found.lock = "the lock of the log";
    else if (kind == "table")
        found.lock = message("a lock on the table ", from.bytes(0, 5), ", on which ", from.bytes(0, 6), " is held,");
    else
        found.lock = "a lock on a row";
    const std::string_view application = from.bytes(0, 1);
    found.session = message(
        "held by the session with process id ", from.bytes(0, 0), application.empty() ? "" : " of ", application);
    // Only who may see the sessions of all roles is told more.
    if (!from.is_null(0, 2)) found.session += message(", whose state is '", from.bytes(0, 2), "'");
    if (!from.is_null(0, 3)) found.session += message(", in a transaction of ", from.bytes(0, 3), " s");
    return found;
}

} // namespace

asio::awaitable<lock_holder> look_for_holder(std::shared_ptr<postgres::pool> reading,
    std::shared_ptr<const storage::statements> known, int backend, detail::steady_time deadline) {
    postgres::parameters arguments;
    arguments.add(static_cast<std::int32_t>(backend));
    auto looking = postgres::pool::execute(reading, known->lock_holders, std::move(arguments), deadline);
    const auto answer = co_await std::move(looking);
    lock_holder holder;
    if (answer) holder = read_lock_holder(*answer);
    co_return holder;
}

} // namespace eventstore::append
