/// The file that an export writes.
#pragma once

#include "maintenance/event_file_check.hpp"
#include "maintenance/line_file.hpp"

#include <eventstore/error.hpp>
#include <eventstore/uuid.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace eventstore::maintenance {

/// What an earlier export has left in the file, up to its last event.
struct exported_part {
    bool has_header = false; ///< false: the file is new
    header_line header;
    std::int64_t last_position = 0; ///< 0 = it has no event yet
    uuid last_id{};
    std::int64_t events = 0, links = 0;
    std::uint64_t offset = 0; ///< where the export goes on
    std::uint32_t checksum = 0;
};

/// All calls block, until they are stopped: then they fail (cancelled).
class export_file {
public:
    /// Opens the file, or makes it, and reads what is there. Nobody else writes to it while this object lives.
    /// \param path "-" is standard output
    static result<std::unique_ptr<export_file>> open(const std::string& path, detail::stop_question is_stopped = {});

    const exported_part& kept() const noexcept { return kept_; }
    const std::string& path() const noexcept { return path_; }
    /// Cuts off what is not kept. After that, it is written to.
    result<void> begin();
    result<void> write(std::string_view text);
    /// Returns when the file is on disk.
    result<void> finish();
    std::uint64_t size() const noexcept { return size_; }

private:
    export_file(std::string path, std::shared_ptr<open_file> file, bool is_regular, detail::stop_question is_stopped)
        : path_(std::move(path)), file_(std::move(file)), is_regular_(is_regular), is_stopped_(std::move(is_stopped)) {}
    result<void> wait_for_room() const;
    result<void> sync();
    result<void> read_kept();

    std::string path_;
    std::shared_ptr<open_file> file_;
    bool is_regular_;
    detail::stop_question is_stopped_;
    exported_part kept_;
    std::uint64_t size_ = 0;
    std::uint64_t size_on_disk_ = 0; // or more
};

} // namespace eventstore::maintenance
