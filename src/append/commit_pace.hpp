/// When the next group of appends is sent: decisions without I/O.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace eventstore::append {

/// When a group returns, its writers must have had the chance to come back before the next one is sent, or two groups of
/// half the size take turns for ever, each at the price of a whole one: so the next one waits until as many appends have
/// come as were released, or the wait is over.
///
/// Where what the client does with a group takes longer than what a group costs whatever its size, two that take turns
/// are the better way: one is encoded, and its callers resumed, while the server works at the other. Which of the two it
/// is, is measured: the other way is tried now and then, for some groups, and kept if more appends get through. Few
/// writers never have two. Time is a parameter.
class commit_pace {
public:
    using time = std::chrono::steady_clock::time_point;
    using duration = std::chrono::steady_clock::duration;

    /// An append was queued.
    void arrived(time now) noexcept;
    /// Whether those that wait may be sent now.
    /// \param may_follow another group may be under way: nothing but the pace speaks against it
    bool may_send(bool may_follow) const noexcept;
    void sent(std::size_t appends, time now) noexcept;
    /// The group that was sent first has come back.
    void answered(std::size_t appends, time now) noexcept;
    /// Its callers, so many, were resumed. True: have `waited` called when they had time to come back.
    bool resumed(std::size_t appends, time now) noexcept;
    /// Tells one wait from those before it.
    std::uint64_t round() const noexcept { return round_; }
    /// Some have not come back yet, and are waited for.
    bool is_awaiting() const noexcept { return awaited_ > 0; }
    /// The wait of that round is over.
    void waited(std::uint64_t round, time now) noexcept;

    /// How long writers are waited for that run in other contexts: as long as they need as a rule, and a fraction of the
    /// time at the server at most.
    duration rejoin_wait() const noexcept;

    std::size_t in_flight() const noexcept { return in_flight_; }
    bool prefers_two() const noexcept { return two_; }

private:
    void count(std::size_t appends, time now) noexcept;
    void judge(double rate) noexcept;
    void begin_epoch(time now) noexcept;

    std::size_t in_flight_ = 0; // groups
    std::size_t appends_in_flight_ = 0;
    std::size_t released_ = 0; // by the last group
    std::size_t awaited_ = 0;  // of those
    std::uint64_t round_ = 0;
    time resumed_at_{};
    time sent_at_{};
    duration rejoin_time_{std::chrono::microseconds(50)}; // smoothed, as the next one
    duration server_time_{};

    bool two_ = false;
    bool is_trial_ = false; // of the other way
    int until_trial_ = 2;   // epochs
    int trial_interval_ = 4;
    std::array<double, 2> rates_{}; // appends a second, by one and by two
    time epoch_began_{};
    std::size_t epoch_groups_ = 0;
    std::size_t epoch_appends_ = 0;
    std::size_t epoch_writers_ = 0; // the most
    std::size_t writers_ = 0;       // of the epoch before
};

} // namespace eventstore::append
