#include "postgres/result.hpp"

namespace eventstore::postgres {

std::optional<std::vector<std::optional<std::int64_t>>> decode_int8_array(std::string_view bytes) {
    const auto take4 = [&]() -> std::optional<std::int32_t> {
        if (bytes.size() < 4) return std::nullopt;
        const auto value = boost::endian::load_big_s32(reinterpret_cast<const unsigned char*>(bytes.data()));
        bytes.remove_prefix(4);
        return value;
    };
    const auto dimensions = take4();
    const auto flags = take4();
    const auto type = take4();
    if (!dimensions || !flags || !type || *type != static_cast<std::int32_t>(type_oid::int8)) return std::nullopt;
    std::vector<std::optional<std::int64_t>> elements;
    if (*dimensions == 0) return bytes.empty() ? std::optional(elements) : std::nullopt;
    const auto count = take4();
    const auto lower_bound = take4();
    if (*dimensions != 1 || !count || !lower_bound || *count < 0) return std::nullopt;
    for (std::int32_t i = 0; i < *count; ++i) {
        const auto length = take4();
        if (!length || (*length != 8 && *length != -1) || (*length == 8 && bytes.size() < 8)) return std::nullopt;
        if (*length < 0) {
            elements.emplace_back();
            continue;
        }
        elements.emplace_back(boost::endian::load_big_s64(reinterpret_cast<const unsigned char*>(bytes.data())));
        bytes.remove_prefix(8);
    }
    if (!bytes.empty()) return std::nullopt;
    return elements;
}

std::vector<std::optional<std::int64_t>> rows::int8_array(int row, int column) const {
    auto elements = decode_int8_array(bytes(row, column));
    return elements ? std::move(*elements) : std::vector<std::optional<std::int64_t>>();
}

} // namespace eventstore::postgres
