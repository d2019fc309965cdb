// A cell of the workload: one thing to measure, with one concurrency.
#pragma once

#include "client.hpp"
#include "options.hpp"
#include "server.hpp"

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace eventstore::benchmarks {

/// What the cells work on.
struct bench {
    const options& wanted;
    server& on;
    std::set<std::string> loaded; // schemas that hold their events already
};

struct cell {
    std::string name;
    int concurrency = 1;
    std::string unit;
    std::string about; // a line for --list
    /// Makes what a round needs: fresh tables, or events to read.
    std::function<void(bench&)> prepare;
    /// Measures the library once, and checks what it did. \throws if it did anything wrong
    std::function<client_run(bench&)> library;
    /// Measures the limit once, in the same unit; none if empty.
    std::function<double(bench&)> limit;
    /// A second limit, which writes as a group commit does: as many rows with one flush to disk; none if empty.
    std::function<double(bench&)> group_limit;
};

/// A1, A100 and AH.
std::vector<cell> append_cells();
/// R100 and RALL.
std::vector<cell> read_cells();
/// M.
std::vector<cell> memory_cells();
/// P1 and PI.
std::vector<cell> projection_cells();
/// S1, S50 and S1000.
std::vector<cell> subscription_cells();
/// SL: from an append to its subscriber.
std::vector<cell> latency_cells();
/// ST and STA: lists of very many streams.
std::vector<cell> streams_cells();
/// IDLE, and M with a subscriber that stands still.
std::vector<cell> standing_cells();
/// AG and AGC: commands on aggregates.
std::vector<cell> aggregate_cells();
/// T: a thousand stores in one process.
std::vector<cell> tenant_cells();
/// EX, IM, EXM and IMM: files of events.
std::vector<cell> file_cells();

} // namespace eventstore::benchmarks
