#include "live_model.hpp"

#include <eventstore/transaction.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <map>
#include <utility>

namespace package_history {

namespace json = boost::json;

namespace {

std::string quoted_identifier(const std::string& identifier) {
    std::string quoted = "\"";
    for (const char c : identifier) {
        quoted += c;
        if (c == '"') quoted += c;
    }
    return quoted + '"';
}

/// What the events of a batch say about each package.
std::string changes_of(const es::projection_batch& batch) {
    std::map<std::string, std::pair<package_model, std::int64_t>, std::less<>> packages;
    for (const es::recorded_event& event : batch) {
        auto& [model, events] = packages[std::string(event.stream().substr(package_prefix.size()))];
        model.apply(event);
        ++events;
    }
    json::array rows;
    for (const auto& [package, changed] : packages) {
        json::object row{{"package", package}, {"events", changed.second}};
        const auto found = changed.first.states().find(package);
        if (found != changed.first.states().end()) {
            if (!found->second.status.empty()) row["status"] = found->second.status;
            if (!found->second.version.empty()) row["version"] = found->second.version;
        }
        rows.push_back(std::move(row));
    }
    return json::serialize(rows);
}

/// One statement for a batch: while it replays the log, a batch has thousands of events.
asio::awaitable<void> write_changes(std::string sql, es::transaction& tx, const es::projection_batch& batch) {
    const std::string changes = changes_of(batch);
    co_await tx.execute(sql, changes);
}

} // namespace

live_model::live_model(es::store store, const std::string& schema, es::milliseconds lease)
    : store_(std::move(store)), table_(quoted_identifier(schema) + ".installed_packages"), lease_(lease) {}

asio::awaitable<void> live_model::keep() const {
    es::transaction tx = co_await store_.begin();
    // Two processes that make it at once would both find it missing, and one would fail.
    co_await tx.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", table_);
    co_await tx.execute("create table if not exists " + table_ +
        " (package text collate \"C\" primary key, status text not null, version text not null, events bigint not "
        "null)");
    co_await tx.commit();

    const std::string sql = "insert into " + table_ +
        " as old select package, coalesce(status, ''), coalesce(version, ''), events"
        " from jsonb_to_recordset($1::jsonb) as new (package text, status text, version text, events bigint)"
        " on conflict (package) do update set events = old.events + excluded.events,"
        " status = coalesce(nullif(excluded.status, ''), old.status),"
        " version = coalesce(nullif(excluded.version, ''), old.version)";
    auto handler = [sql](es::transaction& changing, const es::projection_batch& batch) {
        return write_changes(sql, changing, batch);
    };
    es::event_query of_packages;
    of_packages.stream_prefix(std::string(package_prefix));
    co_await es::run_projection(store_, name, handler, es::projection_options().query(of_packages).lease(lease_));
}

asio::awaitable<void> live_model::wait_for(std::int64_t position) const {
    co_await es::projection_handle(store_, name).wait_for(position);
}

asio::awaitable<live_model::contents> live_model::read() const {
    es::transaction tx = co_await store_.begin();
    const es::query_result rows = co_await tx.execute("select package, status, version, events from " + table_);
    co_await tx.rollback();
    contents found;
    for (const es::sql_row& row : rows) {
        found.states[row.get<std::string>("package")] = {
            row.get<std::string>("status"), row.get<std::string>("version")};
        found.events += row.get<std::size_t>("events");
    }
    co_return found;
}

} // namespace package_history
