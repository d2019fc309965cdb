// The log that dpkg keeps of what it does to a machine's packages, as events.
#pragma once

#include <eventstore/event_data.hpp>

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace package_history {

namespace es = eventstore;

/// One line of the log.
struct entry {
    std::string stream; // `package-NAME:ARCHITECTURE`, or `dpkg` for what concerns no single package
    es::event_data event;
};

/// Turns lines into events. The same log gives the same events with the same ids, however often it is read: an id is
/// made from the line, and from its number among equal lines.
class log_parser {
public:
    /// Nothing if dpkg writes no such line.
    std::optional<entry> parse(std::string_view line);

private:
    std::map<std::string, int, std::less<>> seen_;
};

struct dpkg_log {
    std::vector<entry> entries;
    std::size_t files = 0;
    std::size_t strange_lines = 0; // that dpkg does not write
};

/// Reads log files, oldest first, whatever the order in which they are named; of a folder, all of its dpkg.log files.
/// Compressed ones (.gz) are read by zcat.
dpkg_log read_logs(const std::vector<std::filesystem::path>& files_and_folders);

} // namespace package_history
