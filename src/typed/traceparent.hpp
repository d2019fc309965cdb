/// The W3C traceparent in the metadata of events.
#pragma once

#include <eventstore/tracing.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace eventstore::detail {

/// The metadata with this member; nothing if it is no JSON object, or has such a member already. Otherwise the text stays as
/// it is.
std::optional<std::string> with_traceparent(std::string_view metadata, std::string_view traceparent);

/// That of the metadata; empty if there is none that is valid.
std::string find_traceparent(std::string_view metadata);

} // namespace eventstore::detail
