#include "events.hpp"

#include <cstdint>

namespace eventstore::benchmarks {

std::string data_json(std::mt19937_64& random) {
    const std::uint64_t number = random() % 9'000'000'000 + 1'000'000'000; // always ten digits
    std::string data;
    data.reserve(128);
    data += R"({"order_id":")";
    data += std::to_string(number);
    data += R"(","amount":12.5,"note":"please leave it with the neighbours at number 12, thank you."})";
    return data;
}

event_data make_event(std::mt19937_64& random) {
    event_data event(event_type, data_json(random));
    event.metadata(metadata_json);
    return event;
}

std::vector<event_data> make_events(std::mt19937_64& random, int count) {
    std::vector<event_data> events;
    events.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) events.push_back(make_event(random));
    return events;
}

std::string stream_name(int n) { return stream_prefix + std::to_string(n); }

} // namespace eventstore::benchmarks
