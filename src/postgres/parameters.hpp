/// Parameters of a statement, in PostgreSQL's binary format.
#pragma once

#include <eventstore/event_data.hpp>
#include <eventstore/uuid.hpp>

#include <boost/endian/conversion.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::postgres {

/// PostgreSQL's fixed numbers of the types that the library's statements take, or that are read as more than text.
enum class type_oid : std::uint32_t {
    unknown = 0, // the server finds out
    boolean = 16,
    bytea = 17,
    int8 = 20,
    int2 = 21,
    int4 = 23,
    text = 25,
    oid = 26,
    json = 114,
    float4 = 700,
    float8 = 701,
    varchar = 1043,
    date = 1082,
    timestamp = 1114,
    timestamptz = 1184,
    interval = 1186,
    numeric = 1700,
    uuid = 2950,
    jsonb = 3802,
    boolean_array = 1000,
    bytea_array = 1001,
    int4_array = 1007,
    text_array = 1009,
    int8_array = 1016,
    timestamptz_array = 1185,
    uuid_array = 2951,
};

/// PostgreSQL counts microseconds from 2000-01-01.
std::int64_t to_postgres_time(timestamp time) noexcept;
timestamp from_postgres_time(std::int64_t microseconds) noexcept;

/// The parameters of one call, encoded one after the other into one buffer.
///
/// An array is begun with the number of its elements, and exactly that many `add`s follow.
class parameters {
public:
    void add(std::int64_t value) { put_big(begin_value(8), static_cast<std::uint64_t>(value)); }
    void add(std::int32_t value) { put_big(begin_value(4), static_cast<std::uint32_t>(value)); }
    void add(bool value) { *begin_value(1) = value ? 1 : 0; }
    void add(std::string_view value) { copy(begin_value(value.size()), value); }
    void add(const std::string& value) { add(std::string_view(value)); }
    void add(const char* value) { add(std::string_view(value)); }
    void add(const uuid& value) { std::memcpy(begin_value(sizeof value.data), value.data, sizeof value.data); }
    void add(timestamp value) { add(to_postgres_time(value)); }
    void add(double value) { put_big(begin_value(8), std::bit_cast<std::uint64_t>(value)); }
    void add_null();
    /// A value of any type in its text form, for a parameter of type `unknown`. Holds no NUL.
    void add_as_text(std::string_view value);

    void begin_array(type_oid element, std::size_t count, bool has_nulls = false);

    /// Room for what will be added, in bytes; saves growing.
    void reserve(std::size_t bytes) { buffer_.reserve(bytes); }

    std::size_t size() const noexcept { return lengths_.size(); }
    std::size_t bytes() const noexcept { return buffer_.size(); }

    /// What libpq takes. The pointers hold until the next change.
    struct view {
        std::vector<const char*> values;
        const int* lengths;
        const int* formats;
    };
    view for_libpq() const;

    /// The encoded value of one parameter; for tests.
    std::string_view value(std::size_t index) const;
    bool is_null(std::size_t index) const { return lengths_[index] < 0; }

private:
    char* begin_value(std::size_t size);
    char* grow(std::size_t size);

    static void put_big(char* to, std::uint64_t value) {
        boost::endian::store_big_u64(reinterpret_cast<unsigned char*>(to), value);
    }
    static void put_big(char* to, std::uint32_t value) {
        boost::endian::store_big_u32(reinterpret_cast<unsigned char*>(to), value);
    }
    static void copy(char* to, std::string_view from) {
        if (!from.empty()) std::memcpy(to, from.data(), from.size());
    }

    std::string buffer_;
    std::vector<std::size_t> offsets_;
    std::vector<int> lengths_;   // -1 = null
    std::vector<int> formats_;   // 1 = binary, 0 = text
    std::size_t array_left_ = 0; // elements still to come
};

} // namespace eventstore::postgres
