/// Some lines of an import, which are stored together.
#pragma once

#include "maintenance/event_line.hpp"

#include <eventstore/store_options.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace eventstore::maintenance {

/// Events as rows for a COPY, in which the ids of their streams are still missing; and what comes behind the events.
class import_batch {
public:
    struct owner {
        std::string_view name; // of the batch
        std::int64_t version;  // the last one of the batch
        std::int64_t created_at;
        std::int64_t id; // 0 = not known yet
    };
    struct link {
        std::int64_t position, version, created_at;
        uuid id;
        std::optional<uuid> correlation_id, causation_id;
        std::int64_t original;
        std::size_t stream;
    };
    /// An event or a link, in the order of the log.
    struct placed {
        std::int64_t position;
        uuid id;
        std::size_t row; // where its row begins; of a link where it would
        bool is_link;
    };

    /// \param most_bytes at which it is full; memory for so many, and for the last row, is kept
    explicit import_batch(payload_format payload, std::size_t most_bytes = 0)
        : is_jsonb_(payload == payload_format::jsonb), usual_bytes_(most_bytes + most_bytes / 8) {
        rows_.reserve(usual_bytes_);
    }

    void add(const event_line& line);
    void add(const stream_line& line) { states_.push_back(line), bytes_ += line.stream.size() + 100; }
    void add(const retention_line& line) { retentions_.push_back(line), bytes_ += line.name.size() + 100; }
    void add(const projection_line& line) { projections_.push_back(line), bytes_ += line.name.size() + 100; }
    void add(const snapshot_line& line) {
        bytes_ += line.source.size() + line.data.size() + line.metadata.size() + 100;
        snapshots_.push_back(line);
    }
    void add(const subscription_line& line) { subscriptions_.push_back(line), bytes_ += 300; }
    void add(const parked_line& line) { parked_.push_back(line), bytes_ += line.reason.size() + 300; }

    bool has_events() const noexcept { return !events_.empty(); }
    bool has_state() const noexcept {
        return !states_.empty() || !retentions_.empty() || !snapshots_.empty() || !projections_.empty() ||
            !subscriptions_.empty() || !parked_.empty();
    }
    std::int64_t state_lines() const noexcept {
        return static_cast<std::int64_t>(states_.size() + snapshots_.size() + subscriptions_.size() + parked_.size());
    }
    std::size_t events() const noexcept { return events_.size(); }
    std::size_t bytes() const noexcept { return rows_.size() + bytes_; }

    std::int64_t last_position() const noexcept { return events_.back().position; }
    const uuid& last_id() const noexcept { return events_.back().id; }
    /// Bytes of data and metadata of the largest event.
    std::int64_t largest() const noexcept { return largest_; }

    const std::vector<placed>& all_events() const noexcept { return events_; }
    std::vector<owner>& streams() noexcept { return streams_; }
    const std::vector<link>& links() const noexcept { return links_; }
    const std::vector<stream_line>& states() const noexcept { return states_; }
    const std::vector<retention_line>& retentions() const noexcept { return retentions_; }
    const std::vector<projection_line>& projections() const noexcept { return projections_; }
    const std::vector<snapshot_line>& snapshots() const noexcept { return snapshots_; }
    const std::vector<subscription_line>& subscriptions() const noexcept { return subscriptions_; }
    const std::vector<parked_line>& parked() const noexcept { return parked_; }

    /// Leaves out the first events, which are stored already.
    void leave_out(std::size_t count);
    /// The rows, once the ids of all streams are known; without the head and the end of a COPY.
    std::string_view rows();
    /// Rows of events that are no links.
    std::size_t row_count() const noexcept { return row_streams_.size(); }

    /// For the next lines; memory is used again.
    void clear();

    /// Of the line before the first event of the batch.
    std::size_t line_before = 0;

private:
    std::size_t stream_of(const event_line& line);

    const bool is_jsonb_;
    const std::size_t usual_bytes_;
    std::string rows_;
    struct row_stream {
        std::size_t at, stream; // where its id belongs
    };
    std::vector<row_stream> row_streams_;
    std::vector<placed> events_;
    std::vector<link> links_;
    std::deque<std::string> names_;
    std::vector<owner> streams_;
    std::unordered_map<std::string_view, std::size_t> known_;
    std::int64_t largest_ = 0;
    std::size_t bytes_ = 0; // of what is not in the rows
    std::vector<stream_line> states_;
    std::vector<retention_line> retentions_;
    std::vector<projection_line> projections_;
    std::vector<snapshot_line> snapshots_;
    std::vector<subscription_line> subscriptions_;
    std::vector<parked_line> parked_;
};

} // namespace eventstore::maintenance
