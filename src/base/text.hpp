/// Text that PostgreSQL takes: UTF-8 without NUL.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace eventstore::detail {

/// True if the text is well-formed UTF-8 (no overlong forms, no surrogates) without NUL: what a PostgreSQL text may be.
bool is_storable_text(std::string_view text) noexcept;

/// What can be stored of any bytes, at most so many: what is not UTF-8, and NUL, becomes U+FFFD, and no character is cut.
std::string storable_text(std::string_view text, std::size_t most);

/// The text in single quotes for a message, cut after 80 bytes, with anything unprintable as \xNN.
std::string quoted_for_message(std::string_view text);

/// The text of several lines, indented perhaps, on one, without trailing blanks.
std::string one_line(std::string_view text);

/// "subject 'x' is bad": joins the pieces of a message with one allocation at most.
template <class... Pieces>
std::string message(const Pieces&... pieces) {
    std::string text;
    ((text += pieces), ...);
    return text;
}

} // namespace eventstore::detail
