#include "cli/output.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
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
        std::size_t most = rest.size();
        if (stop_ >= 0) {
            if (!has_room()) {
                gone_ = true;
                break;
            }
            most = std::min<std::size_t>(most, PIPE_BUF); // which a pipe with room takes without blocking
        }
        const ssize_t size = write(STDOUT_FILENO, rest.data(), most);
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

/// Waits for the reader, or to be stopped.
bool output::has_room() const {
    std::array<pollfd, 2> both{pollfd{STDOUT_FILENO, POLLOUT, 0}, pollfd{stop_, POLLIN, 0}};
    while (poll(both.data(), both.size(), -1) < 0 && errno == EINTR) {
    }
    return both[0].revents != 0 || both[1].revents == 0;
}

std::size_t output::width() const {
    winsize size{};
    if (!is_terminal_) return 0;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

} // namespace eventstore::cli
