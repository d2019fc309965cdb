#include "maintenance/examine.hpp"

#include "base/text.hpp"
#include "maintenance/advice.hpp"
#include "maintenance/examination.hpp"
#include "maintenance/rows.hpp"
#include "maintenance/values.hpp"
#include "storage/inspection.hpp"
#include "storage/schema.hpp"
#include "storage/sql.hpp"
#include "storage/statements.hpp"

#include <functional>
#include <utility>
#include <vector>

namespace eventstore::maintenance {

namespace sql = storage::sql;

namespace {

using detail::message;

server_row server_in(const postgres::answer& from) {
    return {number_in(from, 0, 0), text_in(from, 0, 1), flag_in(from, 0, 2), number_in(from, 0, 3), text_in(from, 0, 4),
        text_in(from, 0, 5), flag_in(from, 0, 6), number_in(from, 0, 7), number_in(from, 0, 8), number_in(from, 0, 9),
        number_in(from, 0, 10), number_in(from, 0, 11), number_in(from, 0, 12), number_in(from, 0, 13),
        number_in(from, 0, 14), number_in(from, 0, 15), text_in(from, 0, 16), text_in(from, 0, 17)};
}

std::vector<index_row> indexes_in(const postgres::answer& from) {
    std::vector<index_row> rows;
    for (int i = 0; i < from.rows(); ++i)
        rows.push_back(
            {text_in(from, i, 0), text_in(from, i, 1), text_in(from, i, 2), flag_in(from, i, 3), text_in(from, i, 4),
                flag_in(from, i, 5), number_in(from, i, 6), number_in(from, i, 7), number_in(from, i, 8)});
    return rows;
}

table_row table_in(const postgres::answer& from, int i) {
    return {text_in(from, i, 0), number_in(from, i, 1), number_in(from, i, 2), number_in(from, i, 3),
        number_in(from, i, 4), flag_in(from, i, 5), number_in(from, i, 6), number_in(from, i, 7), number_in(from, i, 8),
        number_in(from, i, 9)};
}

lagging_row lagging_in(const postgres::answer& from, int i) {
    constexpr std::int64_t microseconds = 1'000'000;
    return {text_in(from, i, 0), text_in(from, i, 1), flag_in(from, i, 9), text_in(from, i, 10), number_in(from, i, 11),
        number_in(from, i, 5) / microseconds, number_in(from, i, 4), number_in(from, i, 6)};
}

session_row session_in(const postgres::answer& from, int i) {
    return {number_in(from, i, 0), text_in(from, i, 1), text_in(from, i, 2), text_in(from, i, 3), number_in(from, i, 4),
        number_in(from, i, 5), flag_in(from, i, 6), flag_in(from, i, 7), flag_in(from, i, 8), text_in(from, i, 9),
        text_in(from, i, 10)};
}

prepared_row prepared_in(const postgres::answer& from, int i) {
    return {text_in(from, i, 0), text_in(from, i, 1), number_in(from, i, 2), flag_in(from, i, 3), number_in(from, i, 4),
        flag_in(from, i, 5)};
}

slot_row slot_in(const postgres::answer& from, int i) {
    return {text_in(from, i, 0), flag_in(from, i, 1), number_in(from, i, 2), number_in(from, i, 3),
        number_in(from, i, 4), text_in(from, i, 5)};
}

using take_row = std::function<void(const postgres::answer&, int)>;

/// One statement of the examination. What the role may not see is noted, and the others go on.
struct question {
    std::string script;
    const char* about; ///< "the table of subscriptions", for what cannot be seen
    take_row take;     ///< called with each row
};

asio::awaitable<result<void>> ask_all(
    std::shared_ptr<session> over, examination& found, std::vector<question> questions) {
    for (const question& one : questions) {
        auto asking = session::ask(over, one.script);
        const auto answer = co_await std::move(asking);
        if (answer) {
            for (int i = 0; i < answer->rows(); ++i) one.take(*answer, i);
        } else if (answer.error().sqlstate() == "42501") {
            found.add_unseen(message(one.about, ": ", answer.error().message()));
        } else {
            co_return answer.error();
        }
    }
    co_return result<void>();
}

/// The schema is there, but is not as this version needs it.
void judge_schema(examination& found, const storage::schema_state& schema, const std::string& name) {
    const auto why = storage::check_schema(schema, name, storage::purpose::opening);
    if (!why) return;
    const bool may_migrate = why->code() == errc::schema_missing && !schema.made_for.empty();
    found.add(severity::problem, "schema", name, why->message(),
        may_migrate || schema.version > 0 ? "migrate it, or use the version of the program that fits it" : "make it",
        schema.version > storage::needed_schema_version()
            ? std::string()
            : program_command(schema.version > 0 ? "migrate" : "init", name));
}

} // namespace

std::optional<failure> check_options(const doctor_options& how) {
    const auto is_bad = [](std::chrono::seconds value) { return value.count() < 0; };
    const auto refuse = [](const char* name) {
        return failure(errc::invalid_argument, message(name, " is negative; it is a time in seconds, from 0"));
    };
    if (is_bad(how.long_transaction())) return refuse("long_transaction");
    if (is_bad(how.lag())) return refuse("lag");
    if (is_bad(how.abandoned())) return refuse("abandoned");
    return std::nullopt;
}

asio::awaitable<result<doctor_report>> examine(std::shared_ptr<session> over, doctor_options how) {
    const std::string schema = over->options().schema();
    examination found(schema, how);
    auto connecting = session::connect(over);
    const auto inspected = co_await std::move(connecting);
    const bool is_forbidden = !inspected && inspected.error().sqlstate() == "42501";
    if (!inspected && !is_forbidden) co_return inspected.error();
    storage::schema_state present;
    if (inspected) present = inspected->schema;

    auto asking_server = session::ask(over, over->statement(sql::doctor_server));
    const auto server = co_await std::move(asking_server);
    if (!server) co_return server.error();
    const server_row known = server_in(*server);
    found.take(known);
    if (is_forbidden)
        found.add_unseen(
            message("the tables of the schema, which this role may not use: ", inspected.error().message()));
    else
        judge_schema(found, present, schema);

    const std::string name = storage::quoted_literal(storage::quoted_identifier(schema));
    const std::string log_state = storage::quoted_literal(storage::quoted_identifier(schema) + ".log_state");
    std::vector<question> questions;
    const auto add = [&](std::string script, const char* about, take_row take) {
        questions.push_back({std::move(script), about, std::move(take)});
    };
    add(over->statement(sql::doctor_settings), "settings", [&](const postgres::answer& from, int i) {
        found.take(setting_row{text_in(from, i, 0), text_in(from, i, 1), text_in(from, i, 2), text_in(from, i, 3)});
    });
    const std::vector<std::string> of_schema{name};
    const std::vector<std::string> of_lock{log_state};
    add(with_values(sql::doctor_role_settings, of_schema), "settings of roles",
        [&](const postgres::answer& from, int i) {
            found.take(
                role_setting_row{text_in(from, i, 0), text_in(from, i, 1), text_in(from, i, 2), text_in(from, i, 3)});
        });
    add(std::string(known.version >= 170000 ? sql::doctor_checkpointer : sql::doctor_bgwriter), "checkpoints",
        [&](const postgres::answer& from, int i) {
            found.take_checkpoints(number_in(from, i, 0), number_in(from, i, 1));
        });
    add(with_values(sql::doctor_tables, of_schema), "tables",
        [&](const postgres::answer& from, int i) { found.take(table_in(from, i)); });
    add(with_values(sql::doctor_sessions, of_lock), "sessions",
        [&](const postgres::answer& from, int i) { found.take(session_in(from, i)); });
    add(with_values(sql::doctor_prepared, of_lock), "prepared transactions",
        [&](const postgres::answer& from, int i) { found.take(prepared_in(from, i)); });
    add(std::string(sql::doctor_slots), "replication slots",
        [&](const postgres::answer& from, int i) { found.take(slot_in(from, i)); });
    add(std::string(sql::doctor_replication), "standbys", [&](const postgres::answer& from, int i) {
        found.take(replication_row{
            number_in(from, i, 0), number_in(from, i, 1), number_in(from, i, 2), number_in(from, i, 3)});
    });
    if (present.version == storage::needed_schema_version()) {
        add(with_values(sql::doctor_indexes, of_schema), "indexes", [&](const postgres::answer& from, int i) {
            if (i == 0) found.take(indexes_in(from)); // all of them at once
        });
        add(over->statement(sql::doctor_sequences), "sequences", [&](const postgres::answer& from, int i) {
            found.take(
                sequence_row{text_in(from, i, 0), text_in(from, i, 1), number_in(from, i, 2), number_in(from, i, 3)});
        });
        add(over->statement(sql::subscriptions), "subscriptions",
            [&](const postgres::answer& from, int i) { found.take(lagging_in(from, i)); });
        add(over->statement(sql::tombstones), "streams that are being hard-deleted",
            [&](const postgres::answer& from, int i) {
                if (i == 0) found.take_tombstones(from.rows());
            });
    }
    auto asking = ask_all(over, found, std::move(questions));
    const auto asked = co_await std::move(asking);
    if (!asked) co_return asked.error();
    co_return found.finish();
}

} // namespace eventstore::maintenance
