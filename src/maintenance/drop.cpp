#include "maintenance/drop.hpp"

#include "base/text.hpp"
#include "maintenance/rows.hpp"
#include "maintenance/values.hpp"
#include "storage/sql.hpp"
#include "storage/statements.hpp"

#include <chrono>
#include <vector>

namespace eventstore::maintenance {

namespace sql = storage::sql;
using detail::message;
using detail::quoted_for_message;

namespace {

constexpr std::chrono::hours no_limit(24);

/// What the catalogue says; refuses what is no store of the caller's.
asio::awaitable<result<drop_preview>> look(std::shared_ptr<session> over) {
    const std::string& schema = over->options().schema();
    const std::vector<std::string> names{storage::quoted_literal(schema)};
    auto asking = session::run(over, with_values(sql::drop_target, names), over->where().in(no_limit));
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    const std::string name = quoted_for_message(schema);
    if (answer->rows() == 0)
        co_return failure(errc::schema_missing, message("there is no schema ", name, " in this database"));
    if (!flag_in(*answer, 0, 0))
        co_return failure(
            errc::schema_missing, message("the schema ", name, " holds no event store, and is left as it is"));
    if (!flag_in(*answer, 0, 1))
        co_return failure(errc::server_unusable,
            message("the schema ", name, " belongs to ", quoted_for_message(text_in(*answer, 0, 2)),
                ", which is no role of yours: connect as that role"));
    drop_preview found;
    found.others = text_in(*answer, 0, 3);
    found.dependents = text_in(*answer, 0, 4);
    found.sessions = text_in(*answer, 0, 5);
    found.size = text_in(*answer, 0, 6);

    if (flag_in(*answer, 0, 7)) {
        auto listing = session::run(over, over->statement(sql::drop_subscriptions), over->where().in(no_limit));
        const auto subscriptions = co_await std::move(listing);
        if (!subscriptions) co_return subscriptions.error();
        found.subscriptions = number_in(*subscriptions, 0, 0);
        found.owners = text_in(*subscriptions, 0, 1);
    }
    co_return found;
}

} // namespace

std::optional<failure> check_drop(const drop_preview& found, const std::string& schema) {
    std::string why;
    const auto add = [&](const char* what, const std::string& list) {
        if (!list.empty()) why += message(why.empty() ? "" : "; ", what, list);
    };
    add("sessions use it: ", found.sessions);
    add("subscriptions have an owner: ", found.owners);
    add("it holds what is not the store's: ", found.others);
    add("others depend on it: ", found.dependents);
    if (why.empty()) return std::nullopt;
    return failure(errc::server_unusable,
        message("the schema ", quoted_for_message(schema), " is not dropped: ", why,
            "; end or move them first, or force it, and they are lost or fail"));
}

asio::awaitable<result<drop_preview>> preview_drop(std::shared_ptr<session> over) {
    auto looking = look(over);
    auto found = co_await std::move(looking);
    if (!found) co_return found.error();
    auto counting = session::run(over, over->statement(sql::drop_contents), over->where().in(no_limit));
    const auto counted = co_await std::move(counting);
    if (!counted) co_return counted.error();
    found->events = number_in(*counted, 0, 0);
    found->streams = number_in(*counted, 0, 1);
    co_return found;
}

asio::awaitable<result<void>> drop_store(std::shared_ptr<session> over, bool force) {
    const std::string& schema = over->options().schema();
    const std::string identifier = storage::quoted_identifier(schema);
    const std::string timeout = std::to_string(over->options().operation_timeout().count());
    const detail::steady_time deadline = over->where().in(no_limit);
    // Whoever migrates it, or appends to it, is done before.
    auto beginning = session::run(over,
        message("begin isolation level read committed; set local lock_timeout = ", timeout,
            "; select pg_advisory_xact_lock(hashtextextended('eventstore migration ' ||",
            storage::quoted_literal(schema), ", 0))"),
        deadline);
    const auto begun = co_await std::move(beginning);
    if (!begun) co_return begun.error();
    auto looking = look(over); // in this transaction, whose rollback is the end of the connection
    const auto found = co_await std::move(looking);
    if (!found) co_return found.error();
    if (const auto why = check_drop(*found, schema); why && !force) co_return *why;
    const std::string lock = message("select pg_advisory_xact_lock(",
        storage::quoted_literal(message(identifier, ".log_state")), "::regclass::bigint + 7311000000000000000)");
    auto locking = session::run(over, lock, deadline);
    const auto locked = co_await std::move(locking);
    if (!locked) co_return locked.error();
    auto dropping = session::run(over, message("drop schema ", identifier, " cascade; commit"), deadline);
    const auto dropped = co_await std::move(dropping);
    if (!dropped) co_return dropped.error();
    co_return result<void>();
}

} // namespace eventstore::maintenance
