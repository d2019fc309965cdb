// Fields of an answer of the server: read as any type, they are that value, or refused.
#include "fuzz/fuzz_input.hpp"

#include "postgres/answer.hpp"
#include "transaction/query_data.hpp"

#include <eventstore/error.hpp>
#include <eventstore/query_result.hpp>

#include <libpq-fe.h>

#include <array>
#include <cctype>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace eventstore;
using eventstore::test::fuzz_input;
using eventstore::test::must;

namespace {

using postgres::type_oid;

constexpr std::array types{type_oid::boolean, type_oid::bytea, type_oid::int8, type_oid::int2, type_oid::int4,
    type_oid::text, type_oid::oid, type_oid::float8, type_oid::numeric, type_oid::timestamptz, type_oid::uuid,
    type_oid::jsonb};

struct made_answer {
    std::vector<type_oid> types;
    std::vector<std::vector<std::optional<std::string>>> rows; // text, as SQL of a caller's is answered
    postgres::answer whole;
};

made_answer make_answer(fuzz_input& input) {
    made_answer made;
    const std::size_t columns = 1 + input.below(4);
    for (std::size_t i = 0; i < columns; ++i) made.types.push_back(input.one_of(std::span<const type_oid>(types)));
    PGresult* const result = PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK);
    std::vector<PGresAttDesc> descriptions(columns);
    std::string name = "a";
    for (std::size_t i = 0; i < columns; ++i) {
        descriptions[i].name = name.data();
        descriptions[i].typid = static_cast<Oid>(made.types[i]);
        descriptions[i].typlen = -1;
        descriptions[i].atttypmod = -1;
    }
    must(PQsetResultAttrs(result, static_cast<int>(columns), descriptions.data()) != 0, "libpq takes the columns");
    for (int row = 0; row < 3 && !input.is_empty(); ++row) {
        auto& fields = made.rows.emplace_back();
        for (std::size_t i = 0; i < columns; ++i) {
            std::optional<std::string> field;
            if (!input.flag()) {
                field = std::string(input.text());
                field->resize(std::strlen(field->c_str())); // the server sends no NUL
            }
            const int size = field ? static_cast<int>(field->size()) : -1;
            must(PQsetvalue(result, row, static_cast<int>(i), field ? field->data() : nullptr, size) != 0,
                "libpq takes the field");
            fields.push_back(std::move(field));
        }
    }
    made.whole = postgres::answer(result);
    return made;
}

/// Nothing if it is refused.
template <class T>
std::optional<T> read(const sql_row& row, std::size_t column) {
    try {
        return row.get<T>(column);
    } catch (const error& e) {
        must(e.code() == errc::invalid_argument, "a field is refused with invalid_argument");
        must(std::string_view(e.what()).size() > 5, "and says why");
        return std::nullopt;
    }
}

void check_field(const sql_row& row, std::size_t column, const std::optional<std::string>& field) {
    const auto text = read<std::string>(row, column);
    must(text == field, "read as text a field is what the server sent");
    must(row.is_null(column) == !field, "a null is a null");
    const auto small = read<std::int16_t>(row, column);
    const auto large = read<std::int64_t>(row, column);
    const auto whole = read<std::uint32_t>(row, column);
    if (small) must(large && *large == *small, "an integer has one value");
    if (whole) must(large && *large == std::int64_t{*whole}, "an integer without a sign, too");
    read<double>(row, column);
    read<bool>(row, column);
    read<timestamp>(row, column);
    if (const auto id = read<uuid>(row, column)) must(parse_uuid(to_string(*id)) == *id, "an id can be told as text");
    const auto bytes = read<std::vector<std::byte>>(row, column);
    if (bytes) must(bytes->size() <= field->size(), "a bytea is no longer than its text");
    const auto optional = read<std::optional<std::string>>(row, column);
    must(optional && *optional == field, "an optional takes a null");
}

void check_array(std::string_view bytes) {
    const auto numbers = postgres::decode_int8_array(bytes);
    if (!numbers) return;
    postgres::parameters again;
    again.begin_array(type_oid::int8, numbers->size(), true);
    for (const auto& number : *numbers) {
        if (number)
            again.add(*number);
        else
            again.add_null();
    }
    must(postgres::decode_int8_array(again.value(0)) == numbers, "an array that was read can be sent, and read again");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    check_array(std::string_view(reinterpret_cast<const char*>(data), size));
    fuzz_input input(data, size);
    const made_answer made = make_answer(input);
    const auto shared = std::make_shared<const detail::query_data>(made.whole);
    for (std::size_t i = 0; i < made.rows.size(); ++i) {
        const sql_row row(shared, i);
        for (std::size_t column = 0; column < made.types.size(); ++column)
            check_field(row, column, made.rows[i][column]);
        must(!read<std::string>(row, made.types.size()), "there is no column behind the last one");
    }
    return 0;
}
