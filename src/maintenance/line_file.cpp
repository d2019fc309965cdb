#include "maintenance/line_file.hpp"

#include "base/crc32c.hpp"
#include "base/text.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace eventstore::maintenance {

namespace {

constexpr std::size_t block = std::size_t{256} << 10;
constexpr std::size_t longest_line = std::size_t{512} << 20; // the largest event, written as escapes

} // namespace

open_file::~open_file() {
    if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
}

failure file_failure(const std::string& path, std::string_view doing, int code) {
    return failure(errc::file_failed,
        detail::message("cannot ", doing, " ", path == "-" ? "the standard stream" : detail::quoted_for_message(path),
            ": ", std::generic_category().message(code)));
}

result<std::unique_ptr<line_file>> line_file::open(const std::string& path, detail::stop_question is_stopped) {
    // Without O_NONBLOCK a named pipe that nobody writes to would not even be opened.
    const int descriptor = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return file_failure(path, "open", errno);
    return std::make_unique<line_file>(path, std::make_shared<open_file>(descriptor), std::move(is_stopped));
}

line_file::line_file(std::string path, std::shared_ptr<open_file> file, detail::stop_question is_stopped)
    : path_(std::move(path)), file_(std::move(file)), is_stopped_(std::move(is_stopped)) {
    struct stat known {};
    if (::fstat(file_->get(), &known) != 0) return;
    if (S_ISREG(known.st_mode))
        size_ = static_cast<std::uint64_t>(known.st_size);
    else
        may_be_silent_ = true;
}

failure line_file::damaged_at(std::size_t number, std::string_view why) const {
    const std::string name = path_ == "-" ? std::string("the input") : detail::quoted_for_message(path_);
    return failure(errc::file_damaged, detail::message(name, ", line ", std::to_string(number), ": ", why));
}

/// Nobody interrupts a call that reads: it begins when there is something to read.
result<void> line_file::wait_for_input() const {
    constexpr int before_next_look = 200; // ms
    pollfd input{file_->get(), POLLIN, 0};
    for (;;) {
        if (is_stopped_()) return failure(errc::cancelled, "the reading of the file was cancelled");
        if (!may_be_silent_) return {};
        const int ready = ::poll(&input, 1, before_next_look);
        if (ready > 0) return {};
        if (ready < 0 && errno != EINTR) return file_failure(path_, "read", errno);
    }
}

/// False at the end of the file.
result<bool> line_file::fill() {
    if (begin_ > 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    // The longer the line, the larger the step.
    if (buffer_.size() < end_ + block) buffer_.resize(std::max(2 * block, 2 * end_));
    for (;;) {
        if (const auto waited = wait_for_input(); !waited) return waited.error();
        const ssize_t size = ::read(file_->get(), buffer_.data() + end_, buffer_.size() - end_);
        if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (size < 0) return file_failure(path_, "read", errno);
        end_ += static_cast<std::size_t>(size);
        return size > 0;
    }
}

result<std::optional<std::string_view>> line_file::next() {
    std::size_t scanned = begin_;
    const void* found = nullptr;
    while (!(found = std::memchr(buffer_.data() + scanned, '\n', end_ - scanned))) {
        const std::size_t length = end_ - begin_;
        if (length > longest_line) return damaged_at(number_ + 1, "it is longer than 512 MB");
        auto more = fill();
        if (!more) return more.error();
        scanned = begin_ + length;
        if (*more) continue;
        if (length == 0) return std::optional<std::string_view>();
        is_cut_off_ = true;
        return damaged_at(number_ + 1, "the file ends within this line: it is not complete");
    }
    const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.data());
    const std::string_view line(buffer_.data() + begin_, end - begin_);
    begin_ = end + 1;
    ++number_;
    const auto split = split_checksum(line);
    if (number_ == 1 && (!split || kind_of_line(split->body) != line_kind::header))
        return damaged("this is no export of an event store, or its first line is damaged");
    if (!split) return damaged("it does not end with a checksum: it is damaged");
    checksum_of_line_ = detail::crc32c(checksum_, split->body);
    if (checksum_of_line_ != split->checksum)
        return damaged("its checksum does not fit: it was changed, or lines before it are missing");
    const std::string_view with_end(line.data() + split->body.size(), line.size() + 1 - split->body.size());
    checksum_ = detail::crc32c(checksum_of_line_, with_end);
    offset_ += line.size() + 1;
    return std::optional<std::string_view>(split->body);
}

} // namespace eventstore::maintenance
