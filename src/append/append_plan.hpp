/// A flush as the append functions take it, and their answers.
#pragma once

#include "append/append_request.hpp"
#include "postgres/parameters.hpp"
#include "storage/append_columns.hpp"
#include "storage/log_mark.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace eventstore::append {

/// What append_events looks for before it writes.
enum class append_care {
    none, ///< it raises an error if an id is stored already, and for bad data
    ids,  ///< ids that are stored already
    all   ///< everything: each append is judged by itself
};

/// The appends of one flush, grouped by stream. See sql/functions/21_append_events.sql for the terms: an append of SQL
/// is one part of a request, and a request of several parts is a unit.
class append_plan {
public:
    explicit append_plan(std::span<const std::shared_ptr<append_request>> appends);

    /// One append of one event, which append_event does quicker.
    bool is_lone() const noexcept;
    /// The appends to one stream contradict each other, or there are links: each must be judged by itself.
    bool needs_care() const noexcept { return needs_care_; }

    /// \param seen what the log must hold, or nothing is appended; position 0 = anything
    postgres::parameters lone_arguments(const storage::log_mark& seen) const;
    postgres::parameters arguments(append_care care, const storage::log_mark& seen) const;

    /// What became of one part.
    struct outcome {
        enum class kind : std::int64_t {
            appended = 0,
            already_appended = 1,
            wrong_version = 2,
            stream_exists = 3,
            stream_not_found = 4,
            stream_deleted = 5,
            duplicate_event = 6,
            unit_failed = 7, ///< another part of its request did
            event_not_found = 8,
            event_too_large = 9, ///< as it is read back
            no_jsonb = 10,       ///< the server does not take a payload as such
        };
        static constexpr kind last_kind = kind::no_jsonb;
        bool is_success() const noexcept { return status == kind::appended || status == kind::already_appended; }
        kind status = kind::appended;
        append_result result;
        std::int64_t actual_version = -1;
        std::int64_t bad_event = 0; ///< of the last two kinds: which one, from 1,
        std::int64_t why_bad = 0;   ///< and its bytes, or the SQLSTATE as a number in base 36
    };
    using answer = std::vector<std::optional<std::int64_t>>;

    struct verdict {
        std::vector<outcome> outcomes; ///< in the order of the requests and their parts
        std::int32_t timeline = 0;     ///< the history that they are part of
    };
    /// Nothing if the answer is not one of append_events.
    std::optional<verdict> outcomes(const answer& from) const;
    /// The same for append_event.
    std::optional<verdict> lone_outcome(const answer& from) const;

    using group = storage::append_rows::group;
    using part = storage::append_rows::part;
    std::span<const group> groups() const noexcept { return groups_; }
    std::size_t new_streams() const noexcept { return new_streams_; }

private:
    void demand(group& of, const append_part& wanted);
    void put_new_streams_first();
    bool is_plain() const noexcept;
    storage::append_rows rows(append_care care, const storage::log_mark& seen) const;

    std::vector<part> parts_; // their views see the appends
    std::vector<group> groups_;
    std::size_t new_streams_ = 0;
    std::size_t events_ = 0;
    std::size_t bytes_ = 0;
    bool needs_care_ = false;
    bool has_units_ = false;
    bool has_links_ = false;
};

/// The last event of those that a transaction has stored, or found stored; position 0 = there is none.
/// What a verdict has stored now: appends, and their events.
struct appended_counts {
    std::uint64_t appends = 0;
    std::uint64_t events = 0;
};
appended_counts appended_of(
    std::span<const std::shared_ptr<append_request>> appends, const append_plan::verdict& verdict) noexcept;

storage::log_mark last_stored(
    std::span<const std::shared_ptr<append_request>> appends, const append_plan::verdict& verdict) noexcept;

} // namespace eventstore::append
