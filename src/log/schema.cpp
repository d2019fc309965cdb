#include "log/schema.hpp"

#include "base/text.hpp"
#include "log/schema_answers.hpp"
#include "log/sql.hpp"
#include "log/statements.hpp"
#include "postgres/sql_error.hpp"

#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace eventstore::log {

namespace {

using detail::message;
using postgres::connection;

constexpr int oldest_server = 140000;

} // namespace

std::optional<failure> check_schema_name(const std::string& name) {
    const auto refuse = [&](std::string_view why) {
        return failure(errc::invalid_argument, message("the schema name ", detail::quoted_for_message(name), " ", why));
    };
    constexpr std::size_t longest = 63; // of a name in PostgreSQL, which cuts off the rest without an error
    if (name.empty()) return refuse("is empty; leave it out for the default, eventstore");
    if (name.size() > longest) return refuse(message("has ", std::to_string(name.size()), " bytes; 63 are the most"));
    if (!detail::is_storable_text(name)) return refuse("is not UTF-8, or holds a NUL");
    if (std::ranges::any_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
        return refuse("holds a control character");
    if (name.starts_with("pg_")) return refuse("begins with pg_, which PostgreSQL keeps for itself");
    if (name.find("$function$") != std::string::npos) // the quotation marks of our function bodies
        return refuse("must not contain $function$");
    return std::nullopt;
}

int needed_schema_version() noexcept { return sql::migrations.back().version; }

asio::awaitable<result<server_state>> inspect(
    std::shared_ptr<connection> link, std::optional<std::string> schema, detail::steady_time deadline) {
    const std::string table = schema ? table_of(*schema) : std::string();
    std::string ask = "select current_setting('server_version_num'), current_setting('synchronous_commit'), "
                      "pg_is_in_recovery()";
    if (schema) ask += message(", to_regclass(", quoted_literal(table), ") is not null");
    auto first = co_await connection::run_script(link, ask, deadline);
    if (!first) co_return first.error();
    server_state found;
    found.server_version = number(field(*first, 0));
    found.commits_durably = field(*first, 1) != "off";
    found.is_read_only = field(*first, 2) == "t";
    if (schema && field(*first, 3) == "t") {
        const std::string ask_version = version_in(table);
        auto second = co_await connection::run_script(link, ask_version, deadline);
        if (!second) co_return second.error();
        found.schema_version = number(field(*second, 0));
    }
    co_return found;
}

asio::awaitable<result<int>> find_version(
    std::shared_ptr<postgres::pool> through, std::string schema, detail::steady_time deadline) {
    using postgres::lone_statement;
    constexpr std::string_view doing = "looking for the schema of a store";
    const std::string table = table_of(schema);
    // In two steps: a statement that fails holds up those of others that share its connection.
    const auto look = std::make_shared<lone_statement>("select to_regclass($1) is not null",
        std::vector<postgres::type_oid>(1, postgres::type_oid::text), std::string(doing));
    postgres::parameters arguments;
    arguments.add(table);
    auto looking = postgres::pool::execute(through, look->what, std::move(arguments), deadline);
    const auto there = co_await std::move(looking);
    if (!there) co_return there.error();
    if (!postgres::rows(there->get()).boolean(0, 0)) co_return 0;

    const auto ask =
        std::make_shared<lone_statement>(version_in(table), std::vector<postgres::type_oid>(), std::string(doing));
    auto asking = postgres::pool::execute(through, ask->what, postgres::parameters(), deadline);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    co_return postgres::rows(answer->get()).int4(0, 0);
}

std::optional<failure> check_server(const server_state& found, const store_options& options) {
    if (found.server_version < oldest_server) {
        return failure(errc::server_unusable,
            message("the server is PostgreSQL ", std::to_string(found.server_version / 10000),
                "; a store needs 14 or later"));
    }
    if (!found.commits_durably && !options.allows_asynchronous_commit()) {
        return failure(errc::server_unusable,
            "synchronous_commit is off for this role or database: an acknowledged event could be lost when "
            "the server crashes; set it to on, or open the store with allow_asynchronous_commit()");
    }
    return std::nullopt;
}

std::optional<failure> check_version(int found, const store_options& options) {
    if (found > needed_schema_version()) return too_new(options.schema(), found);
    if (found < needed_schema_version() && !options.creates()) {
        failure::facts facts;
        facts.message = message("schema ", detail::quoted_for_message(options.schema()),
            found == 0 ? std::string(" holds no event store")
                       : message(" has version ", std::to_string(found), ", version ",
                             std::to_string(needed_schema_version()), " is needed"),
            "; open the store with create(true), or run `eventstore init`");
        return failure(errc::schema_missing, std::move(facts));
    }
    return std::nullopt;
}

std::optional<failure> check(const server_state& found, const store_options& options) {
    if (auto why = check_server(found, options)) return why;
    return check_version(found.schema_version, options);
}

asio::awaitable<result<std::vector<schema_info>>> find_schemas(
    std::shared_ptr<connection> link, detail::steady_time deadline) {
    const std::string ask(sql::find_schemas);
    const auto answer = co_await connection::run_script(link, ask, deadline);
    if (!answer) co_return answer.error();
    std::vector<schema_info> found;
    const int count = PQntuples(answer->get());
    for (int i = 0; i < count; ++i) {
        schema_info each;
        each.name = PQgetvalue(answer->get(), i, 0);
        each.newest = needed_schema_version();
        if (PQgetvalue(answer->get(), i, 1)[0] == 't') {
            const std::string ask_version =
                message("select coalesce(max(version), 0) from ", quoted_identifier(each.name), ".schema_migrations");
            const auto version = co_await connection::run_script(link, ask_version, deadline);
            if (!version && is_undefined(version.error())) continue; // dropped just now
            if (!version) co_return version.error();
            each.version = number(field(*version, 0));
        }
        found.push_back(std::move(each));
    }
    co_return found;
}

} // namespace eventstore::log
