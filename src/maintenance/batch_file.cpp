#include "maintenance/batch_file.hpp"

#include "base/text.hpp"

#include <cstdint>
#include <type_traits>
#include <utility>

namespace eventstore::maintenance {

using detail::message;

result<std::unique_ptr<batch_file>> batch_file::open(
    const std::string& path, bool keeps_projections, detail::stop_question is_stopped) {
    auto lines = line_file::open(path, std::move(is_stopped));
    if (!lines) return lines.error();
    std::unique_ptr<batch_file> opened(new batch_file(std::move(*lines), keeps_projections));
    const auto first = opened->lines_->next();
    if (!first) return first.error();
    if (!*first) return opened->lines_->damaged_at(1, "the file is empty");
    line_cursor cursor(**first, opened->room_);
    if (const auto why = opened->take(cursor, opened->header_)) return opened->lines_->damaged(*why);
    return opened;
}

template <class Line>
batch_file::refusal batch_file::take(line_cursor& cursor, Line& line) {
    if (!cursor.read(line)) return cursor.why();
    return rules_.take(line);
}

template <class Line>
batch_file::refusal batch_file::take_into(import_batch& batch, line_cursor& cursor) {
    Line line;
    if (auto why = take(cursor, line)) return why;
    if constexpr (std::is_same_v<Line, subscription_line>) {
        if (is_left_out(line.stream, line.name)) return std::nullopt;
    }
    if constexpr (std::is_same_v<Line, parked_line>) {
        if (is_left_out(line.stream, line.subscription)) return std::nullopt;
    }
    batch.add(line);
    return std::nullopt;
}

// The names are those of projection_subscriptions in sql/functions/70_projections.sql.
batch_file::refusal batch_file::take_projection(line_cursor& cursor) {
    projection_line line;
    if (auto why = take(cursor, line)) return why;
    if (keeps_projections_) {
        projections_.push_back(std::move(line));
        return std::nullopt;
    }
    const std::string name = message(line.name, "@", std::to_string(line.version));
    if (line.consumers == 1) of_projections_.insert(name);
    for (std::int64_t n = 1; n <= line.consumers && line.consumers > 1; ++n)
        of_projections_.insert(message(name, "/", std::to_string(n)));
    if (!line.live_after || line.live_until) return std::nullopt;
    // The one in use is made anew: events up to here have had their side effects, and readers follow when they are in it.
    line.live_after = line.position;
    line.started_at.reset();
    line.switched_at.reset();
    projections_.push_back(std::move(line));
    return std::nullopt;
}

bool batch_file::is_left_out(std::string_view stream, std::string_view subscription) const {
    return stream == "$all" && of_projections_.contains(subscription);
}

// A projection is made last: without its checkpoints it would begin anew, in tables that are not empty.
batch_file::refusal batch_file::take_end(import_batch& batch, line_cursor& cursor) {
    end_line end;
    if (auto why = take(cursor, end)) return why;
    floor_ = end.floor;
    for (const projection_line& line : projections_) batch.add(line);
    return std::nullopt;
}

batch_file::refusal batch_file::add(std::string_view body, import_batch& batch) {
    line_cursor cursor(body, room_);
    switch (kind_of_line(body)) {
    case line_kind::event:
        if (auto why = take(cursor, event_)) return why;
        if (!batch.has_events()) batch.line_before = lines_->number() - 1;
        batch.add(event_);
        return std::nullopt;
    case line_kind::stream: return take_into<stream_line>(batch, cursor);
    case line_kind::retention: return take_into<retention_line>(batch, cursor);
    case line_kind::snapshot: return take_into<snapshot_line>(batch, cursor);
    case line_kind::projection: return take_projection(cursor);
    case line_kind::subscription: return take_into<subscription_line>(batch, cursor);
    case line_kind::parked: return take_into<parked_line>(batch, cursor);
    case line_kind::end: return take_end(batch, cursor);
    case line_kind::header: return rules_.take(header_);
    case line_kind::unknown: break;
    }
    return "no export of this version writes such a line";
}

result<bool> batch_file::fill(import_batch& batch, std::size_t most_events, std::size_t most_bytes) {
    do {
        const auto line = lines_->next();
        if (!line) return line.error();
        if (!*line) {
            if (const auto why = rules_.at_end()) return lines_->damaged_at(lines_->number() + 1, *why);
            rules_.summary().bytes = lines_->offset();
            rules_.summary().checksum = lines_->checksum_of_line();
            return false;
        }
        if (const auto why = add(**line, batch)) return lines_->damaged(*why);
    } while (batch.events() < most_events && batch.bytes() < most_bytes);
    return true;
}

} // namespace eventstore::maintenance
