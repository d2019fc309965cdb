#include "cli/transfer_bar.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace eventstore::cli {

namespace {

constexpr std::chrono::milliseconds between_lines(200);

/// 1,234,567
std::string grouped(std::int64_t value) {
    std::string text = std::to_string(value);
    for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
        text.insert(static_cast<std::size_t>(at), 1, ',');
    return text;
}

/// 1:02:03, or 2:03
std::string as_time(double seconds) {
    const auto all = static_cast<std::int64_t>(std::lround(seconds));
    const auto two = [](std::int64_t value) { return (value < 10 ? "0" : "") + std::to_string(value); };
    if (all < 3600) return std::to_string(all / 60) + ':' + two(all % 60);
    return std::to_string(all / 3600) + ':' + two(all / 60 % 60) + ':' + two(all % 60);
}

/// From 0 to 1; less than 0: nobody knows.
double share_done(const transfer_progress& now) {
    if (now.total_bytes > 0) return static_cast<double>(now.bytes) / static_cast<double>(now.total_bytes);
    if (now.end > now.begin)
        return static_cast<double>(std::max(now.position, now.begin) - now.begin) /
            static_cast<double>(now.end - now.begin);
    return -1;
}

std::size_t width_of_terminal() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void put(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
        if (written <= 0) return; // nobody has to see it
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

} // namespace

std::string progress_line(
    std::string_view doing, const transfer_progress& now, std::chrono::duration<double> elapsed, std::size_t width) {
    const double share = std::min(share_done(now), 1.0);
    const double rate = elapsed.count() > 0 ? static_cast<double>(now.events) / elapsed.count() : 0;
    std::string line(doing);
    std::string rest = "  " + grouped(now.events) + " events  " + grouped(std::llround(rate)) + "/s";
    if (share > 0) rest += "  " + as_time(elapsed.count() * (1 - share) / share) + " left";
    constexpr std::size_t narrowest = 12;
    if (share >= 0) {
        line += ' ' + std::to_string(static_cast<int>(share * 100)) + '%';
        if (line.size() + rest.size() + narrowest < width) {
            const std::size_t bar = std::min<std::size_t>(width - line.size() - rest.size() - 4, 40);
            const auto filled = static_cast<std::size_t>(share * static_cast<double>(bar));
            line += " [" + std::string(filled, '=') + std::string(bar - filled, ' ') + ']';
        }
    }
    line += rest;
    if (width > 0 && line.size() >= width) line.resize(width - 1);
    return line;
}

transfer_bar::transfer_bar(std::string doing) : doing_(std::move(doing)), is_shown_(isatty(STDERR_FILENO) == 1) {}

void transfer_bar::show(const transfer_progress& now) {
    const clock::time_point time = clock::now();
    if (!is_shown_ || time < next_) return;
    next_ = time + between_lines;
    const std::string line = progress_line(doing_, now, time - begin_, width_of_terminal());
    const std::size_t covered = length_ > line.size() ? length_ - line.size() : 0;
    length_ = line.size();
    put('\r' + line + std::string(covered, ' '));
}

void transfer_bar::clear() {
    if (length_ == 0) return;
    put('\r' + std::string(std::exchange(length_, 0), ' ') + '\r');
}

} // namespace eventstore::cli
