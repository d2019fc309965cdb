// What the records and the database say about one store, side by side; and where the checker puts what it finds.
#pragma once

#include "faults/checker.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace eventstore::test::faults {

class report {
public:
    /// Joins texts, numbers and ids to a sentence about this store.
    template <class... Pieces>
    void add(const std::string& store, rule broken, const Pieces&... pieces) {
        if (++counts_[static_cast<std::size_t>(broken)] > most_of_a_rule) return;
        std::string text = "store '" + store + "': ";
        (append(text, pieces), ...);
        found_.push_back({broken, std::move(text)});
    }
    std::vector<violation> finish() &&;

private:
    static constexpr std::size_t most_of_a_rule = 20;

    static void append(std::string& text, std::string_view piece) { text += piece; }
    static void append(std::string& text, std::int64_t piece) { text += std::to_string(piece); }
    static void append(std::string& text, std::size_t piece) { text += std::to_string(piece); }
    static void append(std::string& text, const uuid& piece) { text += eventstore::to_string(piece); }

    std::vector<violation> found_;
    std::array<std::size_t, static_cast<std::size_t>(rule::records_do_not_fit) + 1> counts_{};
};

/// What writers know about an event.
struct appended_event {
    name_number stream = 0;
    bool is_acknowledged = false;
    bool is_refused = true; // by every attempt
    bool is_mixed = false;  // it was in appends that differ in their events
    bool is_in_several_streams = false;
    std::uint32_t attempts = 0;
    std::size_t first_attempt = 0; // in history::appends
    std::uint64_t shape = 0;       // of that append: its streams and ids
    instant first_begun = never;
    instant first_acknowledged = never;
    std::int64_t told_version = 0;
    std::int64_t told_position = 0;
    const stored_event* stored = nullptr;
};

/// An event of the log, or one that was there before its stream was hard-deleted.
struct known_event {
    std::int64_t position = 0;
    std::int64_t version = 0;
    uuid id{};
    name_number stream = 0;
    instant first_begun = 0;
    const stored_event* stored = nullptr; // null = it is gone, or about to be
};

/// By a hard delete that is not finished.
inline bool is_being_deleted(const stored_stream& stream) { return stream.name.starts_with("$deleted "); }

class known_store {
public:
    known_store(const history& records, name_table& names, const log_facts& facts);

    const history& records;
    const name_table& names;
    const log_facts& facts;
    name_number store = 0;
    std::vector<name_number> stream_names; // of facts.streams
    std::vector<known_event> events;       // by position
    std::unordered_map<uuid, appended_event, uuid_hash> appended;

    const std::string& schema() const noexcept { return facts.schema; }
    /// The place in `events`.
    std::optional<std::size_t> at_position(std::int64_t position) const;
    std::int64_t head() const { return events.empty() ? facts.floor : std::max(facts.floor, events.back().position); }

    /// The changes of a stream that were not refused.
    const std::vector<const change_attempt*>& changes_of(name_number stream) const;
    /// Whether a hard delete may have removed what was appended to the stream since then, or at any time.
    bool may_be_removed(name_number stream, instant since = 0) const;
    bool has_change(name_number stream, stream_change change) const;

    /// "event ID (stream 'S' version V, position P)"
    std::string text_of(const stored_event& event) const;
    std::string text_of(const known_event& event) const;

private:
    void note_appends();
    void note_stored();
    void note_removed();

    std::unordered_map<name_number, std::vector<const change_attempt*>> changes_;
};

/// When a change has had its effect at the latest.
inline instant latest_effect(const change_attempt& change) {
    return change.end == outcome::done ? change.ended : never;
}

std::uint64_t shape_of(const append_attempt& attempt);

// The rules, by subject.
void check_appends(const known_store& known, report& out);
void check_append_order(const known_store& known, report& out);
void check_log(const known_store& known, report& out);
void check_streams(const known_store& known, report& out);
void check_subscription(const known_store& known, const subscription_rules& rules,
    const std::vector<const ownership*>& owners, report& out);
void check_owners(const known_store& known, const subscription_rules& rules,
    const std::vector<const ownership*>& owners, report& out);
void check_projections(const known_store& known, report& out);

} // namespace eventstore::test::faults
