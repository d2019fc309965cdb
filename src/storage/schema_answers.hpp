/// What looking for a schema, and making one, have in common: how answers are read, and what is wrong with a schema.
#pragma once

#include "base/text.hpp"
#include "postgres/answer.hpp"
#include "storage/schema.hpp"
#include "storage/statements.hpp"

#include <charconv>
#include <string>
#include <string_view>

namespace eventstore::storage {

inline std::string field(const postgres::answer& from, int column) {
    const bool is_there = from.rows() > 0 && column < from.columns();
    return std::string(is_there ? from.bytes(0, column) : std::string_view());
}

inline int number(const std::string& text) {
    int value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

inline std::string table_of(const std::string& schema) {
    return detail::message(quoted_identifier(schema), ".schema_migrations");
}

inline std::string version_in(const std::string& table) {
    return detail::message("select coalesce(max(version), 0) from ", table);
}

inline failure too_new(const std::string& schema, int version) {
    return failure(errc::schema_too_new,
        detail::message("schema ", detail::quoted_for_message(schema), " has version ", std::to_string(version),
            ", this library knows versions up to ", std::to_string(needed_schema_version()),
            "; use the library that made it, or a newer one"));
}

inline failure no_store(const std::string& schema) {
    return failure(errc::schema_missing,
        detail::message(
            "schema ", detail::quoted_for_message(schema), " holds no event store; it may have been dropped just now"));
}

/// There is no such table, or not even the schema.
inline bool is_undefined(const failure& why) { return why.sqlstate() == "42P01" || why.sqlstate() == "3F000"; }

} // namespace eventstore::storage
