// What a request asks for: a path and a query.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace live_feed {

/// `/streams/a%20b?from=3`, taken apart.
struct target {
    std::string path; ///< still percent-encoded: a `/` in a name must stay one of the name
    std::map<std::string, std::string> query;

    bool has(const std::string& name) const { return query.count(name) > 0; }

    /// A whole number of at least `least` that the query may give. \throws refusal if it is anything else
    std::optional<std::int64_t> number(const std::string& name, std::int64_t least) const;
};

/// \throws refusal if it is malformed, or the query has a name that is not one of these (separated by spaces)
target parse_target(std::string_view text, std::string_view known_names = "");

/// A whole number of at least `least`; nothing if the text is anything else.
std::optional<std::int64_t> parse_number(std::string_view text, std::int64_t least);

/// `%41` becomes `A`. \throws refusal if a `%` is not followed by two hexadecimal digits
std::string percent_decoded(std::string_view text);

/// The other way round: what is no letter, digit, `-`, `_`, `.` or `~` is encoded.
std::string percent_encoded(std::string_view text);

} // namespace live_feed
