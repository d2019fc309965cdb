#include "transaction/query_data.hpp"

#include "base/text.hpp"
#include "transaction/sql_text.hpp"

#include <eventstore/error.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <initializer_list>

namespace eventstore {

namespace {

using detail::message;
using detail::query_data;
using detail::quoted_for_message;
using postgres::answer;
using postgres::type_oid;

std::string name_of(type_oid type) {
    switch (type) {
    case type_oid::boolean: return "boolean";
    case type_oid::bytea: return "bytea";
    case type_oid::int8: return "bigint";
    case type_oid::int2: return "smallint";
    case type_oid::int4: return "integer";
    case type_oid::text: return "text";
    case type_oid::oid: return "oid";
    case type_oid::json: return "json";
    case type_oid::float4: return "real";
    case type_oid::float8: return "double precision";
    case type_oid::varchar: return "character varying";
    case type_oid::date: return "date";
    case type_oid::timestamp: return "timestamp without time zone";
    case type_oid::timestamptz: return "timestamp with time zone";
    case type_oid::interval: return "interval";
    case type_oid::numeric: return "numeric";
    case type_oid::uuid: return "uuid";
    case type_oid::jsonb: return "jsonb";
    default: return message("the type with the oid ", std::to_string(static_cast<std::uint32_t>(type)));
    }
}

[[noreturn]] void refuse(std::string text) { throw error(failure(errc::invalid_argument, std::move(text))); }

std::string columns_of(const answer& from) {
    std::string list;
    for (int i = 0; i < from.columns(); ++i) list += message(i == 0 ? "" : ", ", quoted_for_message(from.name(i)));
    return list.empty() ? "none" : list;
}

std::string column(const answer& from, std::size_t index) {
    return message("the column ", quoted_for_message(from.name(static_cast<int>(index))), " (",
        name_of(from.type(static_cast<int>(index))), ")");
}

const answer& check_column(const query_data& data, std::size_t index) {
    const answer& from = data.answer;
    if (index >= static_cast<std::size_t>(from.columns()))
        refuse(
            message("there is no column ", std::to_string(index), ", counted from 0; there are: ", columns_of(from)));
    return from;
}

std::string_view text_of(const query_data& data, std::size_t row, std::size_t index) {
    const answer& from = check_column(data, index);
    const int r = static_cast<int>(row);
    const int c = static_cast<int>(index);
    if (r >= from.rows()) refuse(message("there is no row ", std::to_string(row), ", counted from 0"));
    if (from.is_null(r, c)) refuse(message(column(from, index), " is null; read it as a std::optional"));
    return from.bytes(r, c);
}

std::string_view text_of(const query_data& data, std::size_t row, std::size_t index,
    std::initializer_list<type_oid> types, std::string_view wanted) {
    const answer& from = check_column(data, index);
    if (std::ranges::find(types, from.type(static_cast<int>(index))) == types.end())
        refuse(message(column(from, index), " cannot be read as ", wanted, "; cast it in the SQL, or read it as text"));
    return text_of(data, row, index);
}

[[noreturn]] void refuse_value(
    const query_data& from, std::size_t index, std::string_view text, std::string_view wanted) {
    refuse(message(column(from.answer, index), " holds ", quoted_for_message(text), ", which is ", wanted));
}

} // namespace

namespace detail {

std::int64_t read_integer(
    const query_data& from, std::size_t row, std::size_t column, std::int64_t least, std::int64_t most) {
    const auto text = text_of(from, row, column,
        {type_oid::int8, type_oid::int4, type_oid::int2, type_oid::numeric, type_oid::oid}, "an integer");
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem == std::errc::result_out_of_range || (problem == std::errc() && (value < least || value > most)))
        refuse_value(from, column, text, "too large, or too small, for the integer it is read as");
    // A numeric shows its scale: 12.00 is whole, too.
    std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (rest.starts_with('.')) rest.remove_prefix(std::min(rest.find_first_not_of('0', 1), rest.size()));
    if (problem != std::errc() || !rest.empty()) refuse_value(from, column, text, "no integer");
    return value;
}

bool read_bool(const query_data& from, std::size_t row, std::size_t column) {
    return text_of(from, row, column, {type_oid::boolean}, "a bool") == "t";
}

double read_double(const query_data& from, std::size_t row, std::size_t column) {
    const auto text = text_of(from, row, column,
        {type_oid::float8, type_oid::float4, type_oid::numeric, type_oid::int8, type_oid::int4, type_oid::int2},
        "a floating-point number");
    double value = 0; // from_chars reads NaN and Infinity as well
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc() || end != text.data() + text.size())
        refuse_value(from, column, text, "beyond the range of a double");
    return value;
}

std::string_view read_text(const query_data& from, std::size_t row, std::size_t column) {
    return text_of(from, row, column);
}

uuid read_uuid(const query_data& from, std::size_t row, std::size_t column) {
    const auto text = text_of(from, row, column, {type_oid::uuid}, "a uuid");
    const auto value = parse_uuid(text);
    if (!value) refuse_value(from, column, text, "no uuid");
    return *value;
}

timestamp read_timestamp(const query_data& from, std::size_t row, std::size_t column) {
    const auto text = text_of(from, row, column, {type_oid::timestamptz}, "a timestamp");
    const auto value = parse_timestamp(text);
    if (!value)
        refuse_value(from, column, text, "no point in time that a timestamp can hold, or not in the DateStyle ISO");
    return *value;
}

std::vector<std::byte> read_bytes(const query_data& from, std::size_t row, std::size_t column) {
    text_of(from, row, column, {type_oid::bytea}, "bytes");
    return from.answer.unescaped(static_cast<int>(row), static_cast<int>(column));
}

} // namespace detail

bool sql_row::is_null(std::size_t column) const {
    return check_column(*data_, column).is_null(static_cast<int>(index_), static_cast<int>(column));
}

std::size_t sql_row::size() const noexcept { return static_cast<std::size_t>(data_->answer.columns()); }

std::size_t sql_row::find(std::string_view column) const {
    for (int i = 0; i < data_->answer.columns(); ++i) {
        if (column == data_->answer.name(i)) return static_cast<std::size_t>(i);
    }
    refuse(message("there is no column ", quoted_for_message(column), "; there are: ", columns_of(data_->answer)));
}

std::size_t query_result::size() const noexcept { return data_ ? static_cast<std::size_t>(data_->answer.rows()) : 0; }

std::int64_t query_result::affected() const noexcept { return data_ ? data_->answer.affected() : 0; }

std::vector<std::string> query_result::columns() const {
    std::vector<std::string> names;
    if (!data_) return names;
    for (int i = 0; i < data_->answer.columns(); ++i) names.emplace_back(data_->answer.name(i));
    return names;
}

void query_result::check_single() const {
    const int fields = data_ ? data_->answer.columns() : 0;
    if (size() == 1 && fields == 1) return;
    refuse(message("one row of one column is asked for, but the result has ", std::to_string(size()), " rows of ",
        std::to_string(fields), " columns"));
}

} // namespace eventstore
