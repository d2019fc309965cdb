/// How the lines of a file of events are read.
#pragma once

#include "maintenance/event_line.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace eventstore::maintenance {

/// Of a payload that does not stand in its line as it is.
struct decoded_payloads {
    std::string stream, type, metadata, data;
};

/// The last member of a line, its checksum, and the line before it.
struct checked_line {
    std::string_view body;
    std::uint32_t checksum = 0;
};
/// Nothing if the line does not end with a checksum.
std::optional<checked_line> split_checksum(std::string_view line) noexcept;

enum class line_kind { header, event, stream, retention, snapshot, projection, subscription, parked, end, unknown };
/// By its beginning.
line_kind kind_of_line(std::string_view body) noexcept;

/// Reads a line, without its checksum, member by member in the one order in which they are written.
class line_cursor {
public:
    /// \param room for what the line has in another form; views of an event may point into it
    line_cursor(std::string_view body, decoded_payloads& room) : rest_(body), room_(room) {}

    bool read(header_line& line);
    bool read(event_line& line);
    bool read(stream_line& line);
    bool read(retention_line& line);
    bool read(snapshot_line& line);
    bool read(projection_line& line);
    bool read(subscription_line& line);
    bool read(parked_line& line);
    bool read(end_line& line);

    /// What was wrong, after a read that returned false.
    std::string why() const;

private:
    bool starts_with(std::string_view text) const noexcept { return rest_.starts_with(text); }
    bool skip(std::string_view text) noexcept;
    bool member(std::string_view name);
    bool optional_member(std::string_view name) noexcept;
    bool number(std::string_view name, std::int64_t& value, std::int64_t least);
    bool number_value(std::int64_t& value, std::int64_t least);
    bool optional_number(std::string_view name, std::optional<std::int64_t>& value, std::int64_t least);
    bool text(std::string_view name, std::string& room, std::string_view& value);
    bool text_value(std::string& room, std::string_view& value);
    bool own_text(std::string_view name, std::string& value);
    bool time(std::string_view name, std::int64_t& value);
    bool time_value(std::int64_t& value);
    bool optional_time(std::string_view name, std::optional<std::int64_t>& value);
    bool id_value(uuid& value);
    bool optional_id(std::string_view name, std::optional<uuid>& value);
    bool payload(std::string_view name, std::string& room, std::string_view& value);
    bool end();
    bool fail(std::string_view why);

    std::string_view rest_;
    decoded_payloads& room_;
    std::string_view member_; // that is being read
    std::string_view why_;
};

} // namespace eventstore::maintenance
