#include "cli/progress_bar.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace eventstore::cli {

namespace {

constexpr std::chrono::milliseconds between_frames{200};

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

progress progress::of(std::string_view part, const transfer_progress& now) noexcept {
    progress out{part, now.events, "events", -1};
    if (now.total_bytes > 0)
        out.share = double(now.bytes) / double(now.total_bytes);
    else if (now.end > now.begin)
        out.share = double(std::max(now.position, now.begin) - now.begin) / double(now.end - now.begin);
    return out;
}

std::string progress_text::line(const progress& now, seconds elapsed, std::size_t width) {
    const double share = std::min(now.share, 1.0);
    std::string text(now.part);
    std::string after = "  " + grouped(now.done);
    if (!now.noun.empty()) (after += ' ') += now.noun;
    if (elapsed.count() > 0) {
        after += "  " + grouped(std::llround(double(now.done) / elapsed.count())) + "/s";
        if (share > 0) after += "  " + as_time(elapsed.count() * (1 - share) / share) + " left";
    }
    constexpr std::size_t narrowest = 8;
    constexpr std::size_t widest = 40;
    constexpr std::size_t frame = 3; // " [" and "]"
    if (share >= 0) {
        text += ' ' + std::to_string(static_cast<int>(share * 100)) + '%';
        if (text.size() + frame + narrowest + after.size() <= width) {
            const std::size_t cells = std::min(width - text.size() - frame - after.size(), widest);
            const auto full = static_cast<std::size_t>(share * double(cells));
            text += " [" + std::string(full, '=') + std::string(cells - full, ' ') + ']';
        }
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

void progress_bar::show(const progress& now) {
    if (!is_terminal_) return;
    const clock::time_point time = clock::now();
    if (part_ != now.part) {
        if (!part_.empty()) begin_ = time;
        part_ = now.part;
    } else if (is_drawn_ && time - drawn_ < between_frames) {
        return;
    }
    drawn_ = time;
    is_drawn_ = true;
    write_all("\r\x1b[K" + progress_text::line(now, time - begin_, width_of_terminal() - 1));
}

} // namespace eventstore::cli
