/// What a follower of the log knows, without its I/O: how far it has told, and what it must read to go on.
#pragma once

#include "storage/log_mark.hpp"

#include <eventstore/event_page.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace eventstore::feed {

/// Makes one gapless sequence of three sources: this process's own commits, known from memory; hints that the log has
/// grown (notifications, which may be late, doubled or lost, and polls); and pages read from storage.
///
/// An own commit that begins where the sequence ends is told at once. Before any other, what is missing is read: from the
/// end of the sequence up to the own commit, or to the head.
class feed_state {
public:
    /// \param most_kept_bytes of own commits that wait for what comes before them; beyond that they are read, too
    explicit feed_state(std::size_t most_kept_bytes = std::size_t{16} << 20) : most_kept_bytes_(most_kept_bytes) {}

    /// The sequence begins after this mark. What was heard of before, and lies behind it, is not forgotten. Nothing of
    /// another history continues the sequence.
    void begin(const storage::log_mark& head);
    /// Another history holds everything that was told: what comes next is of that one. 0 (a standby) changes nothing.
    void go_on_in(std::int32_t timeline);
    std::int32_t timeline() const noexcept { return told_.timeline; }
    void end() noexcept;
    bool has_begun() const noexcept { return begun_; }
    /// Everything up to here was told.
    std::int64_t published() const noexcept { return told_.position; }
    /// How far the log reaches, as far as it is known.
    std::int64_t known() const noexcept;
    /// The same, with the event there, if it was told.
    const storage::log_mark& mark() const noexcept { return told_; }

    /// What this process has committed: a transaction's events, in order.
    void own_commit(std::int64_t first, std::int64_t last, std::int32_t timeline, event_page page, std::size_t bytes);
    /// The log reaches at least this position.
    void hint(std::int64_t head);

    struct page_wish {
        std::int64_t from = 0;
        std::size_t count = 0;
    };
    /// The page to read now, if one is needed. It is then under way until page_arrived or page_failed.
    std::optional<page_wish> wish();
    /// \param head of the log, when the page was read, of the sequence's own history
    void page_arrived(const event_page& page, const storage::log_mark& head);
    /// Own commits that wait are read, too: who knows what has become of the log meanwhile.
    void page_failed();

    struct publication {
        event_page page;
        std::int64_t through = 0;  ///< every position up to here was told with it
        std::optional<uuid> event; ///< at that position, if it is known
    };
    /// What comes next in the sequence, if it is there.
    std::optional<publication> next();

private:
    struct commit {
        std::int64_t first = 0;
        std::int64_t last = 0;
        event_page page;
        std::size_t bytes = 0;
    };
    publication tell(publication outgoing);
    void forget_own();

    const std::size_t most_kept_bytes_;
    bool begun_ = false;
    storage::log_mark told_;
    std::int64_t head_ = 0; // as far as the hints go
    std::deque<commit> own_;
    std::size_t own_bytes_ = 0;
    bool is_reading_ = false;
    std::int64_t hinted_when_asked_ = 0;
    std::int64_t own_when_asked_ = 0; // the last that waited
    std::optional<publication> read_;
};

} // namespace eventstore::feed
