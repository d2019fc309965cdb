#include "storage/roles.hpp"

#include "base/text.hpp"
#include "storage/migration_steps.hpp"
#include "storage/sql.hpp"
#include "storage/statements.hpp"

#include <algorithm>

namespace eventstore::storage {

namespace {

using detail::message;

constexpr std::string_view longest_suffix = "_subscriber";
constexpr std::size_t longest_name = 63; // in PostgreSQL, which cuts off the rest without an error

bool is_of_name(char c) noexcept { return (c >= 'a' && c <= 'z') || c == '_'; }

/// Replaces what stands for the schema, and the names of the roles, in one pass: a name may look like either.
std::string for_roles(std::string_view sql, std::string_view schema, std::string_view prefix) {
    constexpr std::string_view of_schema = "schema eventstore";
    constexpr std::string_view of_object = "eventstore.";
    constexpr std::string_view of_role = "shop_";
    const std::string schema_name = quoted_identifier(schema);
    std::string made;
    while (!sql.empty()) {
        if (sql.starts_with(of_schema)) {
            made += message("schema ", schema_name);
            sql.remove_prefix(of_schema.size());
        } else if (sql.starts_with(of_object)) {
            made += message(schema_name, ".");
            sql.remove_prefix(of_object.size());
        } else if (sql.starts_with(of_role)) {
            const auto end = std::find_if_not(sql.begin() + of_role.size(), sql.end(), is_of_name);
            const auto size = static_cast<std::size_t>(end - sql.begin());
            const std::string role = message(prefix, sql.substr(of_role.size() - 1, size - of_role.size() + 1));
            const bool is_literal = made.ends_with('\'');
            if (is_literal) made.pop_back();
            made += is_literal ? quoted_literal(role) : quoted_identifier(role);
            sql.remove_prefix(size + (is_literal ? 1 : 0)); // with the quotation mark behind it
        } else {
            made += sql.front();
            sql.remove_prefix(1);
        }
    }
    return made;
}

} // namespace

std::optional<failure> check_role_prefix(const std::string& prefix) {
    const auto refuse = [&](std::string_view why) {
        return failure(
            errc::invalid_argument, message("the prefix of roles ", detail::quoted_for_message(prefix), " ", why));
    };
    constexpr std::size_t longest = longest_name - longest_suffix.size();
    if (prefix.empty()) return refuse("is empty");
    if (prefix.size() > longest)
        return refuse(
            message("has ", std::to_string(prefix.size()), " bytes; ", std::to_string(longest), " are the most"));
    if (!detail::is_storable_text(prefix)) return refuse("is not UTF-8, or holds a NUL");
    if (std::ranges::any_of(prefix, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
        return refuse("holds a control character");
    if (prefix.starts_with("pg_")) return refuse("begins with pg_, which PostgreSQL keeps for itself");
    if (prefix.find("$roles$") != std::string::npos) return refuse("must not contain $roles$");
    return std::nullopt;
}

std::string roles_script(const std::string& schema, std::string_view prefix) {
    return lock_of_migration(schema) + for_roles(sql::roles, schema, prefix);
}

} // namespace eventstore::storage
