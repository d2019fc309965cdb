// What comes out: a table for people, lines of JSON for programs.
#pragma once

#include "cell.hpp"
#include "statistics.hpp"

#include <optional>
#include <ostream>
#include <string>

namespace eventstore::benchmarks {

/// All rounds of a cell.
struct figures {
    summary value;
    std::optional<summary> limit; // some cells have none
    std::optional<summary> ratio; // of the rounds' own ratios
    float p50_ms = 0;
    float p99_ms = 0;
    double peak_rss_mb = 0;
    std::optional<summary> group_limit;
    std::optional<summary> group_ratio;
    double client_us = 0; // medians; 0 where not measured
    double backend_us = 0;
};

void print_heading(std::ostream& out);
void print_row(std::ostream& out, const cell& measured, const figures& found);
void print_failure(std::ostream& out, const cell& failed, const std::string& why);

/// One line. What a cell does not have is 0.
void write_json(std::ostream& out, const cell& measured, const figures& found);
void write_json_failure(std::ostream& out, const cell& failed, const std::string& why);

} // namespace eventstore::benchmarks
