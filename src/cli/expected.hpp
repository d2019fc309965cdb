// What the option --expect says.
#pragma once

#include "cli/usage_error.hpp"

#include <eventstore/expected_version.hpp>

#include <charconv>
#include <cstdint>
#include <string>

namespace eventstore::cli {

/// any, no-stream, exists or a version. \throws usage_error
inline expected_version parse_expected(const std::string& text) {
    if (text == "any") return any_version;
    if (text == "no-stream") return no_stream;
    if (text == "exists") return stream_exists;
    std::int64_t exact = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), exact);
    if (text.empty() || ec != std::errc() || end != text.data() + text.size() || exact < 0)
        throw usage_error("--expect takes any, no-stream, exists or a version");
    return exact;
}

} // namespace eventstore::cli
