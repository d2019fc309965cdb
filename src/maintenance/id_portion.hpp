/// Ids of events and where they stand, to find those that are there twice. No I/O.
#pragma once

#include <eventstore/uuid.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::maintenance {

class id_portion {
public:
    /// So many ids take 24 MB.
    static constexpr std::int64_t usual_size = 1'000'000;

    void add(std::string_view id, std::int64_t position) {
        if (const std::optional<uuid> known = parse_uuid(id)) entries_.push_back({*known, position});
    }

    /// Calls `visit(id, positions)` for each id that was added more than once.
    template <class Visit>
    void for_each_repeated(const Visit& visit) {
        std::sort(entries_.begin(), entries_.end(),
            [](const entry& a, const entry& b) { return a.id != b.id ? a.id < b.id : a.position < b.position; });
        for (std::size_t i = 0; i < entries_.size();) {
            std::size_t end = i + 1;
            std::string positions = std::to_string(entries_[i].position);
            for (; end < entries_.size() && entries_[end].id == entries_[i].id; ++end)
                positions += ", " + std::to_string(entries_[end].position);
            if (end - i > 1) visit(eventstore::to_string(entries_[i].id), positions);
            i = end;
        }
    }

private:
    struct entry {
        uuid id;
        std::int64_t position;
    };
    std::vector<entry> entries_;
};

} // namespace eventstore::maintenance
