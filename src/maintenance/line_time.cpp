#include "maintenance/line_time.hpp"

#include <charconv>
#include <limits>

namespace eventstore::maintenance {

namespace {

constexpr std::int64_t infinity = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t minus_infinity = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t microseconds_of_day = 86'400'000'000;
constexpr std::int64_t days_to_2000 = 10'957; // from 1970
constexpr std::int64_t least_year = -4'713;   // as ISO 8601 counts them, the year 1 BC being 0
constexpr std::int64_t greatest_year = 294'276;

struct date {
    std::int64_t year;
    unsigned month, day;
};

/// The day of a number of days since 1970: in years that begin in March, so that the leap day is the last one.
date date_of(std::int64_t days) noexcept {
    days += 719'468;
    const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
    const auto of_era = static_cast<unsigned>(days - era * 146'097);
    const unsigned year = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
    const unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    const unsigned month = (5 * of_year + 2) / 153;
    const unsigned civil = month < 10 ? month + 3 : month - 9;
    return {
        static_cast<std::int64_t>(year) + era * 400 + (civil <= 2 ? 1 : 0), civil, of_year - (153 * month + 2) / 5 + 1};
}

std::int64_t days_of(std::int64_t year, unsigned month, unsigned day) noexcept {
    year -= month <= 2 ? 1 : 0;
    const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
    const auto of_era = static_cast<unsigned>(year - era * 400);
    const unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146'097 + static_cast<std::int64_t>(of_era * 365 + of_era / 4 - of_era / 100 + of_year) - 719'468;
}

void put(char*& at, unsigned value, int width) noexcept {
    for (int i = width - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
    at += width;
}

/// A number of exactly so many digits; -1 if they are not there.
int take(std::string_view& text, std::size_t width) noexcept {
    if (text.size() < width) return -1;
    int value = 0;
    for (const char c : text.substr(0, width)) {
        if (c < '0' || c > '9') return -1;
        value = value * 10 + (c - '0');
    }
    text.remove_prefix(width);
    return value;
}

bool skip(std::string_view& text, char wanted) noexcept {
    if (!text.starts_with(wanted)) return false;
    text.remove_prefix(1);
    return true;
}

} // namespace

void add_time(std::string& line, std::int64_t microseconds) {
    if (microseconds == infinity || microseconds == minus_infinity) {
        line += microseconds == infinity ? "\"infinity\"" : "\"-infinity\"";
        return;
    }
    std::int64_t days = microseconds / microseconds_of_day;
    std::int64_t of_day = microseconds % microseconds_of_day;
    if (of_day < 0) {
        of_day += microseconds_of_day;
        --days;
    }
    const date when = date_of(days + days_to_2000);
    char text[48];
    char* at = text;
    *at++ = '"';
    if (when.year < 0 || when.year > 9999) {
        *at++ = when.year < 0 ? '-' : '+';
        const std::int64_t year = when.year < 0 ? -when.year : when.year;
        put(at, static_cast<unsigned>(year), 6);
    } else {
        put(at, static_cast<unsigned>(when.year), 4);
    }
    *at++ = '-';
    put(at, when.month, 2);
    *at++ = '-';
    put(at, when.day, 2);
    *at++ = 'T';
    const auto seconds = static_cast<unsigned>(of_day / 1'000'000);
    put(at, seconds / 3600, 2);
    *at++ = ':';
    put(at, seconds / 60 % 60, 2);
    *at++ = ':';
    put(at, seconds % 60, 2);
    *at++ = '.';
    put(at, static_cast<unsigned>(of_day % 1'000'000), 6);
    *at++ = 'Z';
    *at++ = '"';
    line.append(text, at);
}

std::optional<std::int64_t> time_of(std::string_view text) noexcept {
    if (text == "infinity") return infinity;
    if (text == "-infinity") return minus_infinity;
    const bool is_negative = text.starts_with('-');
    const bool is_long = is_negative || text.starts_with('+');
    if (is_long) text.remove_prefix(1);
    std::int64_t year = take(text, is_long ? 6 : 4);
    if (year < 0) return std::nullopt;
    if (is_negative) year = -year;
    if (!skip(text, '-')) return std::nullopt;
    const int month = take(text, 2);
    if (!skip(text, '-')) return std::nullopt;
    const int day = take(text, 2);
    if (!skip(text, 'T')) return std::nullopt;
    const int hour = take(text, 2);
    if (!skip(text, ':')) return std::nullopt;
    const int minute = take(text, 2);
    if (!skip(text, ':')) return std::nullopt;
    const int second = take(text, 2);
    if (!skip(text, '.')) return std::nullopt;
    const int fraction = take(text, 6);
    if (text != "Z" || year < least_year || year > greatest_year || month < 1 || month > 12 || day < 1 || hour < 0 ||
        hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 || fraction < 0)
        return std::nullopt;
    const std::int64_t days = days_of(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
    const date same = date_of(days);
    if (same.month != static_cast<unsigned>(month) || same.day != static_cast<unsigned>(day)) return std::nullopt;
    const std::int64_t seconds = (hour * 60 + minute) * 60 + second;
    return (days - days_to_2000) * microseconds_of_day + seconds * 1'000'000 + fraction;
}

} // namespace eventstore::maintenance
