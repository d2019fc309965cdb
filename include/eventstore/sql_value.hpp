/// \file
/// Parameters of SQL in a transaction.
#pragma once

#include <eventstore/event_data.hpp>
#include <eventstore/export.hpp>
#include <eventstore/uuid.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace eventstore {

namespace detail {

template <class T>
inline constexpr bool is_character =
    std::same_as<T, char> || std::same_as<T, signed char> || std::same_as<T, unsigned char> ||
    std::same_as<T, wchar_t> || std::same_as<T, char8_t> || std::same_as<T, char16_t> || std::same_as<T, char32_t>;

/// An integer, but not bool or a character type.
template <class T>
concept sql_integer = std::integral<T> && !std::same_as<T, bool> && !is_character<T>;

} // namespace detail

/// A value for an SQL parameter, converted from a C++ value:
///
/// | C++ | PostgreSQL |
/// |---|---|
/// | `bool` | boolean |
/// | integers | integer up to 32 bits, else bigint |
/// | `float`, `double` | double precision |
/// | strings | the type that the context requires: text, json, numeric, date, an enum ... (`$1::text` if ambiguous) |
/// | `uuid` | uuid |
/// | `timestamp`, any `std::chrono::sys_time` | timestamptz, to the microsecond |
/// | `std::vector<std::byte>`, `std::span<const std::byte>` | bytea |
/// | `std::optional` of these | the same, or null |
/// | `nullptr`, `std::nullopt` | null |
///
/// Copies its argument. Thread safety: distinct objects may be used from any threads.
class sql_value {
public:
    using storage = std::variant<std::monostate, bool, std::int32_t, std::int64_t, double, std::string, uuid, timestamp,
        std::vector<std::byte>>;

    sql_value() noexcept = default; ///< null
    sql_value(std::nullptr_t) noexcept {}
    sql_value(std::nullopt_t) noexcept {}
    template <std::same_as<bool> Bool>
    sql_value(Bool value) noexcept : value_(value) {}
    template <detail::sql_integer Integer>
    sql_value(Integer value) : value_(from_integer(value)) {}
    template <std::floating_point Float>
    sql_value(Float value) noexcept : value_(static_cast<double>(value)) {}
    sql_value(std::string value) noexcept : value_(std::move(value)) {}
    sql_value(std::string_view value) : value_(std::string(value)) {}
    sql_value(const char* value) { // a null pointer is null
        if (value) value_ = std::string(value);
    }
    sql_value(const uuid& value) noexcept : value_(value) {}
    template <class Duration>
    sql_value(std::chrono::sys_time<Duration> value) noexcept
        : value_(std::chrono::floor<std::chrono::microseconds>(value)) {}
    sql_value(std::vector<std::byte> value) noexcept : value_(std::move(value)) {}
    sql_value(std::span<const std::byte> value) : value_(std::vector<std::byte>(value.begin(), value.end())) {}
    template <class Value>
        requires std::constructible_from<sql_value, const Value&> sql_value(const std::optional<Value>& value) {
            if (value) value_ = std::move(sql_value(*value).value_);
        }

    bool is_null() const noexcept { return value_.index() == 0; }
    const storage& value() const noexcept { return value_; }

private:
    template <class Integer>
    static storage from_integer(Integer value) {
        if constexpr (std::numeric_limits<Integer>::digits <= 31)
            return storage(static_cast<std::int32_t>(value));
        else if constexpr (std::numeric_limits<Integer>::digits <= 63)
            return storage(static_cast<std::int64_t>(value));
        else if (value <= static_cast<Integer>(std::numeric_limits<std::int64_t>::max()))
            return storage(static_cast<std::int64_t>(value));
        else
            return storage(std::to_string(value)); // only a numeric can hold it
    }

    storage value_;
};

/// A type that can be bound.
template <class Value>
concept sql_bindable = std::constructible_from<sql_value, const Value&>;

} // namespace eventstore
