#include "maintenance/exported_rows.hpp"

namespace eventstore::maintenance {

std::string_view copied_pieces::row_of(std::string_view piece) noexcept {
    constexpr std::size_t head_size = 19; // the signature, the flags, the length of what nobody uses
    if (!has_begun_) {
        has_begun_ = true;
        piece.remove_prefix(piece.size() < head_size ? piece.size() : head_size);
    }
    return copied_row(piece).begin() < 0 ? std::string_view() : piece;
}

std::string with_numbers(std::string text, const std::vector<std::int64_t>& numbers) {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const std::string name = "$" + std::to_string(i + 1);
        const std::string value = std::to_string(numbers[i]);
        for (auto at = text.find(name); at != text.npos; at = text.find(name, at)) {
            const auto line = text.rfind('\n', at);
            const auto comment = text.find("--", line == text.npos ? 0 : line);
            if (comment < at) {
                at += name.size();
            } else {
                text.replace(at, name.size(), value);
                at += value.size();
            }
        }
    }
    return text;
}

} // namespace eventstore::maintenance
