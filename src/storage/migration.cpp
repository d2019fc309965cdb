// Making a schema, and bringing an older one along.

#include "base/text.hpp"
#include "storage/migration_steps.hpp"
#include "storage/schema.hpp"
#include "storage/schema_answers.hpp"
#include "storage/sql.hpp"
#include "storage/statements.hpp"

namespace eventstore::storage {

namespace {

using detail::message;

failure named(std::string_view kind, std::string_view name, const std::string& schema, const failure& why) {
    return why.with_message(
        message(kind, " ", name, " of schema ", detail::quoted_for_message(schema), ": ", why.message()));
}

} // namespace

asio::awaitable<result<int>> migrate(std::shared_ptr<postgres::connection> connection, std::string schema,
    std::optional<payload_format> payload, detail::steady_time deadline) {
    const std::string identifier = quoted_identifier(schema);
    const std::string begin =
        message("begin isolation level read committed; ", beginning_of_migration(schema, payload.has_value()),
            "select coalesce(max(version), 0) from ", identifier, ".schema_migrations");
    auto beginning = postgres::connection::run_script(connection, begin, deadline);
    const auto begun = co_await std::move(beginning);
    if (!begun && !payload && is_undefined(begun.error())) co_return no_store(schema);
    if (!begun) co_return begun.error();
    const int present = number(field(*begun, 0));
    if (present > needed_schema_version()) co_return too_new(schema, present);
    bool has_functions = false;
    if (present > 0) {
        // Not every version has all these columns.
        const std::string ask =
            message("select l.payload, to_jsonb(l) ->> 'schema_name' from ", identifier, ".log_state as l");
        auto running = postgres::connection::run_script(connection, ask, deadline);
        const auto answer = co_await std::move(running);
        if (!answer) co_return answer.error();
        const std::string become = for_schema(sql::become_owner, schema);
        auto becoming = postgres::connection::run_script(connection, become, deadline);
        const auto became = co_await std::move(becoming);
        if (!became) co_return became.error();
        payload = field(*answer, 0) == "jsonb" ? payload_format::jsonb : payload_format::bytea;
        has_functions = present == needed_schema_version() && field(*answer, 1) == schema;
    }
    if (!payload) co_return no_store(schema);

    if (!has_functions) {
        const std::vector<migration_step> steps = migration_steps(schema, present, *payload);
        for (const migration_step& step : steps) {
            auto applying = postgres::connection::run_script(connection, step.script, deadline);
            const auto applied = co_await std::move(applying);
            if (!applied && step.kind.empty()) co_return applied.error();
            if (!applied) co_return named(step.kind, step.name, schema, applied.error());
        }
    }
    const std::string commit = "commit";
    auto committing = postgres::connection::run_script(connection, commit, deadline);
    const auto committed = co_await std::move(committing);
    if (!committed) co_return committed.error();
    co_return needed_schema_version();
}

} // namespace eventstore::storage
