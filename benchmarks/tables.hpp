// The tables that are measured, and whether they hold what they should.
#pragma once

#include "cell.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace eventstore::benchmarks {

/// A statement of the library's own for a schema, reading forward, as the library sends it: with $1, $2 ...
std::string library_statement(std::string_view name, std::string_view schema);

/// Makes an empty store in the schema, in place of one that may be there; and beside it, in the schema `limits`, tables
/// with the same columns and indexes as `events` (one for each limit that inserts) and `streams`, and a counter.
void make_fresh_tables(bench& b, const std::string& schema);

/// That the schema holds so many events in so many streams, that versions and positions have no gaps, and that each
/// stream's version is the number of its events. \throws std::runtime_error if not: a wrong result must not look fast
void check_tables(bench& b, const std::string& schema, std::uint64_t events, std::uint64_t streams);

/// Fills a schema, once in a run of the program, with streams that have grown side by side: each in turn gets `batch`
/// events until it has `each`.
void load_events(bench& b, const std::string& schema, int streams, int each, int batch);

/// Where the library finds a schema.
store_options in_schema(bench& b, const std::string& schema);

} // namespace eventstore::benchmarks
