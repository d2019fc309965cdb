#include "feed/own_page.hpp"

#include "read/page.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace eventstore::feed {

event_page page_of(appends requests, std::span<const append::append_plan::outcome> outcomes) {
    std::vector<detail::page_row> rows;
    std::vector<detail::page::keep_alive> storage;
    auto outcome = outcomes.begin();
    for (const auto& append : requests) {
        bool is_needed = false;
        for (const append::append_part& part : append->parts) {
            const append::append_plan::outcome& became = *outcome++;
            if (became.status != append::append_plan::outcome::kind::appended) continue;
            const append_result& result = became.result;
            is_needed = true;
            std::int64_t offset = 0;
            for (const event_data& event : part.events) {
                detail::page_row row;
                row.version = result.first_version + offset;
                row.position = result.first_position + offset;
                row.created_at = event.created_at().value_or(result.created_at);
                row.id = event.id();
                row.stream = part.stream;
                row.type = event.type();
                row.data = event.data();
                row.metadata = event.metadata();
                row.correlation_id = event.correlation_id();
                row.causation_id = event.causation_id();
                rows.push_back(row);
                ++offset;
            }
        }
        if (is_needed) storage.push_back(append);
    }
    std::ranges::sort(rows, {}, &detail::page_row::position); // the transaction orders them by stream
    const std::int64_t next = rows.empty() ? 0 : rows.back().position + 1;
    return detail::page::make(std::move(rows), std::move(storage), true, next);
}

bool has_links(appends requests) {
    return std::ranges::any_of(requests, [](const auto& append) {
        return std::ranges::any_of(
            append->parts, [](const append::append_part& part) { return !part.originals.empty(); });
    });
}

std::size_t bytes_of(appends requests) {
    std::size_t bytes = 0;
    for (const auto& request : requests) bytes += request->bytes;
    return bytes;
}

} // namespace eventstore::feed
