/// The file of an export, written by another thread.
#pragma once

#include "async/work_ahead.hpp"
#include "maintenance/export_file.hpp"

#include <eventstore/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace eventstore::maintenance {

namespace asio = boost::asio;

/// Has lines written while others are made.
class export_output {
public:
    export_output(std::string path, asio::any_io_executor strand, detail::stop_question::flag is_stopped)
        : path_(std::move(path)), disk_(std::move(strand), "writing the file of an export", std::move(is_stopped)) {}

    /// Opens the file, and reads what is there.
    asio::awaitable<result<void>> open();
    /// After open(). What is kept of the file stays as it is.
    const exported_part& kept() const noexcept { return out_->file->kept(); }
    asio::awaitable<result<void>> begin();

    /// A text is being written: write() would wait for that first.
    bool is_busy() const { return disk_.is_busy(); }
    /// Takes the text of the lines, and returns when it can take more.
    asio::awaitable<result<void>> write(line_writer& lines);
    /// Returns when everything is on disk.
    asio::awaitable<result<void>> finish();

    const std::string& path() const noexcept { return path_; }
    /// What was written so far; while a text is being written, some of it.
    std::uint64_t size() const noexcept { return size_; }

private:
    struct work {
        std::unique_ptr<export_file> file;
        std::string text; // that is being written
        std::optional<failure> why;
    };

    asio::awaitable<result<void>> wait();

    const std::string path_;
    detail::work_ahead disk_;
    const std::shared_ptr<work> out_ = std::make_shared<work>();
    std::uint64_t size_ = 0;
};

} // namespace eventstore::maintenance
