#include "touch.hpp"

#include <boost/endian/conversion.hpp>

#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>

namespace eventstore::benchmarks {

namespace {

// The columns of read_all.sql.
enum column {
    version,
    position,
    created_at,
    event_id,
    correlation_id,
    causation_id,
    type,
    data,
    metadata,
    link_to,
    stream_id
};

constexpr std::int64_t microseconds_1970_to_2000 = 946'684'800'000'000;

std::string_view bytes_of(const PGresult* rows, int row, column which) {
    return {PQgetvalue(rows, row, which), static_cast<std::size_t>(PQgetlength(rows, row, which))};
}

std::int64_t number_of(const PGresult* rows, int row, column which) {
    return boost::endian::endian_load<std::int64_t, 8, boost::endian::order::big>(
        reinterpret_cast<const unsigned char*>(PQgetvalue(rows, row, which)));
}

uuid id_of(const PGresult* rows, int row, column which) {
    uuid id;
    std::memcpy(id.data, PQgetvalue(rows, row, which), sizeof id.data);
    return id;
}

} // namespace

void field_sum::add(std::string_view text) {
    add(static_cast<std::uint64_t>(text.size()));
    if (!text.empty())
        add(static_cast<std::uint64_t>(
            static_cast<unsigned char>(text.front()) + static_cast<unsigned char>(text.back())));
}

void field_sum::add(const uuid& id) {
    std::uint64_t halves[2];
    std::memcpy(halves, id.data, sizeof halves);
    add(halves[0] ^ halves[1]);
}

void field_sum::add_place(std::int64_t version, std::int64_t position) {
    if (position != last_position_ + 1)
        throw std::runtime_error("WRONG RESULT: position " + std::to_string(position) + " was read after position " +
            std::to_string(last_position_));
    last_position_ = position;
    ++events_;
    add(static_cast<std::uint64_t>(version));
    add(static_cast<std::uint64_t>(position));
}

void field_sum::add(const recorded_event& event) {
    add_place(event.version(), event.position());
    add(static_cast<std::uint64_t>(event.created_at().time_since_epoch().count()));
    add(event.id());
    if (const auto correlation = event.correlation_id()) add(*correlation);
    if (const auto causation = event.causation_id()) add(*causation);
    add(event.type());
    add(event.data());
    add(event.metadata());
    const std::string_view stream = event.stream();
    stream_bytes_ += stream.size() + static_cast<unsigned char>(stream.back());
}

void field_sum::add(const PGresult* rows, int row) {
    add_place(number_of(rows, row, version), number_of(rows, row, position));
    add(static_cast<std::uint64_t>(number_of(rows, row, created_at) + microseconds_1970_to_2000));
    add(id_of(rows, row, event_id));
    if (PQgetisnull(rows, row, correlation_id) == 0) add(id_of(rows, row, correlation_id));
    if (PQgetisnull(rows, row, causation_id) == 0) add(id_of(rows, row, causation_id));
    add(bytes_of(rows, row, type));
    add(bytes_of(rows, row, data));
    add(bytes_of(rows, row, metadata));
    stream_bytes_ += static_cast<std::uint64_t>(number_of(rows, row, stream_id));
}

} // namespace eventstore::benchmarks
