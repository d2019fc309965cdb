// Parameters of a statement: what is sent is what PostgreSQL's binary format says, written here in another way.
#include "fuzz/fuzz_input.hpp"

#include "postgres/answer.hpp"
#include "postgres/parameters.hpp"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <vector>

using namespace eventstore;
using eventstore::postgres::parameters;
using eventstore::postgres::type_oid;
using eventstore::test::fuzz_input;
using eventstore::test::must;

namespace {

std::string big_endian(std::uint64_t value, std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = size; i-- > 0; value >>= 8) bytes[i] = static_cast<char>(value & 0xff);
    return bytes;
}

struct sent_value {
    std::optional<std::string> bytes;
    int format = 1;
};

/// Adds a value of any type, and returns its bytes.
std::string add_scalar(parameters& to, fuzz_input& input) {
    switch (input.below(7)) {
    case 0: {
        const std::uint64_t value = input.number();
        to.add(static_cast<std::int64_t>(value));
        return big_endian(value, 8);
    }
    case 1: {
        const auto value = static_cast<std::uint32_t>(input.number());
        to.add(static_cast<std::int32_t>(value));
        return big_endian(value, 4);
    }
    case 2: {
        const bool value = input.flag();
        to.add(value);
        return std::string(1, value ? '\1' : '\0');
    }
    case 3: {
        uuid id{};
        for (auto& byte : id.data) byte = input.byte();
        to.add(id);
        return std::string(reinterpret_cast<const char*>(id.data), sizeof id.data);
    }
    case 4: {
        const std::uint64_t bits = input.number();
        to.add(std::bit_cast<double>(bits));
        return big_endian(bits, 8);
    }
    case 5: {
        const timestamp time{std::chrono::microseconds(input.integer())};
        to.add(time);
        const std::int64_t as_sent = postgres::to_postgres_time(time);
        const bool has_room =
            time.time_since_epoch().count() > timestamp::min().time_since_epoch().count() + 946'684'800'000'000;
        if (has_room) must(postgres::from_postgres_time(as_sent) == time, "a time comes back as it was");
        return big_endian(static_cast<std::uint64_t>(as_sent), 8);
    }
    default: {
        const std::string_view text = input.text();
        to.add(text);
        return std::string(text);
    }
    }
}

std::string add_array(parameters& to, fuzz_input& input) {
    const std::size_t count = input.below(9);
    const bool has_nulls = input.flag();
    to.begin_array(type_oid::text, count, has_nulls);
    std::string expected = big_endian(count == 0 ? 0 : 1, 4) + big_endian(has_nulls ? 1 : 0, 4) +
        big_endian(static_cast<std::uint32_t>(type_oid::text), 4);
    if (count > 0) expected += big_endian(count, 4) + big_endian(1, 4);
    for (std::size_t i = 0; i < count; ++i) {
        if (has_nulls && input.flag()) {
            to.add_null();
            expected += big_endian(0xffff'ffff, 4);
            continue;
        }
        const std::string element = add_scalar(to, input);
        expected += big_endian(element.size(), 4) + element;
    }
    return expected;
}

sent_value add_any(parameters& to, fuzz_input& input) {
    switch (input.below(4)) {
    case 0: to.add_null(); return {std::nullopt};
    case 1: return {add_array(to, input)};
    case 2: {
        std::string text(input.text());
        std::erase(text, '\0');
        to.add_as_text(text);
        return {text, 0};
    }
    default: return {add_scalar(to, input)};
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz_input input(data, size);
    parameters made;
    if (input.flag()) made.reserve(input.byte());
    std::vector<sent_value> expected;
    while (!input.is_empty()) expected.push_back(add_any(made, input));

    must(made.size() == expected.size(), "each value is one parameter");
    const parameters::view sent = made.for_libpq();
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto& [bytes, format] = expected[i];
        must(made.is_null(i) == !bytes, "a null is a null");
        must(made.value(i) == bytes.value_or(std::string()), "a value has its bytes");
        must((sent.values[i] == nullptr) == !bytes, "libpq is given no null pointer but for a null");
        must(sent.formats[i] == format, "a value has its format");
        if (bytes && format == 1) must(sent.lengths[i] == static_cast<int>(bytes->size()), "a value has its length");
        if (bytes && format == 0) must(*bytes == sent.values[i], "a text ends with a zero");
    }
    return 0;
}
