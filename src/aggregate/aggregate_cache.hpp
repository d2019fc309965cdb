/// The states that an aggregate_store keeps, and what it has heard of their streams.
#pragma once

#include <eventstore/recorded_event.hpp>
#include <eventstore/uuid.hpp>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace eventstore::detail {

/// A state, and the place in its stream that it is of. Immutable once others can see it.
struct known_state {
    std::shared_ptr<const void> state;
    std::int64_t version = 0;
    std::int64_t position = 0;      ///< of the last event
    std::optional<uuid> last_event; ///< the row's id; nothing if it is not known, or is a link's
    std::int64_t snapshot = 0;      ///< the version of the last snapshot; 0 = there is none
    bool replaces_snapshot = false; ///< the one that is stored is of another history
};

/// No I/O. Thread safe.
///
/// A state is replaced by one that was read, or appended to, after begin(). Events come by news(), in the order of the log.
/// They may be applied to a state only if none between the two was missed: an event does not tell which stream of that
/// name it is of, nor what it follows. `coverage` numbers the periods in which nothing is missed; a state whose stream was
/// not watched since it was read, in the same period, is only told that it is behind.
class aggregate_cache {
public:
    /// \param most_bytes 0 = keeps nothing
    explicit aggregate_cache(std::size_t most_bytes) : most_bytes_(most_bytes) {}

    bool is_used() const noexcept { return most_bytes_ > 0; }

    /// A stretch of time in which a stream is watched.
    struct watch {
        std::uint64_t slot = 0;
        std::uint64_t coverage = 0;
    };
    struct found {
        watch since;
        std::optional<known_state> known;
        std::vector<recorded_event> news; ///< that follow the state, in order
        bool is_behind = false;           ///< the stream has moved on, in a way that only a read can tell
    };
    /// Watches the stream from now on.
    found begin(const std::string& stream);

    /// A state that was read, or appended to, since `since`.
    void put(const std::string& stream, const watch& since, known_state known, std::size_t bytes);
    /// The state cannot be right.
    void forget(const std::string& stream);

    /// From now on all events come by news().
    void covered();
    /// Events were missed, or may be from now on.
    void uncovered();
    bool is_covered() const;

    bool has(std::string_view stream) const;
    /// \param row the id of the row: of a link its own
    void news(const recorded_event& event, const uuid& row, std::size_t bytes);

    struct counts {
        std::size_t states = 0;
        std::size_t bytes = 0;
        std::uint64_t evictions = 0;
    };
    counts count() const;

private:
    struct slot {
        std::string stream;
        std::uint64_t number = 0;
        std::uint64_t coverage = 0; // of the state; 0 = it was not watched
        std::optional<known_state> known;
        std::vector<recorded_event> news;
        std::vector<std::size_t> bytes_of_news; // of each
        std::int64_t told = 0; // the last position of the stream that came by news, since the slot was made
        bool is_behind = false;
        std::size_t state_bytes = 0;
        std::size_t news_bytes = 0;
    };
    using slots = std::list<slot>;
    struct text_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
    };

    // With the mutex held.
    static std::size_t bytes_of(const slot& of) noexcept;
    static bool is_same_as_known(const slot& of, const recorded_event& event, const uuid& row) noexcept;
    void drop_news(slot& of) noexcept;
    void drop_first_news(slot& of, std::size_t count);
    void evict();
    void erase(slots::iterator which);

    const std::size_t most_bytes_;
    mutable std::mutex mutex_;
    slots order_; // the most recently used first
    std::unordered_map<std::string, slots::iterator, text_hash, std::equal_to<>> by_stream_;
    std::size_t bytes_ = 0;
    std::size_t states_ = 0;
    std::uint64_t evictions_ = 0;
    std::uint64_t next_slot_ = 1;
    std::uint64_t coverage_ = 0; // 0 = none
    std::uint64_t last_coverage_ = 0;
};

} // namespace eventstore::detail
