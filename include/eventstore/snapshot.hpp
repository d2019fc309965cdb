/// \file
/// Snapshots: state computed from a stream's events, stored to avoid reading them again.
#pragma once

#include <eventstore/event_data.hpp>

#include <cstdint>
#include <string>
#include <utility>

namespace eventstore {

/// The state of a source at a version of its stream. Only the newest one of each source is stored.
///
/// The source is any name, usually that of the stream. Source and type are 1 to 512 bytes of UTF-8 without NUL.
/// Data and metadata are any bytes, together at most `store_options::max_event_bytes`.
class snapshot {
public:
    /// The state `data` of `source` at a version: that of the last event included in the state, 1 or more.
    snapshot(std::string source, std::int64_t version, std::string type, std::string data)
        : source_(std::move(source)), version_(version), type_(std::move(type)), data_(std::move(data)) {}

    /// Data about the snapshot itself: any bytes, empty by default.
    snapshot& metadata(std::string value) & { return metadata_ = std::move(value), *this; }
    snapshot&& metadata(std::string value) && { return std::move(metadata(std::move(value))); }

    const std::string& source() const noexcept { return source_; }
    std::int64_t version() const noexcept { return version_; }
    const std::string& type() const noexcept { return type_; }
    const std::string& data() const noexcept { return data_; }
    const std::string& metadata() const noexcept { return metadata_; }
    /// When it was recorded; set by reading.
    timestamp recorded_at() const noexcept { return recorded_at_; }
    snapshot& recorded_at(timestamp value) & { return recorded_at_ = value, *this; }

private:
    std::string source_;
    std::int64_t version_;
    std::string type_;
    std::string data_;
    std::string metadata_;
    timestamp recorded_at_{};
};

} // namespace eventstore
