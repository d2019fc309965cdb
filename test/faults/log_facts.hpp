// What the database of one store holds when a fault test has ended.
#pragma once

#include <eventstore/uuid.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::test {
class session;
}

namespace eventstore::test::faults {

struct stored_stream {
    std::int64_t id = 0;
    std::string name; ///< `$deleted <id>` while a hard delete is not finished
    std::int64_t version = 0;
    bool is_deleted = false; ///< softly
};

struct stored_event {
    std::int64_t position = 0;
    std::int64_t version = 0;
    uuid id{};
    std::size_t stream = 0; ///< its place in log_facts::streams
    std::string type;
    bool has_own_payload = true; ///< the data is payload_of() its id
};

struct stored_subscription {
    std::string stream; ///< `$all` for the log
    std::string name;
    std::int64_t position = 0;             ///< the checkpoint; of a subscription to a stream it is the version
    std::int64_t version = 0;              ///< that counts,
    std::optional<std::int64_t> stream_id; ///< in the stream with this id
    std::int64_t epoch = 0;
};

struct parked_event {
    std::string stream;
    std::string subscription;
    std::int64_t position = 0;
    std::int64_t deliveries = 0;
};

/// A stream's row in a read model that projection_table() and projection_step() have made.
struct projected_stream {
    std::string stream;
    std::int64_t events = 0;
    std::int64_t versions = 0;     ///< their sum
    std::int64_t last_version = 0; ///< of the event that came last
    std::int64_t misordered = 0;   ///< events that came after a later one, or after themselves
};

struct stored_projection {
    std::string table;
    std::vector<std::string>
        subscriptions;   ///< to `$all`, that feed it; none if it is written by the appends themselves
    int max_retries = 5; ///< of its handler
    std::vector<projected_stream> rows;
};

struct log_facts {
    std::string schema;
    std::int64_t floor = 0;
    std::vector<stored_stream> streams;
    std::vector<stored_event> events; ///< by position
    std::vector<stored_subscription> subscriptions;
    std::vector<parked_event> parked;
    std::vector<stored_projection> projections;
};

/// SQL that makes the table of a read model in the schema of the store, and the statement by which a handler adds the
/// events of a batch to it: $1 and $2 are those of projection_arguments.
std::string projection_table(const std::string& schema, const std::string& table);
std::string projection_step(const std::string& schema, const std::string& table);

/// The events of a batch as two arrays, in their order: of their streams, and of their versions. One event at least.
class projection_arguments {
public:
    void add(std::string_view stream, std::int64_t version);

    std::string streams() const { return streams_ + "}"; }
    std::string versions() const { return versions_ + "}"; }

private:
    std::string streams_;
    std::string versions_;
};

/// A read model to load: its table, which has the name of its projection; the names of the subscriptions that feed it
/// (projection_info::subscriptions), and projection_options::max_retries.
struct projection_to_load {
    std::string table;
    std::vector<std::string> subscriptions;
    int max_retries = 5;
};

/// Reads all of it in one snapshot. Fault tests make no links: \throws std::runtime_error if there are some.
log_facts load_facts(
    session& database, const std::string& schema, const std::vector<projection_to_load>& projections = {});

} // namespace eventstore::test::faults
