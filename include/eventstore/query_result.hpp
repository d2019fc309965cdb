/// \file
/// The result of SQL in a transaction.
#pragma once

#include <eventstore/event_data.hpp>
#include <eventstore/export.hpp>
#include <eventstore/uuid.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace eventstore {

namespace detail {

class query_data;

template <class T>
struct optional_of : std::false_type {
    using type = T;
};
template <class T>
struct optional_of<std::optional<T>> : std::true_type {
    using type = T;
};

template <class T>
concept sql_readable_value = std::same_as<T, bool> ||(std::integral<T> && sizeof(T) > 1) || std::floating_point<T> ||
    std::same_as<T, std::string> || std::same_as<T, std::string_view> || std::same_as<T, uuid> ||
    std::same_as<T, timestamp> || std::same_as<T, std::vector<std::byte>>;

/// The types that a field can be read as.
template <class T>
concept sql_readable = sql_readable_value<typename optional_of<T>::type>;

template <class T>
inline constexpr bool is_view = std::same_as<typename optional_of<T>::type, std::string_view>;

// Each throws if the column's type, or the value, does not fit.
EVENTSTORE_EXPORT std::int64_t read_integer(
    const query_data& from, std::size_t row, std::size_t column, std::int64_t least, std::int64_t most);
EVENTSTORE_EXPORT bool read_bool(const query_data& from, std::size_t row, std::size_t column);
EVENTSTORE_EXPORT double read_double(const query_data& from, std::size_t row, std::size_t column);
EVENTSTORE_EXPORT std::string_view read_text(const query_data& from, std::size_t row, std::size_t column);
EVENTSTORE_EXPORT uuid read_uuid(const query_data& from, std::size_t row, std::size_t column);
EVENTSTORE_EXPORT timestamp read_timestamp(const query_data& from, std::size_t row, std::size_t column);
EVENTSTORE_EXPORT std::vector<std::byte> read_bytes(const query_data& from, std::size_t row, std::size_t column);

template <class T>
T read_field(const query_data& from, std::size_t row, std::size_t column) {
    if constexpr (std::same_as<T, bool>) {
        return read_bool(from, row, column);
    } else if constexpr (std::integral<T>) {
        using limits = std::numeric_limits<T>;
        constexpr auto most = std::in_range<std::int64_t>(limits::max()) ? static_cast<std::int64_t>(limits::max())
                                                                         : std::numeric_limits<std::int64_t>::max();
        return static_cast<T>(read_integer(from, row, column, static_cast<std::int64_t>(limits::min()), most));
    } else if constexpr (std::floating_point<T>) {
        return static_cast<T>(read_double(from, row, column));
    } else if constexpr (std::same_as<T, uuid>) {
        return read_uuid(from, row, column);
    } else if constexpr (std::same_as<T, timestamp>) {
        return read_timestamp(from, row, column);
    } else if constexpr (std::same_as<T, std::vector<std::byte>>) {
        return read_bytes(from, row, column);
    } else {
        return T(read_text(from, row, column));
    }
}

} // namespace detail

/// A row of a query_result. Copies are cheap and keep the whole result alive.
///
/// A field is read as a type that fits its column: integers of any width from integer columns and whole numerics (such
/// as `sum` of a bigint), `double` from all numbers, `bool`, `uuid`, `timestamp` (timestamptz),
/// `std::vector<std::byte>` (bytea); and `std::string` or `std::string_view`, in PostgreSQL's text form, from every
/// column. `std::optional` of these accepts nulls. Anything else throws `error` with `invalid_argument`: another type,
/// a null, a number that does not fit, a column that does not exist.
class EVENTSTORE_EXPORT sql_row {
public:
    sql_row(std::shared_ptr<const detail::query_data> of, std::size_t index) noexcept
        : data_(std::move(of)), index_(index) {}

    /// \param column its index, from 0, or its name. A view is valid as long as the result, or a row of it, exists.
    template <detail::sql_readable T>
    T get(std::size_t column) const& {
        return read<T>(column);
    }
    template <detail::sql_readable T>
    T get(std::string_view column) const& {
        return read<T>(find(column));
    }
    /// For a temporary row: all types except views. Give the row a name to get a view.
    template <detail::sql_readable T>
        requires(!detail::is_view<T>)
    T get(std::size_t column)
    const&& { return read<T>(column); }
    template <detail::sql_readable T>
        requires(!detail::is_view<T>)
    T get(std::string_view column)
    const&& { return read<T>(find(column)); }
    template <detail::sql_readable T>
        requires(detail::is_view<T>)
    T get(std::size_t column)
    const&& = delete;
    template <detail::sql_readable T>
        requires(detail::is_view<T>)
    T get(std::string_view column)
    const&& = delete;

    bool is_null(std::size_t column) const;
    bool is_null(std::string_view column) const { return is_null(find(column)); }
    std::size_t size() const noexcept; ///< the number of columns

private:
    template <class T>
    T read(std::size_t column) const {
        if constexpr (detail::optional_of<T>::value) {
            if (is_null(column)) return T();
            return T(detail::read_field<typename detail::optional_of<T>::type>(*data_, index_, column));
        } else {
            return detail::read_field<T>(*data_, index_, column);
        }
    }
    std::size_t find(std::string_view column) const;

    std::shared_ptr<const detail::query_data> data_;
    std::size_t index_;
};

/// The rows of a statement, and the number of rows that it changed. Immutable; copies share the data. Valid after its
/// transaction.
///
///     const auto accounts = co_await tx.execute("select id, balance from accounts where owner = $1", owner);
///     for (const es::sql_row& account : accounts) total += account.get<std::int64_t>("balance");
///
/// Thread safety: distinct objects may be used from any threads.
class EVENTSTORE_EXPORT query_result {
public:
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = sql_row;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = sql_row;

        iterator() noexcept = default;
        iterator(const query_result* of, std::size_t index) noexcept : of_(of), index_(index) {}
        sql_row operator*() const { return (*of_)[index_]; }
        iterator& operator++() noexcept { return ++index_, *this; }
        iterator operator++(int) noexcept { return iterator(of_, index_++); }
        bool operator==(const iterator&) const noexcept = default;

    private:
        const query_result* of_ = nullptr;
        std::size_t index_ = 0;
    };
    using const_iterator = iterator;
    using value_type = sql_row;

    query_result() noexcept = default; ///< no rows, no columns
    explicit query_result(std::shared_ptr<const detail::query_data> data) noexcept : data_(std::move(data)) {}

    iterator begin() const noexcept { return iterator(this, 0); }
    iterator end() const noexcept { return iterator(this, size()); }
    std::size_t size() const noexcept; ///< the number of rows
    bool empty() const noexcept { return size() == 0; }
    /// \pre index < size()
    sql_row operator[](std::size_t index) const { return sql_row(data_, index); }

    /// The one field of the one row: `(co_await tx.execute("select count(*) from accounts")).value<std::int64_t>()`.
    /// Throws `invalid_argument` if there are more, or none.
    template <detail::sql_readable T>
        requires(!detail::is_view<T>)
    T value()
    const {
        check_single();
        return sql_row(data_, 0).get<T>(std::size_t{0});
    }

    /// The number of rows inserted, updated or deleted; for a select, the number returned.
    std::int64_t affected() const noexcept;

    /// The names of the columns, in order.
    std::vector<std::string> columns() const;

private:
    void check_single() const;

    std::shared_ptr<const detail::query_data> data_;
};

} // namespace eventstore
