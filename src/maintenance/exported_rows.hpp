/// Rows as COPY sends them in binary.
#pragma once

#include <eventstore/uuid.hpp>

#include <boost/endian/conversion.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::maintenance {

/// The fields of one row, one after the other. The caller knows their types.
class copied_row {
public:
    explicit copied_row(std::string_view bytes) noexcept : rest_(bytes) {}

    /// The number of fields; -1 = the end of the COPY.
    int begin() noexcept {
        if (rest_.size() < 2) return -1;
        const int count = boost::endian::load_big_s16(data());
        rest_.remove_prefix(2);
        return count;
    }

    /// The next field; nothing if it is null. What does not fit into the row is taken for null, too.
    std::optional<std::string_view> next() noexcept {
        if (rest_.size() < 4) return std::nullopt;
        const std::int32_t length = boost::endian::load_big_s32(data());
        rest_.remove_prefix(4);
        if (length < 0 || static_cast<std::size_t>(length) > rest_.size()) return std::nullopt;
        const std::string_view field = rest_.substr(0, static_cast<std::size_t>(length));
        rest_.remove_prefix(field.size());
        return field;
    }

    std::optional<std::int64_t> next_number() noexcept {
        const auto field = next();
        if (!field || field->size() != 8) return std::nullopt;
        return boost::endian::load_big_s64(reinterpret_cast<const unsigned char*>(field->data()));
    }
    std::int64_t number() noexcept { return next_number().value_or(0); }

    std::optional<uuid> next_id() noexcept {
        const auto field = next();
        uuid id;
        if (!field || field->size() != sizeof id.data) return std::nullopt;
        std::memcpy(id.data, field->data(), sizeof id.data);
        return id;
    }
    std::string_view text() noexcept { return next().value_or(std::string_view()); }
    bool boolean() noexcept {
        const std::string_view field = text();
        return !field.empty() && field.front() != 0;
    }
    /// A payload; that of a jsonb column has a version before its text. Null is empty.
    std::string_view payload(bool is_jsonb) noexcept {
        std::string_view field = text();
        if (is_jsonb && !field.empty()) field.remove_prefix(1);
        return field;
    }

    std::string_view rest() const noexcept { return rest_; }

private:
    const unsigned char* data() const noexcept { return reinterpret_cast<const unsigned char*>(rest_.data()); }

    std::string_view rest_;
};

/// Takes the pieces that COPY sends apart into rows: the first one has a head before its row, the last one is none.
class copied_pieces {
public:
    /// The row of the piece; empty if it has none.
    std::string_view row_of(std::string_view piece) noexcept;

private:
    bool has_begun_ = false;
};

/// SQL with numbers in the place of $1, $2 ..., for a COPY, which takes no parameters. Comments stay as they are.
std::string with_numbers(std::string text, const std::vector<std::int64_t>& numbers);

} // namespace eventstore::maintenance
