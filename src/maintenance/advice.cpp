#include "maintenance/advice.hpp"

#include "base/text.hpp"
#include "storage/statements.hpp"

#include <algorithm>

namespace eventstore::maintenance {

using detail::message;

std::string quoted_for_shell(std::string_view word) {
    const auto is_plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
            c == '.' || c == '/' || c == ':';
    };
    if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) return std::string(word);
    std::string text = "'";
    for (const char c : word) {
        if (c == '\'')
            text += "'\\''";
        else
            text += c;
    }
    return text += '\'';
}

std::string program_command(std::string_view command, std::string_view schema) {
    std::string text = message("eventstore ", command);
    if (schema != "eventstore") text += message(" --schema ", quoted_for_shell(schema));
    return text;
}

std::string literal(std::string_view text) {
    if (text.find('\\') != std::string_view::npos) return storage::quoted_literal(text).substr(1);
    std::string quoted = "'";
    for (const char c : text) {
        quoted += c;
        if (c == '\'') quoted += c;
    }
    return quoted += '\'';
}

std::string under_log_lock(std::string_view schema, std::string_view change) {
    const std::string table = message(schema, ".log_state");
    return message("begin; select pg_advisory_xact_lock(", literal(table),
        "::regclass::bigint + 7311000000000000000); ", change, "; commit;");
}

} // namespace eventstore::maintenance
