// What the tests of retention share.
#pragma once

#include "support/receive.hpp"

#include <eventstore/retention.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace eventstore::test {

/// `count` events of an age, with the data "<name>1" and so on.
inline std::vector<event_data> aged(std::chrono::milliseconds age, std::size_t count, const std::string& name = "") {
    std::vector<event_data> events = counted(count, name);
    const auto time = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now() - age);
    for (event_data& each : events) each.created_at(time);
    return events;
}

inline retention at_most(std::int64_t count) { return retention().max_count(count); }
inline retention not_older_than(std::chrono::milliseconds age) { return retention().max_age(age); }
inline retention from_version(std::int64_t version) { return retention().truncate_before(version); }

/// As fast as it goes, a few events in each transaction.
inline scavenge_options quickly(std::int32_t portion = 3) {
    return scavenge_options().events_per_second(0).portion(portion);
}

/// The versions that are stored of a stream, expired or not.
inline numbers stored_versions(store_fixture& in, const std::string& stream) {
    numbers out;
    for (const auto& row : in.ask("select e.stream_version from eventstore.events as e join eventstore.streams as s"
                                  " using (stream_id) where s.name = " +
             quoted_text(stream) + " order by 1"))
        out.push_back(std::stoll(row[0]));
    return out;
}

class scavenged_store : public store_fixture {
public:
    scavenged_store() { expect_holes(); }
};

} // namespace eventstore::test
