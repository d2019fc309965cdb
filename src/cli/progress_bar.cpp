#include "cli/progress_bar.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace eventstore::cli {

namespace {

constexpr std::chrono::milliseconds between_frames{200};

std::string time_left(double seconds) {
    const auto left = static_cast<std::int64_t>(seconds + 0.5);
    if (left >= 3600) return std::to_string(left / 3600) + " h " + std::to_string(left % 3600 / 60) + " min left";
    if (left >= 60) return std::to_string(left / 60) + " min " + std::to_string(left % 60) + " s left";
    return std::to_string(left) + " s left";
}

std::size_t width_of_terminal() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void write_all(std::string_view text) {
    while (!text.empty()) {
        const ssize_t size = write(STDERR_FILENO, text.data(), text.size());
        if (size <= 0) return; // nothing depends on it
        text.remove_prefix(std::size_t(size));
    }
}

} // namespace

std::string progress_text::line(
    std::string_view part, std::int64_t done, std::int64_t total, seconds elapsed, std::size_t width) {
    total = std::max(total, std::int64_t{1});
    done = std::clamp(done, std::int64_t{0}, total);
    const double share = double(done) / double(total);
    std::string after = std::to_string(static_cast<int>(share * 100));
    after.insert(0, 3 - std::min<std::size_t>(after.size(), 3), ' ');
    after += '%';
    if (elapsed.count() > 0 && done > 0) {
        const double rate = double(done) / elapsed.count();
        after +=
            "  " + std::to_string(static_cast<std::int64_t>(rate)) + "/s  " + time_left(double(total - done) / rate);
    }
    std::string text(part);
    text.resize(std::max<std::size_t>(text.size(), 13), ' ');
    const std::size_t others = text.size() + 3 + after.size();
    if (width >= others + 10) {
        const std::size_t cells = std::min<std::size_t>(width - others, 40);
        const auto full = static_cast<std::size_t>(share * double(cells));
        text += '[' + std::string(full, '#') + std::string(cells - full, ' ') + "] ";
    }
    text += after;
    if (text.size() > width) text.resize(width);
    return text;
}

progress_bar::progress_bar() : is_terminal_(isatty(STDERR_FILENO) == 1) {}

progress_bar::~progress_bar() { clear(); }

void progress_bar::clear() {
    if (std::exchange(is_drawn_, false)) write_all("\r\x1b[K");
}

void progress_bar::show(std::string_view part, std::int64_t done, std::int64_t total) {
    if (!is_terminal_) return;
    const clock::time_point now = clock::now();
    if (part_ != part) {
        part_ = part;
        begin_ = now;
    } else if (is_drawn_ && now - drawn_ < between_frames) {
        return;
    }
    drawn_ = now;
    is_drawn_ = true;
    write_all("\r\x1b[K" + progress_text::line(part, done, total, now - begin_, width_of_terminal() - 1));
}

} // namespace eventstore::cli
