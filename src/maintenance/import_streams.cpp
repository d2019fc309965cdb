#include "maintenance/import_streams.hpp"

#include <algorithm>

namespace eventstore::maintenance {

std::vector<std::size_t> import_streams::resolve(std::vector<import_batch::owner>& streams) {
    std::vector<std::size_t> unknown;
    for (std::size_t place = 0; place < streams.size(); ++place) {
        import_batch::owner& stream = streams[place];
        const auto found = streams_.find(stream.name);
        if (found == streams_.end()) {
            unknown.push_back(place);
            continue;
        }
        stream.id = found->second.id;
        found->second.in_events = std::max(found->second.in_events, stream.version);
    }
    return unknown;
}

void import_streams::add(import_batch::owner& stream, std::int64_t id, std::int64_t version) {
    stream.id = id;
    streams_.insert_or_assign(std::string(stream.name), known{id, version, stream.version});
    bytes_ += stream.name.size() + 120;
}

import_streams::versions import_streams::new_versions() const {
    versions moved;
    for (const auto& [name, stream] : streams_) {
        if (stream.in_events <= stream.in_row) continue;
        moved.ids.push_back(stream.id);
        moved.values.push_back(stream.in_events);
    }
    return moved;
}

} // namespace eventstore::maintenance
