/// The lines of an export, on their way into its file.
#pragma once

#include "maintenance/export_output.hpp"

#include <eventstore/error.hpp>
#include <eventstore/event_file.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace eventstore::maintenance {

namespace asio = boost::asio;

/// Collects lines, and has them written while others are made. Counts them, and tells how far the export is.
class exported_lines {
public:
    static constexpr std::size_t bytes_of_write = std::size_t{1} << 20;
    static constexpr std::size_t most_bytes = std::size_t{4} << 20; // while the file is busy

    /// \param is_stopped nobody waits for the export any more
    exported_lines(std::string path, export_options options, asio::any_io_executor strand,
        std::shared_ptr<const std::atomic<bool>> is_stopped)
        : out_(std::move(path), std::move(strand), is_stopped),
          options_(std::move(options)),
          is_stopped_(std::move(is_stopped)) {}

    export_output& file() noexcept { return out_; }
    line_writer& writer() noexcept { return lines_; }
    end_line& counts() noexcept { return end_; }
    const export_options& options() const noexcept { return options_; }

    /// After the file was opened: events after one position up to the other are written by this run.
    void begin(std::int64_t after, std::int64_t through);

    /// \param stream its name as a JSON string
    void add(const event_line& event, std::string_view stream);
    /// Of the last event.
    std::int64_t last_position() const noexcept { return last_position_; }
    std::int64_t through() const noexcept { return through_; }

    /// It is time to write.
    bool is_full() const { return lines_.size() >= bytes_of_write && (!out_.is_busy() || lines_.size() >= most_bytes); }
    /// Writes the lines if it is time.
    asio::awaitable<result<void>> write_some();
    /// Adds the last line, and returns when everything is on disk.
    asio::awaitable<result<void>> finish();

    void tell_progress() const;
    event_file_summary summary(const header_line& header) const;

private:
    asio::awaitable<result<void>> write();

    export_output out_;
    const export_options options_;
    const std::shared_ptr<const std::atomic<bool>> is_stopped_;
    line_writer lines_;
    end_line end_;
    std::int64_t begin_ = 0;
    std::int64_t through_ = 0;
    std::int64_t last_position_ = 0;
    std::int64_t new_events_ = 0;
};

} // namespace eventstore::maintenance
