#include "maintenance/validate.hpp"

#include "base/text.hpp"
#include "maintenance/rows.hpp"
#include "maintenance/schema_comparison.hpp"
#include "maintenance/values.hpp"
#include "storage/inspection.hpp"
#include "storage/migration_steps.hpp"
#include "storage/sql.hpp"
#include "storage/statements.hpp"

#include <eventstore/uuid.hpp>

#include <chrono>
#include <utility>
#include <vector>

namespace eventstore::maintenance {

namespace sql = storage::sql;
using detail::message;

namespace {

constexpr std::chrono::minutes longest(2);

std::vector<schema_fact> facts_in(const postgres::answer& from) {
    std::vector<schema_fact> facts;
    for (int i = 0; i < from.rows(); ++i)
        facts.push_back(
            {text_in(from, i, 0), text_in(from, i, 1), text_in(from, i, 2), text_in(from, i, 3), text_in(from, i, 4)});
    return facts;
}

std::string facts_of(const std::string& schema) {
    const std::vector<std::string> names{storage::quoted_literal(schema)};
    return with_values(sql::schema_facts, names);
}

/// What the role may do decides how the schema is made anew.
struct rights {
    bool may_create = false;
    bool may_make_temporary = false;
    bool is_standby = false;
    std::string role;
    std::string database;
    std::string payload;
};

asio::awaitable<result<rights>> ask_rights(std::shared_ptr<session> over) {
    auto asking = session::ask(over,
        over->statement("select has_database_privilege(current_database(), 'create'), "
                        "has_database_privilege(current_database(), 'temporary'), pg_is_in_recovery(), current_user, "
                        "current_database(), (select l.payload from eventstore.log_state as l limit 1)"));
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    rights found;
    found.may_create = flag_in(*answer, 0, 0);
    found.may_make_temporary = flag_in(*answer, 0, 1);
    found.is_standby = flag_in(*answer, 0, 2);
    found.role = text_in(*answer, 0, 3);
    found.database = text_in(*answer, 0, 4);
    found.payload = text_in(*answer, 0, 5);
    co_return found;
}

/// The schema as this version makes it, whatever the role has set for what it makes.
std::string making(const std::string& name, payload_format payload) {
    std::string script = message("alter default privileges grant execute on functions to public; "
                                 "alter default privileges revoke all on tables from public; "
                                 "alter default privileges grant usage on types to public; ",
        storage::beginning_of_migration(name, true));
    for (const storage::migration_step& step : storage::migration_steps(name, 0, payload))
        script += message(step.script, ";\n");
    return script;
}

/// The facts of a schema made anew. The transaction is still open, unless this fails.
asio::awaitable<result<std::vector<schema_fact>>> made_anew(
    std::shared_ptr<session> over, rights role, payload_format payload, std::string& name) {
    const detail::steady_time deadline = over->where().in(longest);
    name = "eventstore_validation_" + to_string(make_uuid()).substr(24);
    std::string begin = "begin isolation level read committed";
    if (!role.may_create)
        begin += "; create temporary table eventstore_probe (); drop table eventstore_probe; "
                 "select n.nspname from pg_namespace as n where n.oid = pg_my_temp_schema()";
    auto beginning = session::run(over, begin, deadline);
    const auto begun = co_await std::move(beginning);
    if (!begun) co_return begun.error();
    if (!role.may_create) name = text_in(*begun, 0, 0);
    auto running = session::run(over, making(name, payload) + facts_of(name), deadline);
    const auto answer = co_await std::move(running);
    if (!answer) co_return answer.error();
    co_return facts_in(*answer);
}

} // namespace

asio::awaitable<result<validation_report>> validate(std::shared_ptr<session> over) {
    const std::string& schema = over->options().schema();
    auto connecting = session::connect(over);
    const auto found = co_await std::move(connecting);
    if (!found) co_return found.error();
    if (const auto why = storage::check_schema(found->schema, schema, storage::purpose::opening)) co_return *why;
    auto asking = ask_rights(over);
    const auto role = co_await std::move(asking);
    if (!role) co_return role.error();
    if (role->is_standby)
        co_return failure(
            errc::server_unusable, "the server is a standby, on which no schema can be made: validate the primary");
    if (!role->may_create && !role->may_make_temporary)
        co_return failure(errc::server_unusable,
            message(
                "validating makes a schema anew, in a transaction that is rolled back: `grant temporary on database ",
                storage::quoted_identifier(role->database), " to ", storage::quoted_identifier(role->role),
                ";`, or create"));

    auto reading = session::ask(over, facts_of(schema));
    const auto present = co_await std::move(reading);
    if (!present) co_return present.error();
    const payload_format payload = role->payload == "jsonb" ? payload_format::jsonb : payload_format::bytea;
    std::string made_as;
    auto comparing = made_anew(over, *role, payload, made_as);
    const auto expected = co_await std::move(comparing);
    auto rolling_back = session::run(over, "rollback", over->where().in(longest));
    const auto rolled_back = co_await std::move(rolling_back);
    if (!expected) co_return expected.error();
    if (!rolled_back) co_return rolled_back.error();

    validation_report report;
    report.version = found->schema.version;
    report.compared = expected->size();
    std::vector<schema_fact> there = facts_in(*present);
    const std::string written = name_as_server_writes_it(there);
    std::vector<schema_fact> wanted = under_name(*expected, made_as, schema, written);
    if (!role->may_create) {
        wanted = without_name(std::move(wanted), written);
        there = without_name(std::move(there), written);
    }
    report.findings = compare_schemas(wanted, there, schema, !role->may_create);
    co_return report;
}

} // namespace eventstore::maintenance
