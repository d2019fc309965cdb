/// \file
/// Events to append.
#pragma once

#include <eventstore/export.hpp>
#include <eventstore/uuid.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eventstore {

/// A point in time as PostgreSQL keeps it: microseconds, UTC.
using timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// An event to append: a type, data, and attributes.
///
/// The constructor makes its id, so that appending a *copy* of a named event_data again is a safe retry: the store
/// finds the id and returns the first result. For the same reason two copies cannot both be appended: make several
/// equal events one by one, not with `std::vector<event_data>(n, event)`. The append checks the limits: the type is 1
/// to 512 bytes of UTF-8 without NUL; data and metadata are any bytes, together at most
/// `store_options::max_event_bytes` (16 MB).
///
/// Thread safety: distinct objects may be used from any threads.
class EVENTSTORE_EXPORT event_data {
public:
    event_data(std::string type, std::string data);

    /// Replaces the id made by the constructor, for instance by that of the command that led to the event. The append
    /// refuses a nil id (all zero): two events without an id would be taken for one.
    event_data& id(uuid value) & { return id_ = value, *this; }
    event_data&& id(uuid value) && { return std::move(id(value)); }

    /// Data about the event, as opposed to what happened: any bytes, empty by default.
    event_data& metadata(std::string value) & { return metadata_ = std::move(value), *this; }
    event_data&& metadata(std::string value) && { return std::move(metadata(std::move(value))); }

    /// Related events share a correlation id. Nil is a valid value, here and in causation_id.
    event_data& correlation_id(uuid value) & { return correlation_id_ = value, *this; }
    event_data&& correlation_id(uuid value) && { return std::move(correlation_id(value)); }

    /// The id of the event or command that caused this one.
    event_data& causation_id(uuid value) & { return causation_id_ = value, *this; }
    event_data&& causation_id(uuid value) && { return std::move(causation_id(value)); }

    /// When it happened, for imports; by default the database's time at the append.
    event_data& created_at(timestamp value) & { return created_at_ = value, *this; }
    event_data&& created_at(timestamp value) && { return std::move(created_at(value)); }

    const uuid& id() const noexcept { return id_; }
    const std::string& type() const noexcept { return type_; }
    const std::string& data() const noexcept { return data_; }
    const std::string& metadata() const noexcept { return metadata_; }
    const std::optional<uuid>& correlation_id() const noexcept { return correlation_id_; }
    const std::optional<uuid>& causation_id() const noexcept { return causation_id_; }
    const std::optional<timestamp>& created_at() const noexcept { return created_at_; }

private:
    uuid id_;
    std::string type_;
    std::string data_;
    std::string metadata_;
    std::optional<uuid> correlation_id_;
    std::optional<uuid> causation_id_;
    std::optional<timestamp> created_at_;
};

/// A list of events: `co_await store.append("account-1", 2, events(opened, deposited))`.
/// (A braced list inside `co_await` does not compile on g++ 12.)
template <class... Events>
std::vector<event_data> events(Events&&... event) {
    std::vector<event_data> list;
    list.reserve(sizeof...(event));
    (list.push_back(std::forward<Events>(event)), ...);
    return list;
}

} // namespace eventstore
