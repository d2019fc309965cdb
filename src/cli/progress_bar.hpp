// How far something has come, on the standard error, if that is a terminal.
#pragma once

#include <eventstore/event_file.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace eventstore::cli {

/// How far it has come.
struct progress {
    std::string_view part;      ///< what is done at the moment: "exporting"
    std::int64_t done = 0;      ///< by this run
    std::string_view noun = {}; ///< of these: "events"
    double share = -1;          ///< of the whole, 0 to 1; negative: not known

    static progress of(std::string_view part, const transfer_progress& now) noexcept;
};

/// What the bar says. No I/O.
class progress_text {
public:
    using seconds = std::chrono::duration<double>;

    /// "exporting 50% [=====     ]  1,200 events  400/s  0:03 left", of this width at most.
    /// \param elapsed since the part has begun
    static std::string line(const progress& now, seconds elapsed, std::size_t width);
};

/// Draws it anew, several times a second at most. Calls may come from any thread, one at a time.
class progress_bar {
public:
    progress_bar();
    ~progress_bar();
    progress_bar(const progress_bar&) = delete;
    progress_bar& operator=(const progress_bar&) = delete;

    /// Whether anybody can see it.
    bool is_shown() const noexcept { return is_terminal_; }
    void show(const progress& now);
    /// Removes its line, before something else is printed.
    void clear();

private:
    using clock = std::chrono::steady_clock;

    const bool is_terminal_;
    bool is_drawn_ = false;
    std::string part_;
    clock::time_point begin_ = clock::now(); // of the part; of the first one, when its command began
    clock::time_point drawn_;
};

} // namespace eventstore::cli
