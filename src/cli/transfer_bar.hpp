// How far a long command is, on the terminal of whoever waits for it.
#pragma once

#include <eventstore/event_file.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace eventstore::cli {

/// A line of the standard error that is written anew while the work goes on: none if that is no terminal. For one thread at a
/// time.
class transfer_bar {
public:
    /// \param doing what is done: "exporting"
    explicit transfer_bar(std::string doing);
    ~transfer_bar() { clear(); }
    transfer_bar(const transfer_bar&) = delete;
    transfer_bar& operator=(const transfer_bar&) = delete;

    bool is_shown() const noexcept { return is_shown_; }
    void show(const transfer_progress& now);
    void clear();

private:
    using clock = std::chrono::steady_clock;

    const std::string doing_;
    const bool is_shown_;
    const clock::time_point begin_ = clock::now();
    clock::time_point next_ = begin_; // not written again before this
    std::size_t length_ = 0;          // of what stands there
};

/// The line, of a terminal of that width.
std::string progress_line(
    std::string_view doing, const transfer_progress& now, std::chrono::duration<double> elapsed, std::size_t width);

} // namespace eventstore::cli
