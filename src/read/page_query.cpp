#include "read/page_query.hpp"

#include "storage/event_rows.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

namespace eventstore::read {

namespace column = storage::column;
using storage::decode_event;
using storage::size_of;

page_query::taken page_query::take(const postgres::answer& from_server, std::int64_t window) {
    taken outcome;
    const int count = from_server.rows();
    if (count == 0) {
        outcome.is_missing = true;
        return outcome;
    }
    head = from_server.int8(0, column::head);
    timeline = static_cast<std::int32_t>(from_server.int8(0, column::timeline));
    if (!is_log()) stream_id = from_server.int8(0, column::stream_id);
    if (!is_log() && !from_server.is_null(0, column::first_version)) {
        const std::string_view digits = from_server.bytes(0, column::first_version);
        std::from_chars(digits.data(), digits.data() + digits.size(), first);
        if (!is_backward()) from = std::max(from, first); // what is before it is done
    }
    const auto event_there = from_server.optional_id(0, column::seen_event);
    if (is_log()) anchor_event = from_server.optional_id(0, column::anchor_event);
    if (std::exchange(is_continued, true)) {
        outcome.is_lost = last.is_refuted_by(event_there);
        if (outcome.is_lost) return outcome;
    } else {
        seen_event = event_there;
    }
    end = {window == 0 ? head : std::min(head, from + window - 1), from_server.optional_id(0, column::end_event)};
    if (count == 1) return outcome; // an empty page
    rows.reserve(rows.size() + static_cast<std::size_t>(count - 1));
    const bool has_copies = from_server.columns() > column::original_version;
    for (int i = 1; i < count; ++i) {
        if (from_server.is_null(i, column::type)) {
            outcome.is_cut = true;
            break;
        }
        detail::page_row row = decode_event(from_server, i);
        const std::int64_t size = size_of(row);
        if (!rows.empty() && size > bytes_left()) {
            outcome.is_cut = true;
            break;
        }
        bytes += size;
        last = {is_log() ? row.position : row.version, row.id};
        const std::int64_t stream_of_row = is_log() ? from_server.int8(i, column::stream) : 0;
        stream_ids.push_back(stream_of_row);
        if (!from_server.is_null(i, column::link_to)) {
            const std::int64_t original = from_server.int8(i, column::link_to);
            if (has_copies && !from_server.is_null(i, column::original_id))
                complete_copy(from_server, i, original, row);
            else
                links.push_back({rows.size(), original, stream_of_row});
        }
        rows.push_back(row);
        ++outcome.rows;
    }
    if (outcome.rows > 0) go_on_after(place(rows.back()));
    if (copies) storage.push_back(copies);
    keep(from_server);
    return outcome;
}

void page_query::complete_copy(
    const postgres::answer& from_server, int row_there, std::int64_t original, detail::page_row& row) {
    if (!copies) copies = std::make_shared<std::deque<detail::link_place>>();
    detail::link_place& link_there = copies->emplace_back();
    link_there.version = row.version;
    link_there.position = row.position;
    link_there.id = row.id;
    row.link = &link_there;
    row.position = original;
    row.version = from_server.int8(row_there, column::original_version);
    row.id = from_server.id(row_there, column::original_id);
    row.created_at = from_server.time(row_there, column::original_created_at);
    stream_ids.back() = from_server.int8(row_there, column::original_stream);
}

event_page page_query::make_page() && {
    if (!is_log()) {
        auto name = std::make_shared<const std::string>(std::move(stream));
        for (detail::page_row& row : rows) {
            if (!row.link) row.stream = *name;
        }
        storage.push_back(std::move(name));
    }
    return detail::page::make(std::move(rows), std::move(storage), complete, from);
}

} // namespace eventstore::read
