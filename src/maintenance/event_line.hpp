/// The lines of a file of events, and how they are written. sql/README.md describes the format.
#pragma once

#include <eventstore/store_options.hpp>
#include <eventstore/uuid.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore::maintenance {

/// Microseconds since 2000, as PostgreSQL counts them.
using microseconds_of_postgres = std::int64_t;

inline constexpr std::int64_t file_format = 1;

struct header_line {
    payload_format payload = payload_format::bytea;
    std::int64_t after_position = 0;
    std::string database;
    std::string schema;
    std::int64_t schema_version = 0;
    std::string library;
    microseconds_of_postgres begun_at = 0;
    std::string log_state; ///< the version of the row of log_state; see export_state.sql
};

/// An event, or a link. Views live as long as what they were made from.
struct event_line {
    std::int64_t position = 0;
    std::string_view stream;
    std::int64_t version = 0;
    std::int64_t link_to = 0; ///< the position of the original; 0 = it is no link, else it has no type and no payload
    uuid id{};
    std::string_view type;
    microseconds_of_postgres created_at = 0;
    /// When the stream was made; with its first version, where it is not the time of the event.
    std::optional<microseconds_of_postgres> stream_created_at;
    std::optional<uuid> correlation_id, causation_id;
    std::string_view metadata, data;
};

/// A stream whose state its events do not tell: it is deleted, or its last versions are gone.
struct stream_line {
    std::string stream;
    std::int64_t version = 0;
    microseconds_of_postgres created_at = 0;
    std::optional<microseconds_of_postgres> deleted_at;
};

/// How long the events of a stream, or of all with a prefix, are kept.
struct retention_line {
    std::string name;
    bool is_prefix = false;
    std::optional<std::int64_t> truncate_before, max_count;
    std::optional<std::int64_t> max_age; ///< microseconds
    microseconds_of_postgres changed_at = 0;
};

struct snapshot_line {
    std::string source;
    std::int64_t version = 0;
    std::string type;
    microseconds_of_postgres recorded_at = 0;
    std::string metadata, data;
};

/// A version of a projection: the subscriptions of its names belong to it.
struct projection_line {
    std::string name;
    std::int64_t version = 0, consumers = 0;
    std::optional<microseconds_of_postgres> started_at; ///< nothing: of an import, in which it begins anew
    std::int64_t position = 0;
    std::optional<std::int64_t> live_after, live_until;
    std::optional<microseconds_of_postgres> switched_at;
};

struct subscription_line {
    std::string name, stream;
    microseconds_of_postgres created_at = 0;
    std::int64_t position = 0;
    std::int64_t version = 0;
    std::optional<uuid> event_id;
    std::int64_t deliveries = 0, delivered = 0, announced = 0;
};

struct parked_line {
    std::int64_t position = 0;
    std::string subscription, stream;
    std::string reason;
    std::int64_t deliveries = 0;
    microseconds_of_postgres parked_at = 0;
    bool replay = false;
};

/// The last line.
struct end_line {
    std::int64_t events = 0, links = 0;
    std::int64_t through_position = 0;
    std::int64_t streams = 0, snapshots = 0, subscriptions = 0, parked = 0;
    std::int64_t retentions = 0, projections = 0; ///< not in older files
    std::int64_t floor = 0;                       ///< positions may be missing up to here; not in older files
};

/// Collects lines. Each ends with the checksum of the whole file before that checksum.
class line_writer {
public:
    explicit line_writer(std::uint32_t checksum = 0) : checksum_(checksum) {}

    void add(const header_line& line);
    /// \param stream the name as a JSON string, which saves writing it for each event; else that of the line
    void add(const event_line& line, std::string_view stream = {});
    void add(const stream_line& line);
    void add(const retention_line& line);
    void add(const snapshot_line& line);
    void add(const projection_line& line);
    void add(const subscription_line& line);
    void add(const parked_line& line);
    void add(const end_line& line);

    /// What was added since the last call of clear().
    const std::string& text() const noexcept { return text_; }
    std::size_t size() const noexcept { return text_.size(); }
    /// Exchanges the text for an empty string, whose memory is used again.
    void swap_text(std::string& empty) noexcept {
        text_.swap(empty);
        begin_ = 0;
    }
    /// Of all that was added.
    std::uint32_t checksum() const noexcept { return checksum_; }
    /// As the last line gives it.
    std::uint32_t checksum_of_line() const noexcept { return checksum_of_line_; }

private:
    void begin_line(std::string_view name, std::string_view text);
    void begin_line(std::string_view name, std::int64_t value);
    void begin_member(std::string_view name);
    void add_payload(std::string_view name, std::string_view bytes);
    void add_member(std::string_view name, std::string_view text);
    void add_member(std::string_view name, std::int64_t value);
    void add_member(std::string_view name, const std::optional<std::int64_t>& value) {
        if (value) add_member(name, *value);
    }
    void add_time_member(std::string_view name, microseconds_of_postgres time);
    void add_id(std::string_view name, const uuid& id);
    void end_of_line();

    std::string text_;
    std::size_t begin_ = 0; // of what the checksum does not know yet
    std::uint32_t checksum_;
    std::uint32_t checksum_of_line_ = 0;
};

} // namespace eventstore::maintenance
