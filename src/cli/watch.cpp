#include "cli/watch.hpp"

#include "cli/usage_error.hpp"

#include <boost/program_options/value_semantic.hpp>

#include <cmath>
#include <cstdint>
#include <cstdio>

namespace eventstore::cli {

namespace po = boost::program_options;

void add_watch_options(po::options_description& options) {
    auto add = options.add_options();
    add("watch", "show them again and again, with their rate and the time until they have caught up");
    add("every", po::value<double>()->value_name("SECONDS"), "with --watch: look this often; by default every second");
}

std::optional<std::chrono::milliseconds> watch_period(const arguments& given) {
    double seconds = 1;
    if (given.has("every")) seconds = given.get<double>("every");
    if (!(seconds >= 0.1 && seconds <= 3600)) throw usage_error("--every takes a number of seconds, from 0.1 to 3600");
    if (given.has("watch")) return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
    if (given.has("every")) throw usage_error("--every goes with --watch");
    return std::nullopt;
}

std::string decimal_text(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
}

std::string time_left_text(std::chrono::duration<double> left) {
    const auto seconds = static_cast<std::int64_t>(std::ceil(left.count()));
    char text[48];
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", static_cast<long long>(seconds / 3600),
        static_cast<long long>(seconds / 60 % 60), static_cast<long long>(seconds % 60));
    return text;
}

} // namespace eventstore::cli
