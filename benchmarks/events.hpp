// The events of the common workload.
#pragma once

#include <eventstore/event_data.hpp>

#include <random>
#include <string>
#include <vector>

namespace eventstore::benchmarks {

inline constexpr const char* event_type = "ExampleEvent";
inline constexpr const char* stream_prefix = "account-";
inline constexpr const char* metadata_json = R"({"user":"user@example.com"})";

/// JSON of about 100 bytes.
std::string data_json(std::mt19937_64& random);

/// An event as a user makes it: with an id of its own.
event_data make_event(std::mt19937_64& random);
std::vector<event_data> make_events(std::mt19937_64& random, int count);

/// The name of the n-th stream.
std::string stream_name(int n);

} // namespace eventstore::benchmarks
