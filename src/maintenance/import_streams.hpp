/// The streams of a transaction of an import.
#pragma once

#include "maintenance/import_batch.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace eventstore::maintenance {

/// The streams that a transaction has stored events of: each is looked for once, and gets its version once, at the end.
class import_streams {
public:
    /// Gives the streams of a batch their ids. Returns the places of those that are not known yet.
    std::vector<std::size_t> resolve(std::vector<import_batch::owner>& streams);
    /// A stream of a batch that is in the database, at this version.
    void add(import_batch::owner& stream, std::int64_t id, std::int64_t version);

    struct versions {
        std::vector<std::int64_t> ids;
        std::vector<std::int64_t> values;
    };
    /// Of the streams whose rows tell an older version than their events.
    versions new_versions() const;

    /// Memory, about.
    std::size_t bytes() const noexcept { return bytes_; }

private:
    struct known {
        std::int64_t id = 0;
        std::int64_t in_row = 0;
        std::int64_t in_events = 0;
    };
    struct name_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view name) const noexcept { return std::hash<std::string_view>()(name); }
    };

    std::unordered_map<std::string, known, name_hash, std::equal_to<>> streams_;
    std::size_t bytes_ = 0;
};

} // namespace eventstore::maintenance
