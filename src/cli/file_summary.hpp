// What a file of events holds, as commands print it.
#pragma once

#include "cli/arguments.hpp"

#include <eventstore/event_file.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace eventstore::cli {

/// Adds a member to an object of JSON, whose brace it opens.
void add_member(std::string& line, std::string_view name, std::int64_t value);
/// The rest of such an object: what the file holds.
void add_members(std::string& line, const event_file_summary& made);

/// \param new_events its name where there is such a count: "stored"
void print_summary(const task& work, const event_file_summary& made, std::string_view new_events);

} // namespace eventstore::cli
