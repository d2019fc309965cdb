/// What libpq returns for a statement.
#pragma once

#include "postgres/parameters.hpp"

#include <boost/endian/conversion.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct pg_result; // of libpq

namespace eventstore {

class failure;

namespace postgres {

/// The answer to a statement: rows, a command that was carried out, or an error. Copies share what libpq holds, and views
/// of it live as long as one of them.
///
/// Fields are read from PostgreSQL's binary format. The caller knows their types: the statements are the library's own.
class answer {
public:
    /// None has come, which counts as an error.
    answer() = default;
    explicit answer(pg_result* owned);
    /// A notice, which stays libpq's: good for as long as that keeps it.
    static answer of_notice(const pg_result* lent);

    explicit operator bool() const noexcept { return whole_ != nullptr; }
    bool is_error() const noexcept;
    bool is_table() const noexcept;   ///< rows, though it may be none of them
    bool is_command() const noexcept; ///< carried out, without rows
    bool is_copy() const noexcept;    ///< COPY waits for data, or has some
    /// Not carried out, because a statement before it failed.
    bool is_skipped() const noexcept;
    bool is_end_of_group() const noexcept;
    /// Said by a server that ends the session with it.
    bool ends_session() const noexcept;

    /// Empty where there is none, as for what libpq itself says.
    std::string_view sqlstate() const noexcept;
    std::string_view detail() const noexcept;
    std::string_view source_function() const noexcept;
    std::string message() const; ///< all of it, on one line

    /// What was done: "COMMIT", "INSERT 0 1".
    std::string_view tag() const noexcept;
    std::int64_t affected() const noexcept; ///< rows, by the tag

    /// The failure that an error stands for. `doing` begins the message: "reading stream 'x'".
    failure to_failure(std::string_view doing) const;
    /// The same for SQL of the caller's own: a table that is missing is none of the store's. Most are database_error.
    failure to_failure_of_caller(std::string_view doing) const;

    int rows() const noexcept;
    int columns() const noexcept;
    std::string_view name(int column) const noexcept;
    type_oid type(int column) const noexcept;

    bool is_null(int row, int column) const noexcept;
    std::string_view bytes(int row, int column) const noexcept;
    std::int64_t int8(int row, int column) const noexcept { return boost::endian::load_big_s64(value(row, column)); }
    std::int32_t int4(int row, int column) const noexcept { return boost::endian::load_big_s32(value(row, column)); }
    bool boolean(int row, int column) const noexcept { return *value(row, column) != 0; }
    timestamp time(int row, int column) const noexcept { return from_postgres_time(int8(row, column)); }
    uuid id(int row, int column) const noexcept;
    std::optional<uuid> optional_id(int row, int column) const noexcept;
    /// A one-dimensional bigint[]; a null in it is nothing.
    std::vector<std::optional<std::int64_t>> int8_array(int row, int column) const;
    /// A bytea in its text form.
    std::vector<std::byte> unescaped(int row, int column) const;

    /// What the views point into.
    std::shared_ptr<const void> storage() const noexcept { return whole_; }

private:
    std::string describe(std::string_view doing) const;
    std::string_view field(int code) const noexcept;
    const unsigned char* value(int row, int column) const noexcept;

    std::shared_ptr<pg_result> whole_;
};

/// The elements of a bigint[] in binary form; nothing at all if the bytes are none.
std::optional<std::vector<std::optional<std::int64_t>>> decode_int8_array(std::string_view bytes);

} // namespace postgres
} // namespace eventstore
