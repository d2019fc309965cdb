/// A file of events as the batches of an import.
#pragma once

#include "maintenance/event_file_check.hpp"
#include "maintenance/import_batch.hpp"
#include "maintenance/line_file.hpp"

#include <eventstore/error.hpp>

#include <cstddef>
#include <memory>
#include <string>

namespace eventstore::maintenance {

/// All calls block, until they are stopped: then they fail (cancelled).
class batch_file {
public:
    /// Opens the file and reads its first line.
    static result<std::unique_ptr<batch_file>> open(const std::string& path, detail::stop_question is_stopped);

    const header_line& header() const noexcept { return header_; }

    /// Adds lines to a batch until it has so many events or bytes, but one line at least. Returns false if the file has
    /// ended, in order.
    result<bool> fill(import_batch& batch, std::size_t most_events, std::size_t most_bytes);

    /// Of what was read so far; at the end, of the whole file.
    const event_file_summary& summary() const noexcept { return rules_.summary(); }
    std::uint64_t bytes() const noexcept { return lines_->offset(); }
    std::uint64_t total_bytes() const noexcept { return lines_->size(); }

private:
    explicit batch_file(std::unique_ptr<line_file> lines) : lines_(std::move(lines)) {}
    std::optional<std::string> add(std::string_view body, import_batch& batch);

    std::unique_ptr<line_file> lines_;
    header_line header_;
    decoded_payloads room_;
    file_rules rules_;
    event_line event_;
};

} // namespace eventstore::maintenance
