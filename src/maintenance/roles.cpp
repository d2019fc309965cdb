#include "maintenance/roles.hpp"

#include "base/text.hpp"
#include "storage/roles.hpp"
#include "storage/schema.hpp"

#include <chrono>

namespace eventstore::maintenance {

using detail::message;
using detail::quoted_for_message;

namespace {

/// The server's words, and what to do.
failure explained(const failure& why, const std::string& schema, const std::string& prefix) {
    if (why.sqlstate() != "42501") return why; // insufficient_privilege
    return why.with_message(message("making the roles ", quoted_for_message(prefix + "_..."), ": ", why.message(),
        "; connect as the owner of the schema with CREATEROLE, or let an administrator run what `eventstore init "
        "--schema ",
        schema, " --roles ", prefix, " --sql` prints"));
}

} // namespace

asio::awaitable<result<void>> grant_roles(std::shared_ptr<session> over, std::string prefix) {
    const std::string& schema = over->options().schema();
    auto connecting = session::connect(over);
    const auto found = co_await std::move(connecting);
    if (!found) co_return found.error();
    if (const auto why = storage::check_schema(found->schema, schema, storage::purpose::opening)) co_return *why;
    if (!found->schema.is_own)
        co_return failure(errc::server_unusable,
            message("the schema ", quoted_for_message(schema), " belongs to ", quoted_for_message(found->schema.owner),
                ", which is no role of yours: connect as that role"));
    auto granting = session::run(
        over, storage::roles_script(schema, prefix), over->where().in(over->options().operation_timeout()));
    const auto granted = co_await std::move(granting);
    if (!granted) co_return explained(granted.error(), schema, prefix);
    co_return result<void>();
}

} // namespace eventstore::maintenance
