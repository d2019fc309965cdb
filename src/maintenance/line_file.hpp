/// Reading a file of events, line by line.
#pragma once

#include "async/stop_question.hpp"
#include "maintenance/line_cursor.hpp"

#include <eventstore/error.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore::maintenance {

/// A descriptor, closed at the end; but not the standard ones.
class open_file {
public:
    explicit open_file(int descriptor) noexcept : descriptor_(descriptor) {}
    open_file(const open_file&) = delete;
    open_file& operator=(const open_file&) = delete;
    ~open_file();

    int get() const noexcept { return descriptor_; }

private:
    int descriptor_;
};

failure file_failure(const std::string& path, std::string_view doing, int code);

/// Reads lines, and checks each against its checksum. All calls block, until they are stopped: then they fail (cancelled).
class line_file {
public:
    /// \param path "-" is standard input
    static result<std::unique_ptr<line_file>> open(const std::string& path, detail::stop_question is_stopped = {});
    /// Of a file that is open, from its beginning.
    line_file(std::string path, std::shared_ptr<open_file> file, detail::stop_question is_stopped = {});

    /// The next line without its checksum, which lives until the next call; nothing at the end of the file.
    result<std::optional<std::string_view>> next();

    /// Of the line that was read last, from 1.
    std::size_t number() const noexcept { return number_; }
    /// Behind that line.
    std::uint64_t offset() const noexcept { return offset_; }
    std::uint32_t checksum() const noexcept { return checksum_; }
    /// Of everything before the checksum of that line.
    std::uint32_t checksum_of_line() const noexcept { return checksum_of_line_; }
    /// The file ends within the line after that one.
    bool is_cut_off() const noexcept { return is_cut_off_; }
    /// What was read behind the line that was read last.
    std::string_view rest() const noexcept { return std::string_view(buffer_).substr(begin_, end_ - begin_); }
    /// Of the whole file; 0 = not known.
    std::uint64_t size() const noexcept { return size_; }
    const std::string& path() const noexcept { return path_; }

    /// file_damaged, with the number of the line that was read last.
    failure damaged(std::string_view why) const { return damaged_at(number_, why); }
    failure damaged_at(std::size_t number, std::string_view why) const;

private:
    result<bool> fill();
    result<void> wait_for_input() const;

    std::string path_;
    std::shared_ptr<open_file> file_;
    detail::stop_question is_stopped_;
    bool may_be_silent_ = false; // a pipe, for instance
    std::string buffer_;
    std::size_t begin_ = 0; // of the next line
    std::size_t end_ = 0;   // of what was read
    std::size_t number_ = 0;
    std::uint64_t offset_ = 0;
    std::uint64_t size_ = 0;
    std::uint32_t checksum_ = 0;
    std::uint32_t checksum_of_line_ = 0;
    bool is_cut_off_ = false;
};

} // namespace eventstore::maintenance
