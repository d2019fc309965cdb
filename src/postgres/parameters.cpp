#include "postgres/parameters.hpp"

#include <cassert>
#include <limits>

namespace eventstore::postgres {

namespace {
constexpr std::int64_t postgres_epoch = 946'684'800'000'000; // 2000-01-01 in microseconds since 1970
constexpr int text_format = 0;
constexpr int binary_format = 1;
} // namespace

std::int64_t to_postgres_time(timestamp time) noexcept {
    const std::int64_t since_1970 = time.time_since_epoch().count();
    if (since_1970 < timestamp::min().time_since_epoch().count() + postgres_epoch)
        return std::numeric_limits<std::int64_t>::min() + 1; // refused by the server, to which the least is -infinity
    return since_1970 - postgres_epoch;
}

timestamp from_postgres_time(std::int64_t microseconds) noexcept {
    constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
    constexpr std::int64_t greatest = std::numeric_limits<std::int64_t>::max();
    if (microseconds == least) return timestamp::min();                    // -infinity
    if (microseconds > greatest - postgres_epoch) return timestamp::max(); // the year 294247 and later, infinity
    return timestamp(std::chrono::microseconds(microseconds + postgres_epoch));
}

char* parameters::grow(std::size_t size) {
    const std::size_t at = buffer_.size();
    buffer_.resize(at + size);
    return buffer_.data() + at;
}

char* parameters::begin_value(std::size_t size) {
    if (array_left_ > 0) {
        --array_left_;
        char* element = grow(4 + size);
        put_big(element, static_cast<std::uint32_t>(size));
        lengths_.back() += static_cast<int>(4 + size);
        return element + 4;
    }
    offsets_.push_back(buffer_.size());
    lengths_.push_back(static_cast<int>(size));
    formats_.push_back(binary_format);
    return grow(size);
}

void parameters::add_null() {
    if (array_left_ > 0) {
        --array_left_;
        put_big(grow(4), static_cast<std::uint32_t>(-1));
        lengths_.back() += 4;
        return;
    }
    offsets_.push_back(buffer_.size());
    lengths_.push_back(-1);
    formats_.push_back(binary_format);
}

void parameters::add_as_text(std::string_view value) {
    assert(array_left_ == 0);
    copy(begin_value(value.size() + 1), value); // grown with zeros: it ends with one
    --lengths_.back();
    formats_.back() = text_format;
}

void parameters::begin_array(type_oid element, std::size_t count, bool has_nulls) {
    assert(array_left_ == 0);
    // Dimensions (none for an empty array), nulls or not, type, and for the one dimension: size and lower bound.
    const std::size_t header = count == 0 ? 12 : 20;
    char* to = begin_value(header);
    put_big(to, count == 0 ? std::uint32_t{0} : std::uint32_t{1});
    put_big(to + 4, has_nulls ? std::uint32_t{1} : std::uint32_t{0});
    put_big(to + 8, static_cast<std::uint32_t>(element));
    if (count > 0) {
        put_big(to + 12, static_cast<std::uint32_t>(count));
        put_big(to + 16, std::uint32_t{1});
    }
    array_left_ = count;
}

parameters::view parameters::for_libpq() const {
    assert(array_left_ == 0);
    view result;
    result.values.reserve(lengths_.size());
    for (std::size_t i = 0; i < lengths_.size(); ++i)
        result.values.push_back(lengths_[i] < 0 ? nullptr : buffer_.data() + offsets_[i]);
    result.lengths = lengths_.data();
    result.formats = formats_.data();
    return result;
}

std::string_view parameters::value(std::size_t index) const {
    if (lengths_[index] < 0) return {};
    return std::string_view(buffer_).substr(offsets_[index], static_cast<std::size_t>(lengths_[index]));
}

} // namespace eventstore::postgres
