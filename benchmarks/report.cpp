#include "report.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace eventstore::benchmarks {

namespace {

/// With as many decimals as are worth reading, and commas between thousands.
std::string readable(double value) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", value < 10 ? 2 : value < 100 ? 1 : 0, value);
    std::string digits = text;
    if (value >= 1000)
        for (auto at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3)
            digits.insert(static_cast<std::size_t>(at), ",");
    return digits;
}

std::string readable(const summary& all) {
    return readable(all.median) + " (" + readable(all.min) + ".." + readable(all.max) + ")";
}

std::string readable(const std::optional<summary>& all) { return all ? readable(*all) : "-"; }

/// For JSON: three decimals, no exponent.
std::string plain(double value) {
    char text[64];
    std::snprintf(text, sizeof text, "%.3f", value);
    return text;
}

std::string quoted(const std::string& text) { return boost::json::serialize(boost::json::value(text)); }

constexpr const char* row_format = "%-6s %7s  %-8s %28s %28s %20s %9s %9s %7s\n";

void print(std::ostream& out, const std::string (&columns)[9]) {
    char line[512];
    std::snprintf(line, sizeof line, row_format, columns[0].c_str(), columns[1].c_str(), columns[2].c_str(),
        columns[3].c_str(), columns[4].c_str(), columns[5].c_str(), columns[6].c_str(), columns[7].c_str(),
        columns[8].c_str());
    std::string text = line;
    text.erase(text.find_last_not_of(" \n") + 1);
    out << text << std::endl;
}

} // namespace

void print_heading(std::ostream& out) {
    print(out,
        {"cell", "clients", "unit", "eventstore (min..max)", "limit (min..max)", "ratio (min..max)", "p50 ms", "p99 ms",
            "RSS MB"});
}

void print_row(std::ostream& out, const cell& measured, const figures& found) {
    const bool has_latency = found.p50_ms > 0;
    print(out,
        {measured.name, std::to_string(measured.concurrency), measured.unit, readable(found.value),
            readable(found.limit), readable(found.ratio), has_latency ? readable(found.p50_ms) : "-",
            has_latency ? readable(found.p99_ms) : "-", found.peak_rss_mb > 0 ? readable(found.peak_rss_mb) : "-"});
    if (found.group_limit)
        print(out, {"", "", "", "group limit:", readable(found.group_limit), readable(found.group_ratio), "", "", ""});
    if (found.client_us > 0) {
        out << "        processor time of an append: " << readable(found.client_us) << " us in the client";
        if (found.backend_us > 0) out << ", " << readable(found.backend_us) << " us in the server's sessions";
        out << std::endl;
    }
}

void print_failure(std::ostream& out, const cell& failed, const std::string& why) {
    out << failed.name << ' ' << failed.concurrency << ": FAILED: " << why << std::endl;
}

void write_json(std::ostream& out, const cell& measured, const figures& found) {
    out << "{\"cell\": " << quoted(measured.name) << ", \"concurrency\": " << measured.concurrency
        << ", \"unit\": " << quoted(measured.unit) << ", \"value\": " << plain(found.value.median)
        << ", \"min\": " << plain(found.value.min) << ", \"max\": " << plain(found.value.max)
        << ", \"p50_ms\": " << plain(found.p50_ms) << ", \"p99_ms\": " << plain(found.p99_ms)
        << ", \"limit\": " << plain(found.limit ? found.limit->median : 0)
        << ", \"ratio\": " << plain(found.ratio ? found.ratio->median : 0)
        << ", \"peak_rss_mb\": " << plain(found.peak_rss_mb)
        << ", \"group_limit\": " << plain(found.group_limit ? found.group_limit->median : 0)
        << ", \"group_ratio\": " << plain(found.group_ratio ? found.group_ratio->median : 0)
        << ", \"client_us\": " << plain(found.client_us) << ", \"backend_us\": " << plain(found.backend_us) << "}"
        << std::endl;
}

void write_json_failure(std::ostream& out, const cell& failed, const std::string& why) {
    out << "{\"cell\": " << quoted(failed.name) << ", \"concurrency\": " << failed.concurrency
        << ", \"error\": " << quoted(why) << "}" << std::endl;
}

} // namespace eventstore::benchmarks
