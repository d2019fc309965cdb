/// Who has which connection for itself, and who is next: decisions without I/O.
#pragma once

#include "postgres/connector_state.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace eventstore::postgres {

/// The places of a pool of connections, each used by one at a time. First come, first served, whoever the users are. A
/// connection goes to the user that had it last, if it can be had, else the one that was idle the longest. One is made when
/// somebody waits, and none is idle. Time is a parameter.
class exclusive_pool_state {
public:
    using time = connector_state::time;
    using user = const void*;
    using ticket = std::uint64_t; ///< of one who waits

    /// \param most places
    /// \param longest_idle one that was idle for longer is closed, but for one; 0: at once, and that one, too
    exclusive_pool_state(std::size_t most, std::chrono::milliseconds longest_idle)
        : longest_idle_(longest_idle), places_(most) {}

    ticket wait(user requester);
    /// Before all others: the connection that it had was lost under it.
    ticket wait_first(user requester);
    /// Whose turn is next.
    std::optional<ticket> first() const noexcept {
        return waiting_.empty() ? std::nullopt : std::optional<ticket>(waiting_.front().number);
    }
    /// The first one does not wait any more.
    void give_up_first() { waiting_.pop_front(); }
    /// None of this user's waits any more, or none at all. Returns whose turn it would have been, in order.
    std::vector<ticket> refuse(user requester);
    std::vector<ticket> refuse_all();
    /// Somebody waits.
    bool is_wanted() const noexcept { return !waiting_.empty(); }

    struct grant {
        ticket to = 0;
        std::size_t place = 0;
    };
    /// The next one who gets a connection, if there is one for it.
    std::optional<grant> grant_next();

    struct attempt {
        std::size_t place = 0;
        user requester = nullptr; ///< for whom it is made; another one may get it
    };
    /// The place in which to make a connection now; it counts as connecting.
    std::optional<attempt> connect(time now);
    /// When to ask connect() again, if somebody waits for the end of a failure's delay.
    std::optional<time> retry_at(time now) const;

    void connected(std::size_t place, time now);
    void connect_failed(std::size_t place, const failure& why, time now, std::uint64_t random);
    /// One that was made beforehand is idle. Nothing if there is no place for it.
    std::optional<std::size_t> add(time now);
    /// A user that has given one back takes it again, before all who wait. False if another one has it, or had it.
    bool take_again(std::size_t place, user requester) noexcept;
    /// Given back, and in order.
    void released(std::size_t place, time now);
    /// The connection there was closed.
    void closed(std::size_t place);
    /// It has ended by itself. One that was never given back was of no use yet: the next one is made a little later.
    void lost(std::size_t place, time now, std::uint64_t random);
    /// An idle one that is to be closed; the place is empty then.
    std::optional<std::size_t> close_unused(time now);

    const connector_state& connects() const noexcept { return connects_; }
    std::size_t size() const noexcept { return places_.size(); }
    std::size_t in_use() const noexcept { return count(slot_state::used); }
    std::size_t connections() const noexcept { return count(slot_state::used) + count(slot_state::idle); }
    bool is_in_use_by(user holder) const noexcept;
    bool is_used_by(std::size_t place, user holder) const noexcept {
        return is_used(place) && user_of(place) == holder;
    }
    bool is_used(std::size_t place) const noexcept { return places_[place].state == slot_state::used; }
    /// Who has it, or had it last.
    user user_of(std::size_t place) const noexcept { return places_[place].last_user; }
    /// Neither a connection, nor one on its way.
    bool is_empty() const noexcept { return count(slot_state::empty) == places_.size(); }

private:
    enum class slot_state { empty, connecting, idle, used };
    struct slot {
        slot_state state = slot_state::empty;
        user last_user = nullptr; // has it, or had it last
        time since{};             // idle
        bool is_proven = false;
    };
    struct waiter {
        ticket number = 0;
        user requester = nullptr;
    };
    std::size_t count(slot_state state) const noexcept;
    std::optional<std::size_t> best_for(user requester) const noexcept;

    const std::chrono::milliseconds longest_idle_;
    std::vector<slot> places_;
    std::deque<waiter> waiting_;
    ticket last_ticket_ = 0;
    connector_state connects_;
};

} // namespace eventstore::postgres
