#include "transaction/sql_text.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>

namespace eventstore::detail {

namespace {

/// Takes a text apart from its beginning.
class scanner {
public:
    explicit scanner(std::string_view text) noexcept : rest_(text) {}

    bool take(char c) noexcept {
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool take(std::string_view prefix) noexcept {
        if (!rest_.starts_with(prefix)) return false;
        rest_.remove_prefix(prefix.size());
        return true;
    }
    /// Digits, as a number; nothing if their number is not within the bounds.
    std::optional<int> take_number(std::size_t least, std::size_t most) noexcept {
        std::size_t digits = 0;
        while (digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9') ++digits;
        if (digits < least || digits > most) return std::nullopt;
        int value = 0;
        std::from_chars(rest_.data(), rest_.data() + digits, value);
        rest_.remove_prefix(digits);
        taken_ = digits;
        return value;
    }
    std::size_t taken() const noexcept { return taken_; }
    bool at_end() const noexcept { return rest_.empty(); }

private:
    std::string_view rest_;
    std::size_t taken_ = 0; // digits of the last number
};

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

bool equals_lower(std::string_view word, std::string_view lower) noexcept {
    if (word.size() != lower.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
        const char c = word[i] >= 'A' && word[i] <= 'Z' ? static_cast<char>(word[i] - 'A' + 'a') : word[i];
        if (c != lower[i]) return false;
    }
    return true;
}

// Blanks and comments, as SQL has them.
void skip_blank(std::string_view& sql) noexcept {
    for (;;) {
        if (!sql.empty() && (sql.front() == ' ' || (sql.front() >= '\t' && sql.front() <= '\r'))) {
            sql.remove_prefix(1);
        } else if (sql.starts_with("--")) {
            const auto end = sql.find_first_of("\r\n");
            sql.remove_prefix(end == std::string_view::npos ? sql.size() : end);
        } else if (sql.starts_with("/*")) {
            int depth = 0; // they nest
            do {
                const bool opens = sql.starts_with("/*");
                const bool closes = sql.starts_with("*/");
                depth += opens ? 1 : closes ? -1 : 0;
                sql.remove_prefix(opens || closes ? 2 : 1);
            } while (depth > 0 && !sql.empty());
        } else {
            return;
        }
    }
}

std::string_view take_word(std::string_view& sql) noexcept {
    skip_blank(sql);
    std::size_t size = 0;
    while (size < sql.size() && is_letter(sql[size])) ++size;
    const std::string_view word = sql.substr(0, size);
    sql.remove_prefix(size);
    return word;
}

// Of the statement: empty ones may stand before it.
std::string_view take_first_word(std::string_view& sql) noexcept {
    for (skip_blank(sql); sql.starts_with(';'); skip_blank(sql)) sql.remove_prefix(1);
    return take_word(sql);
}

} // namespace

std::optional<timestamp> parse_timestamp(std::string_view text) noexcept {
    using namespace std::chrono;
    scanner in(text);
    const auto y = in.take_number(4, 6);
    if (!y || !in.take('-')) return std::nullopt;
    const auto m = in.take_number(2, 2);
    if (!m || !in.take('-')) return std::nullopt;
    const auto d = in.take_number(2, 2);
    if (!d || !in.take(' ')) return std::nullopt;
    const auto hour = in.take_number(2, 2);
    if (!hour || !in.take(':')) return std::nullopt;
    const auto minute = in.take_number(2, 2);
    if (!minute || !in.take(':')) return std::nullopt;
    const auto second = in.take_number(2, 2);
    if (!second) return std::nullopt;
    std::int64_t fraction = 0;
    if (in.take('.')) {
        const auto digits = in.take_number(1, 6);
        if (!digits) return std::nullopt;
        fraction = *digits;
        for (std::size_t i = in.taken(); i < 6; ++i) fraction *= 10;
    }
    const bool is_east = in.take('+');
    if (!is_east && !in.take('-')) return std::nullopt;
    int offset = 0; // seconds
    int unit = 3600;
    do {
        const auto part = in.take_number(2, 2);
        if (!part) return std::nullopt;
        offset += *part * unit;
        unit /= 60;
    } while (unit > 0 && in.take(':'));
    const bool is_bc = in.take(" BC");
    if (!in.at_end()) return std::nullopt;

    // sys_days cannot count beyond the years of std::chrono.
    const int counted = is_bc ? 1 - *y : *y;
    if (counted < static_cast<int>(year::min()) || counted > static_cast<int>(year::max())) return std::nullopt;
    const year_month_day date{year(counted), month(static_cast<unsigned>(*m)), day(static_cast<unsigned>(*d))};
    if (!date.ok()) return std::nullopt;
    const seconds time = hours(*hour) + minutes(*minute) + seconds(*second) - seconds(is_east ? offset : -offset);
    return timestamp(sys_days(date)) + time + microseconds(fraction);
}

bool is_transaction_control(std::string_view sql) noexcept {
    const std::string_view first = take_first_word(sql);
    for (const std::string_view word : {"begin", "start", "commit", "end", "abort"}) {
        if (equals_lower(first, word)) return true;
    }
    if (!equals_lower(first, "rollback") && !equals_lower(first, "prepare")) return false;
    std::string_view second = take_word(sql);
    if (equals_lower(first, "prepare")) return equals_lower(second, "transaction");
    if (equals_lower(second, "work") || equals_lower(second, "transaction")) second = take_word(sql);
    return !equals_lower(second, "to") && !equals_lower(second, "prepared"); // to a savepoint
}

bool has_ended_transaction(std::string_view tag, std::string_view sql) noexcept {
    if (tag == "COMMIT" || tag == "PREPARE TRANSACTION") return true;
    if (tag != "ROLLBACK") return false;
    return is_transaction_control(sql) || !equals_lower(take_first_word(sql), "rollback"); // to a savepoint
}

} // namespace eventstore::detail
