// How far something has come, on the standard error, if that is a terminal.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace eventstore::cli {

/// What the bar says. No I/O.
class progress_text {
public:
    using seconds = std::chrono::duration<double>;

    /// "events [#####     ]  50%  12000/s  3 s left", of this width at most.
    /// \param elapsed since the part has begun
    static std::string line(
        std::string_view part, std::int64_t done, std::int64_t total, seconds elapsed, std::size_t width);
};

/// Draws it anew, several times a second at most. Calls may come from any thread, one at a time.
class progress_bar {
public:
    progress_bar();
    ~progress_bar();
    progress_bar(const progress_bar&) = delete;
    progress_bar& operator=(const progress_bar&) = delete;

    void show(std::string_view part, std::int64_t done, std::int64_t total);
    /// Removes its line, before something else is printed.
    void clear();

private:
    using clock = std::chrono::steady_clock;

    const bool is_terminal_;
    bool is_drawn_ = false;
    std::string part_;
    clock::time_point begin_;
    clock::time_point drawn_;
};

} // namespace eventstore::cli
