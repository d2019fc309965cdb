#include "feed/own_page.hpp"

#include "read/page.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace eventstore::feed {

event_page page_of(appends which, std::span<const append::append_plan::outcome> outcomes) {
    std::vector<detail::page_row> rows;
    std::vector<detail::page::keep_alive> storage;
    auto outcome = outcomes.begin();
    for (const auto& append : which) {
        bool is_needed = false;
        for (const append::append_part& part : append->parts) {
            const append::append_plan::outcome& became = *outcome++;
            if (became.what != append::append_plan::outcome::kind::appended) continue;
            const append_result& result = became.result;
            is_needed = true;
            std::int64_t offset = 0;
            for (const event_data& each : part.events) {
                detail::page_row row;
                row.version = result.first_version + offset;
                row.position = result.first_position + offset;
                row.created_at = each.created_at().value_or(result.created_at);
                row.id = each.id();
                row.stream = part.stream;
                row.type = each.type();
                row.data = each.data();
                row.metadata = each.metadata();
                row.correlation_id = each.correlation_id();
                row.causation_id = each.causation_id();
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

bool has_links(appends which) {
    return std::ranges::any_of(which, [](const auto& append) {
        return std::ranges::any_of(
            append->parts, [](const append::append_part& part) { return !part.originals.empty(); });
    });
}

std::size_t bytes_of(appends which) {
    std::size_t bytes = 0;
    for (const auto& each : which) bytes += each->bytes;
    return bytes;
}

} // namespace eventstore::feed
