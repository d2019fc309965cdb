/// What the rows of a verification mean. No I/O.
#pragma once

#include "maintenance/finding_list.hpp"
#include "maintenance/missing_positions.hpp"

#include <eventstore/verify.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace eventstore::maintenance {

// The rows of the statements verify_*.sql, which say what each number is; 0 for null.

struct log_row {
    std::int64_t states = 0;
    std::int64_t floor = 0;
    std::int64_t first_position = 0;
    std::int64_t last_position = 0;
    std::int64_t last_stream = 0;
    std::int64_t last_subscription = 0;
    std::string unique_keys; ///< the columns of each good unique index, with blanks between the indexes

    bool has_key(const std::string& columns) const {
        return (' ' + unique_keys + ' ').find(' ' + columns + ' ') != std::string::npos;
    }
};

struct event_row {
    std::string kind;
    std::int64_t first = 0;
    std::int64_t second = 0;
    std::int64_t third = 0;
    std::int64_t fourth = 0;
    std::string stream;
};

struct link_row {
    std::int64_t position = 0;
    std::int64_t version = 0;
    std::string stream;
    std::int64_t link_to = 0;
    bool is_dangling = false;
    bool is_of_link = false;
    std::string differing;
};

struct stream_row {
    std::string kind;
    std::int64_t stream_id = 0;
    std::int64_t version = 0;
    std::int64_t before_version = 0;
    std::int64_t before_position = 0;
    std::int64_t at_version = 0;
    std::int64_t at_position = 0;
    std::string name;
    bool is_going = false;
};

struct subscription_row {
    std::int64_t id = 0;
    std::string stream;
    std::string name;
    std::int64_t position = 0;
    std::int64_t version = 0;
    std::string event; ///< the id of the event that stood at the checkpoint
    std::string there; ///< of the one that stands there now
    std::int64_t stream_id = 0;
    std::int64_t stream_now = 0;
    std::int64_t version_now = 0;
    std::int64_t head = 0;
    std::int64_t floor = 0;
};

struct parked_row {
    std::string kind;
    std::int64_t subscription = 0;
    std::int64_t position = 0;
    std::int64_t count = 0;
    std::int64_t floor = 0;
    std::string stream;
    std::string name;
};

struct fork_row {
    std::int64_t timeline = 0;
    std::int64_t head = 0;
    std::int64_t last = 0;
    std::int64_t now = 0;
    std::int64_t recorded = 0;
};

/// Versions that a stream lacks: they have expired and were removed, a hard delete of other streams has removed links, or
/// they are lost.
struct version_gap {
    std::int64_t stream_id = 0;
    std::string stream;
    std::int64_t stream_version = 0; ///< as the row of the stream has it
    std::int64_t first = 0;          ///< of the missing versions
    std::int64_t last = 0;
    std::int64_t from_position = 0; ///< where the missing events stood: from here, through the next one
    std::int64_t to_position = 0;
    bool is_at_end = false;

    std::int64_t count() const noexcept { return last - first + 1; }
};

/// Takes the rows of each page, in order, and makes findings of them.
class verification {
public:
    verification(std::string schema, std::size_t max_findings);

    void take(const log_row& log);

    /// The rows of one page; returns how far the page has come: the next position to look at, 0 = there is none.
    struct events_page {
        std::int64_t rows = 0;
        std::int64_t links = 0;
        std::int64_t last = 0; ///< the last position in it, 0 = none
        std::int64_t next = 0; ///< the first position behind it, 0 = none
    };
    events_page take(const std::vector<event_row>& page, std::int64_t through);
    void take(const link_row& link);

    /// The gaps that the missing positions known so far do not explain: others may have gone meanwhile.
    struct streams_page {
        std::int64_t last_stream = 0; ///< 0 = the page was empty
        std::vector<stream_row> large;
        std::vector<version_gap> unexplained;
    };
    streams_page take(const std::vector<stream_row>& page);
    /// The floor at the moment of the rows that come next, where none of them says it.
    void see_floor(std::int64_t floor) noexcept { floor_ = floor; }
    /// \param missing positions that are missing where the gap is, at or below the floor
    void judge(const version_gap& gap, std::int64_t missing);

    void found_twice(const std::string& id, const std::string& positions);
    void count_ids(std::int64_t count) noexcept { ids_ += count; }
    void take(const subscription_row& subscription);
    void take(const parked_row& parked);
    void take(const std::vector<fork_row>& forks);

    std::int64_t floor() const noexcept { return floor_; }
    std::int64_t problems() const noexcept { return findings_.problems(); }
    bool is_full() const noexcept { return findings_.is_full(); }

    verify_report finish();

private:
    void problem(std::string check, finding about);
    void missing_index(const log_row& log, const std::string& columns, const std::string& name, const std::string& why);

    const std::string schema_;
    const std::string quoted_;
    finding_list findings_;
    missing_positions missing_;
    verify_report report_;
    std::int64_t floor_ = 0; // as the last page had it
    std::int64_t last_seen_ = 0;
    std::int64_t older_ = 0;
    std::int64_t first_older_ = 0;
    std::int64_t missing_versions_ = 0; // in streams, explained
    std::int64_t missing_first_ = 0;    // of streams that begin later, or not at all any more, explained
    std::int64_t late_streams_ = 0;
    std::int64_t ids_ = 0;
};

} // namespace eventstore::maintenance
