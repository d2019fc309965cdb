/// When a feed looks how far the log goes. Without I/O.
#pragma once

#include "async/clock.hpp"

#include <chrono>

namespace eventstore::feed {

/// Notifications tell of most that happens, and looks of the rest: one each time that the listener is heard of, then now and
/// then, more often while nothing is heard. Before the first look the listener has a moment to begin, so that nothing is
/// committed unheard between the two.
class look_schedule {
public:
    using steady_time = detail::steady_time;
    using milliseconds = std::chrono::milliseconds;

    static constexpr milliseconds between_looks{1000}; ///< whatever was not heard of is found by then
    /// Behind a pooler, or while the listener is cut off.
    static constexpr milliseconds between_looks_without_listener{200};
    static constexpr milliseconds longest_to_listen{1000}; ///< before the first look

    /// \param listens false: nothing will be heard
    explicit look_schedule(bool listens) : listens_(listens) {}

    bool listens() const noexcept { return listens_; }

    /// Somebody follows the log, and the listener was told so.
    void begin(steady_time now) noexcept {
        listening_ = listens_ ? listening_state::begins : listening_state::fails;
        next_ = listens_ ? now + longest_to_listen : now;
        is_looking_ = is_asked_again_ = false;
    }

    void listening_changed(bool works) noexcept {
        listening_ = works ? listening_state::works : listening_state::fails;
        look_now();
    }
    /// What is known may be old: a look that is under way does not count.
    void look_now() noexcept {
        next_ = steady_time::min();
        is_asked_again_ = is_looking_;
    }

    /// When the next look is due.
    steady_time due() const noexcept { return next_; }
    bool is_due(steady_time now) const noexcept { return now >= next_; }
    milliseconds period() const noexcept {
        return listening_ == listening_state::works ? between_looks : between_looks_without_listener;
    }

    void begin_look() noexcept {
        if (listening_ == listening_state::begins) listening_ = listening_state::fails; // it took too long
        is_looking_ = true;
        is_asked_again_ = false;
    }
    /// \param pause until the next one, unless it was asked for meanwhile
    void end_look(steady_time now, milliseconds pause) noexcept {
        is_looking_ = false;
        next_ = is_asked_again_ ? steady_time::min() : now + pause;
    }

private:
    enum class listening_state {
        begins,
        works, ///< all there is to hear
        fails, ///< and is tried again: looks take its place
    };
    const bool listens_;
    listening_state listening_ = listening_state::begins;
    steady_time next_ = steady_time::max();
    bool is_looking_ = false;
    bool is_asked_again_ = false;
};

} // namespace eventstore::feed
