/// What an export writes behind the events.
#pragma once

#include "maintenance/event_line.hpp"
#include "maintenance/exported_rows.hpp"

#include <span>
#include <string_view>

namespace eventstore::maintenance {

/// A COPY, and how its rows become lines.
struct state_part {
    std::string_view text;
    void (*add)(line_writer& lines, end_line& end, copied_row& row);
};

/// In the order of the file.
std::span<const state_part> state_parts() noexcept;

} // namespace eventstore::maintenance
