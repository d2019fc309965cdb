// JSON as text. Events are kept byte for byte, and a parsed value would not give the bytes back: it rounds long numbers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::cli {

/// A member of an object: its name, and its value as it was written.
struct json_member {
    std::string name;
    std::string_view value;
};

/// True if the text is one JSON value, white space around it allowed.
bool is_json(std::string_view text);

/// JSON, without the white space that does not count: two texts that have the same rest mean the same.
std::string without_space(std::string_view json);

/// True if the bytes are UTF-8, so that a JSON string can hold them.
bool is_utf8(std::string_view bytes);

/// The members of an object, in their order. \throws usage_error if the text is anything else
std::vector<json_member> json_members(std::string_view object);

/// The text as a JSON string.
std::string json_string(std::string_view text);

/// The text that a JSON string stands for; nothing if the value is no string.
std::optional<std::string> text_of(std::string_view json_value);

std::string to_base64(std::string_view bytes);
/// Nothing if the text is not base64.
std::optional<std::string> from_base64(std::string_view text);

} // namespace eventstore::cli
