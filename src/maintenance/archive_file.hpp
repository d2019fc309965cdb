/// The file of an archive, from the moment on when it is complete.
#pragma once

#include "maintenance/archive_rules.hpp"
#include "maintenance/event_file_check.hpp"
#include "maintenance/line_file.hpp"

#include <eventstore/error.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::maintenance {

/// What can be said of a file without reading it to its end.
struct archive_outline {
    bool exists = false;
    bool has_header = false;
    header_line header;
    bool is_complete = false; ///< it seems so: its last line is one
};

/// Reads the beginning and the end of a file. Blocks.
result<archive_outline> outline_of(const std::string& path);

/// Reads one open file twice: first to check it, then for the ids of its events. Nobody else exports to it meanwhile. All
/// calls block.
class archive_file {
public:
    static result<std::unique_ptr<archive_file>> open(const std::string& path);

    /// Reads some of it, and checks that. False: it has been read to its end, and is whole.
    /// \param log what the log holds in the range of the file
    result<bool> check_some(const held_range& log);
    /// Of what has been read so far.
    const checked_archive& checked() const noexcept { return checked_; }
    std::int64_t events() const noexcept { return rules_.summary().events; }
    std::int64_t position() const noexcept { return rules_.summary().last_position; }
    std::uint64_t bytes() const noexcept { return lines_->offset(); }
    std::uint64_t total_bytes() const noexcept { return lines_->size(); }

    /// After the check: returns when the file and its name are on disk, and begins to read it again.
    result<void> settle();

    /// The next events from a position on; fewer than asked for: there are no more.
    result<std::vector<placed_event>> next(std::int64_t from_position, std::size_t most);

private:
    archive_file(std::string path, std::shared_ptr<open_file> file)
        : path_(std::move(path)), file_(std::move(file)), lines_(std::make_unique<line_file>(path_, file_)) {}

    std::optional<std::string> take(std::string_view body, const held_range& log);

    const std::string path_;
    const std::shared_ptr<open_file> file_;
    std::unique_ptr<line_file> lines_;
    decoded_payloads room_;
    file_rules rules_;
    event_line event_;
    checked_archive checked_;
};

} // namespace eventstore::maintenance
