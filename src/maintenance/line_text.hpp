/// The text of a line of a file of events: JSON strings, JSON as it is, base64.
#pragma once

#include <eventstore/uuid.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore::maintenance {

/// How the bytes of a payload are written.
enum class payload_kind {
    json,  ///< as they are: one JSON value without line breaks or white space around it
    text,  ///< as a JSON string: other UTF-8
    bytes, ///< in base64
};
payload_kind kind_of(std::string_view bytes) noexcept;

/// The length of the JSON value at the beginning of the text, without line breaks; 0 if there is none. White space may stand
/// inside, and not before it.
std::size_t json_length(std::string_view text) noexcept;

bool is_utf8(std::string_view bytes) noexcept;

/// Appends the text, which is UTF-8, as a JSON string.
void add_string(std::string& line, std::string_view text);
void add_number(std::string& line, std::int64_t value);
void add_uuid(std::string& line, const unsigned char* bytes);
void add_base64(std::string& line, std::string_view bytes);
void add_hex(std::string& line, std::uint32_t value);

/// Appends the bytes that base64 stands for; false if it is none.
bool add_from_base64(std::string& bytes, std::string_view text);
/// The number that eight hexadecimal digits stand for.
std::optional<std::uint32_t> from_hex(std::string_view text) noexcept;
/// The id, of the 36 characters that add_uuid writes.
std::optional<uuid> uuid_of(std::string_view text) noexcept;

} // namespace eventstore::maintenance
