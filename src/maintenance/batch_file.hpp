/// A file of events as the batches of an import.
#pragma once

#include "maintenance/event_file_check.hpp"
#include "maintenance/import_batch.hpp"
#include "maintenance/line_file.hpp"

#include <eventstore/error.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eventstore::maintenance {

/// All calls block, until they are stopped: then they fail (cancelled).
class batch_file {
public:
    /// Opens the file and reads its first line.
    /// \param keeps_projections else they begin anew, and the subscriptions that hold their checkpoints are left out
    static result<std::unique_ptr<batch_file>> open(
        const std::string& path, bool keeps_projections, detail::stop_question is_stopped);

    const header_line& header() const noexcept { return header_; }

    /// Adds lines to a batch until it has so many events or bytes, but one line at least. Returns false if the file has
    /// ended, in order.
    result<bool> fill(import_batch& batch, std::size_t most_events, std::size_t most_bytes);

    /// Of what was read so far; at the end, of the whole file.
    const event_file_summary& summary() const noexcept { return rules_.summary(); }
    /// At the end: where positions may be missing.
    std::int64_t floor() const noexcept { return floor_; }
    std::uint64_t bytes() const noexcept { return lines_->offset(); }
    std::uint64_t total_bytes() const noexcept { return lines_->size(); }

private:
    batch_file(std::unique_ptr<line_file> lines, bool keeps_projections)
        : lines_(std::move(lines)), keeps_projections_(keeps_projections) {}
    using refusal = std::optional<std::string>;
    refusal add(std::string_view body, import_batch& batch);
    template <class Line>
    refusal take(line_cursor& cursor, Line& line);
    template <class Line>
    refusal take_into(import_batch& batch, line_cursor& cursor);
    refusal take_projection(line_cursor& cursor);
    refusal take_end(import_batch& batch, line_cursor& cursor);
    bool is_left_out(std::string_view stream, std::string_view subscription) const;

    std::unique_ptr<line_file> lines_;
    header_line header_;
    decoded_payloads room_;
    file_rules rules_;
    event_line event_;
    std::int64_t floor_ = 0;

    const bool keeps_projections_;
    std::vector<projection_line> projections_;          // that are made
    std::set<std::string, std::less<>> of_projections_; // names of subscriptions to the log that are left out
};

} // namespace eventstore::maintenance
