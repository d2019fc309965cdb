/// Results of statements, in PostgreSQL's binary format.
#pragma once

#include "postgres/parameters.hpp"

#include <eventstore/uuid.hpp>

#include <boost/endian/conversion.hpp>
#include <libpq-fe.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace eventstore::postgres {

struct result_deleter {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};
/// Owns a result of libpq; views of its fields live as long.
using result_handle = std::unique_ptr<PGresult, result_deleter>;

/// Reads fields of a binary result. The caller knows the types: the statements are the library's own.
class rows {
public:
    explicit rows(const PGresult* result) noexcept : result_(result) {}

    int count() const noexcept { return PQntuples(result_); }
    int columns() const noexcept { return PQnfields(result_); }
    type_oid type(int column) const noexcept { return static_cast<type_oid>(PQftype(result_, column)); }
    bool is_null(int row, int column) const noexcept { return PQgetisnull(result_, row, column) != 0; }

    std::string_view bytes(int row, int column) const noexcept {
        return {PQgetvalue(result_, row, column), static_cast<std::size_t>(PQgetlength(result_, row, column))};
    }
    std::int64_t int8(int row, int column) const noexcept { return load(PQgetvalue(result_, row, column)); }
    std::int32_t int4(int row, int column) const noexcept {
        return boost::endian::load_big_s32(reinterpret_cast<const unsigned char*>(PQgetvalue(result_, row, column)));
    }
    bool boolean(int row, int column) const noexcept { return *PQgetvalue(result_, row, column) != 0; }
    timestamp time(int row, int column) const noexcept { return from_postgres_time(int8(row, column)); }
    uuid id(int row, int column) const noexcept {
        uuid value;
        std::memcpy(value.data, PQgetvalue(result_, row, column), sizeof value.data);
        return value;
    }
    std::optional<uuid> optional_id(int row, int column) const noexcept {
        if (is_null(row, column)) return std::nullopt;
        return id(row, column);
    }
    /// A one-dimensional bigint[]; a null in it is nothing.
    std::vector<std::optional<std::int64_t>> int8_array(int row, int column) const;

private:
    static std::int64_t load(const char* from) noexcept {
        return boost::endian::load_big_s64(reinterpret_cast<const unsigned char*>(from));
    }

    const PGresult* result_;
};

/// The elements of a bigint[] in binary form; nothing at all if the bytes are none.
std::optional<std::vector<std::optional<std::int64_t>>> decode_int8_array(std::string_view bytes);

} // namespace eventstore::postgres
