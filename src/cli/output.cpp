#include "cli/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace eventstore::cli {

output::output() : is_terminal_(isatty(STDOUT_FILENO) == 1) {}

void output::put(std::string_view text) {
    if (gone_) return;
    buffer_ += text;
    if (buffer_.size() >= 1 << 16) flush();
}

void output::flush() {
    std::string_view rest = buffer_;
    while (!rest.empty() && !gone_) {
        const ssize_t size = write(STDOUT_FILENO, rest.data(), rest.size());
        if (size >= 0)
            rest.remove_prefix(std::size_t(size));
        else if (errno == EPIPE)
            gone_ = true;
        else if (errno != EINTR) {
            const int code = errno;
            buffer_.clear(); // or it would be written again
            throw std::system_error(code, std::generic_category(), "cannot write the output");
        }
    }
    buffer_.clear();
}

std::size_t output::width() const {
    winsize size{};
    if (!is_terminal_) return 0;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

} // namespace eventstore::cli
