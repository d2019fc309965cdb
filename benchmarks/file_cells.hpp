// EX and IM: export and import, and the memory that they take.
#pragma once

#include <string>

namespace eventstore::benchmarks {

/// The hidden first arguments with which this program runs itself as the process whose memory is measured.
inline constexpr const char* export_argument = "--export-and-tell-memory";
inline constexpr const char* import_argument = "--import-and-tell-memory";

/// Exports a schema to a file, or imports a file into it, and prints how many events there were and the peak RSS in MB.
/// \returns the exit code
int export_and_tell_memory(const std::string& url, const std::string& schema, const std::string& file);
int import_and_tell_memory(const std::string& url, const std::string& schema, const std::string& file);

} // namespace eventstore::benchmarks
