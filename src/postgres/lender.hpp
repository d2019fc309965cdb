/// A few connections that many borrow in turns, each for itself alone.
#pragma once

#include "base/live_objects.hpp"
#include "postgres/connection.hpp"

#include <eventstore/error.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace eventstore::postgres {

/// Who borrows. All calls come on any thread, never under a lock of the lender's.
class borrower {
public:
    virtual ~borrower() = default;

    /// It has a place now, with the connection that is there; null: there is none, it may make one.
    virtual void on_lent(std::shared_ptr<connection> link) = 0;
    /// The lender is closed: it will not be lent what it asked for.
    virtual void on_refused() {}
    /// Others wait. It gives back what it does not need now, or answers with keeps().
    virtual void on_recalled() = 0;
    /// Whether it would probably give back. One that goes idle after this said no asks is_wanted().
    virtual bool is_idle() const noexcept = 0;
};

/// Lends places for connections, as many as `most` at a time; first come, first served. Thread safe.
///
/// A borrower keeps its place as long as nobody else wants one, so that a lone one pays for it once. One that is busy gives
/// it up after a turn, if is_wanted().
class lender : public std::enable_shared_from_this<lender>, private detail::live_object {
public:
    explicit lender(std::size_t most) : most_(most) {}

    /// Has `who` lent a place, as soon as there is one. It does not have one, and has not asked for one.
    void ask(const std::shared_ptr<borrower>& who);
    /// The place is free again, with its connection, which is at rest, if there is one.
    void give_back(const borrower* who, std::shared_ptr<connection> link);
    /// Was recalled, and needs it: gives it back later.
    void keeps();
    /// Somebody waits for a place.
    bool is_wanted() const noexcept { return wanted_.load(); }

    /// A connection that was made beforehand; it has a place, and is nobody's.
    void add(std::shared_ptr<connection> link);

    // What borrowers report of their connections.
    void opened();
    void lost() noexcept { open_.fetch_sub(1, std::memory_order_relaxed); }
    void failed_to_open(const failure& why);
    /// Why there is no connection; nothing if there is one.
    std::optional<failure> last_failure() const;

    /// Lends no more. `closed` is called, on any thread, once all was given back and closed.
    void close(std::function<void()> closed);
    /// Closes what is here, on the spot, and lends no more: its context is going.
    void abandon() noexcept;

    struct counts {
        std::uint64_t connects = 0;
        std::size_t connections = 0;
    };
    counts count() const noexcept { return {connects_.load(), open_.load()}; }

private:
    struct loan {
        std::weak_ptr<borrower> whose;
        const borrower* address = nullptr;
    };
    struct grant {
        std::shared_ptr<borrower> to;
        std::shared_ptr<connection> link;
    };
    std::vector<grant> hand_out(); // with the mutex held
    static void carry_out(std::vector<grant> grants);
    std::function<void()> end_if_done(); // with the mutex held

    const std::size_t most_;
    std::atomic<bool> wanted_{false};
    std::atomic<std::uint64_t> connects_{0};
    std::atomic<std::size_t> open_{0};

    mutable std::mutex mutex_;
    std::deque<std::shared_ptr<connection>> idle_;
    std::vector<loan> lent_;
    std::deque<std::weak_ptr<borrower>> waiting_;
    std::optional<failure> failure_;
    bool closed_ = false;
    std::function<void()> when_closed_;
};

} // namespace eventstore::postgres
