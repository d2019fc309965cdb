#include "cli/line_reader.hpp"

#include "cli/usage_error.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace eventstore::cli {

namespace {

constexpr std::size_t block = std::size_t{1} << 16;
constexpr std::size_t longest_line = std::size_t{512} << 20; // the largest event, written as escapes

struct encoding {
    std::string_view begin; // of a line
    const char* name;       // as iconv calls it
};

using namespace std::string_view_literals;

// With a byte order mark, or without one before the brace of an object. Of two the longer one comes first.
constexpr encoding others[] = {{"\xff\xfe\0\0"sv, "UTF-32"}, {"\0\0\xfe\xff"sv, "UTF-32"}, {"\xff\xfe"sv, "UTF-16"},
    {"\xfe\xff"sv, "UTF-16"}, {"{\0\0\0"sv, "UTF-32LE"}, {"\0\0\0{"sv, "UTF-32BE"}, {"{\0"sv, "UTF-16LE"},
    {"\0{"sv, "UTF-16BE"}};
constexpr std::string_view utf8_mark = "\xef\xbb\xbf";

} // namespace

line_reader::line_reader(const std::string& path)
    : file_(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (file_ < 0) throw usage_error("cannot open " + path + ": " + std::strerror(errno));
}

line_reader::~line_reader() {
    if (file_ != STDIN_FILENO) close(file_);
}

line_reader::state line_reader::peek() {
    for (;;) {
        scanned_ = buffer_.find('\n', scanned_);
        if (scanned_ != buffer_.npos) return state::line;
        scanned_ = buffer_.size();
        if (at_end_) return begin_ < buffer_.size() ? state::line : state::end;

        pollfd ready{file_, POLLIN, 0};
        if (poll(&ready, 1, 0) == 0) return state::waiting;

        buffer_.erase(0, begin_);
        scanned_ -= begin_;
        begin_ = 0;
        if (buffer_.size() > longest_line)
            throw usage_error("line " + std::to_string(number_ + 1) + " is longer than 512 MB");
        // The longer the line, the larger the step: an event of 16 MB takes few of them.
        const std::size_t filled = buffer_.size();
        buffer_.resize(filled + std::max(block, filled));
        const ssize_t size = read(file_, buffer_.data() + filled, buffer_.size() - filled);
        const int code = errno;
        buffer_.resize(filled + std::size_t(std::max<ssize_t>(size, 0)));
        if (size == 0) at_end_ = true;
        if (size < 0 && code != EINTR && code != EAGAIN)
            throw std::system_error(code, std::generic_category(), "cannot read the input");
    }
}

void line_reader::wait() {
    pollfd ready{file_, POLLIN, 0};
    while (poll(&ready, 1, -1) < 0 && errno == EINTR) {
    }
}

std::string_view line_reader::take() {
    const std::size_t end = std::min(scanned_, buffer_.size());
    std::string_view line(buffer_.data() + begin_, end - begin_);
    begin_ = std::min(end + 1, buffer_.size());
    scanned_ = begin_;
    ++number_;
    for (const encoding& encoding : others)
        if (line.starts_with(encoding.begin))
            throw usage_error("line " + std::to_string(number_) + ": this is " + encoding.name +
                "; convert the input to UTF-8 first: iconv -f " + encoding.name + " -t UTF-8");
    if (line.starts_with(utf8_mark)) line.remove_prefix(utf8_mark.size());
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

} // namespace eventstore::cli
