/// What must be true of the lines of a file of events together.
#pragma once

#include "async/stop_question.hpp"
#include "maintenance/event_line.hpp"
#include "maintenance/line_cursor.hpp"

#include <eventstore/error.hpp>
#include <eventstore/event_file.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore::maintenance {

/// Follows the lines of a file, in order. Each call returns what is wrong, if anything is.
class file_rules {
public:
    using refusal = std::optional<std::string>;

    refusal take(const header_line& line);
    refusal take(const event_line& line);
    refusal take(const stream_line&);
    refusal take(const retention_line&);
    refusal take(const snapshot_line&);
    refusal take(const projection_line&);
    refusal take(const subscription_line&);
    refusal take(const parked_line&);
    refusal take(const end_line& line);
    refusal at_end() const;

    bool is_complete() const noexcept { return step_ == step::end; }
    const event_file_summary& summary() const noexcept { return summary_; }
    event_file_summary& summary() noexcept { return summary_; }

private:
    enum class step {
        nothing,
        header,
        events,
        streams,
        retentions,
        snapshots,
        projections,
        subscriptions,
        parked,
        end
    };
    refusal go_to(step next);

    step step_ = step::nothing;
    event_file_summary summary_;
};

/// Reads a line, without its checksum, and lets the rules take it. Returns what is wrong, if anything is.
file_rules::refusal read_any(std::string_view body, decoded_payloads& room, file_rules& rules);

/// Reads a file to its end. Blocks, until it is stopped.
result<event_file_summary> check_file(const std::string& path, detail::stop_question is_stopped = {});

} // namespace eventstore::maintenance
