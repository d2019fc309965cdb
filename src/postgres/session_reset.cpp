#include "postgres/session_reset.hpp"

#include "postgres/command.hpp"

#include <string>
#include <vector>

namespace eventstore::postgres {

namespace {

// What DISCARD ALL does, but for the plans that the append functions have made: to make them again costs more than all of
// this. In one group, and so in one transaction.
constexpr const char* cleaning[] = {
    "close all",
    "reset session authorization",
    "reset all",
    "deallocate all",
    "unlisten *",
    "discard temp",
    "discard sequences",
    "select pg_catalog.pg_advisory_unlock_all()",
};

} // namespace

void send_reset(exclusive_connection& connection, bool is_pooled) {
    const auto opened = connection.connection;
    const bool is_open = opened->transaction() != transaction_state::idle;
    const auto ended = [weak = std::weak_ptr(opened)](const command_end& outcome) {
        if (!outcome.why || outcome.was_lost) return;
        if (const auto alive = weak.lock()) alive->drop(*outcome.why);
    };
    const std::string doing = "cleaning up after a transaction";
    if (is_open) connection.send(make_command("rollback", doing, ended));
    if (is_pooled) return;
    std::vector<std::shared_ptr<request>> group;
    for (const char* const text : cleaning) group.push_back(make_command(text, doing, ended));
    opened->send(group);
    connection.send(make_command(watch_connection, doing, [](const command_end&) {}));
}

} // namespace eventstore::postgres
