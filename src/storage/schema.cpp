#include "storage/schema.hpp"

#include "base/text.hpp"
#include "storage/schema_answers.hpp"
#include "storage/sql.hpp"
#include "storage/statements.hpp"

#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace eventstore::storage {

namespace {

using detail::message;

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

asio::awaitable<result<std::vector<schema_info>>> find_schemas(
    std::shared_ptr<postgres::connection> connection, detail::steady_time deadline) {
    const std::string ask(sql::find_schemas);
    auto running = postgres::connection::run_script(connection, ask, deadline);
    const auto answer = co_await std::move(running);
    if (!answer) co_return answer.error();
    std::vector<schema_info> found;
    for (int i = 0; i < answer->rows(); ++i) {
        schema_info schema;
        schema.name = answer->bytes(i, 0);
        schema.newest = needed_schema_version();
        if (answer->bytes(i, 1) == "t") {
            const std::string ask_version =
                message("select coalesce(max(version), 0) from ", quoted_identifier(schema.name), ".schema_migrations");
            auto asking = postgres::connection::run_script(connection, ask_version, deadline);
            const auto version = co_await std::move(asking);
            if (!version && is_undefined(version.error())) continue; // dropped just now
            if (!version) co_return version.error();
            schema.version = number(field(*version, 0));
        }
        found.push_back(std::move(schema));
    }
    co_return found;
}

} // namespace eventstore::storage
