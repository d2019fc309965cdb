#include "base/time_text.hpp"

#include <charconv>
#include <chrono>
#include <cstdio>

namespace eventstore::detail {

using namespace std::chrono;

namespace {

class digits {
public:
    explicit digits(std::string_view text) : rest_(text) {}

    /// Exactly `count` digits.
    int number(std::size_t count) {
        int value = 0;
        const std::string_view part = rest_.substr(0, count);
        const auto [end, ec] = std::from_chars(part.data(), part.data() + part.size(), value);
        if (part.size() != count || ec != std::errc() || end != part.data() + count || part[0] == '-') return fail();
        rest_.remove_prefix(count);
        return value;
    }
    bool skip(char wanted) {
        if (!rest_.starts_with(wanted)) return false;
        rest_.remove_prefix(1);
        return true;
    }
    void expect(char wanted) {
        if (!skip(wanted)) fail();
    }
    /// Six digits at most count; PostgreSQL keeps no more.
    microseconds fraction() {
        int value = 0;
        int unit = 100'000;
        if (rest_.empty() || rest_[0] < '0' || rest_[0] > '9') fail();
        for (; !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; rest_.remove_prefix(1), unit /= 10)
            value += (rest_[0] - '0') * unit;
        return microseconds(value);
    }
    bool at_end() const { return good_ && rest_.empty(); }

private:
    int fail() {
        good_ = false;
        return 0;
    }

    std::string_view rest_;
    bool good_ = true;
};

} // namespace

std::string to_text(timestamp when) {
    // The calendar repeats itself every 400 years, and std::chrono::year ends with 32767.
    constexpr days cycle(146'097);
    // The day of the first time that there is began before it: floor() would overflow.
    days day = duration_cast<days>(when.time_since_epoch());
    microseconds of_day = when.time_since_epoch() % microseconds(days(1));
    if (of_day < microseconds(0)) {
        of_day += days(1);
        --day;
    }
    const auto cycles = floor<duration<int, std::ratio_multiply<days::period, std::ratio<146'097>>>>(day);
    const year_month_day date(sys_days(day - cycles.count() * cycle));
    const long year = int(date.year()) + 400L * cycles.count();
    const hh_mm_ss<microseconds> time(of_day);
    char text[64];
    const int size = std::snprintf(text, sizeof text, "%s%0*ld-%02u-%02uT%02d:%02d:%02d.%06dZ", year > 9999 ? "+" : "",
        year < 0 ? 5 : 4, year, unsigned(date.month()), unsigned(date.day()), int(time.hours().count()),
        int(time.minutes().count()), int(time.seconds().count()), int(time.subseconds().count()));
    return std::string(text, std::size_t(size));
}

std::optional<timestamp> parse_time(std::string_view text) {
    digits in(text);
    const year y(in.number(4));
    in.expect('-');
    const month m(unsigned(in.number(2)));
    in.expect('-');
    const year_month_day date(y, m, day(unsigned(in.number(2))));
    if (!in.skip(' ')) in.expect('T');
    const hours hour(in.number(2));
    in.expect(':');
    const minutes minute(in.number(2));
    in.expect(':');
    const seconds second(in.number(2));
    microseconds rest(0);
    if (in.skip('.')) rest = in.fraction();

    minutes offset(0);
    const bool east = in.skip('+');
    if (east || in.skip('-')) {
        offset = hours(in.number(2));
        in.skip(':');
        offset += minutes(in.number(2));
    } else {
        in.expect('Z');
    }
    if (!in.at_end() || !date.ok() || hour > hours(23) || minute > minutes(59) || second > seconds(60) ||
        offset > hours(24))
        return std::nullopt;
    return sys_days(date) + hour + minute + second + rest - (east ? offset : -offset);
}

} // namespace eventstore::detail
