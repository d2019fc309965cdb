// Measures the library beside the limit of the same server; see README.md.
#include "cell.hpp"
#include "file_cells.hpp"
#include "latency_cells.hpp"
#include "memory_cell.hpp"
#include "report.hpp"
#include "standing_cells.hpp"
#include "tenants_cell.hpp"

#include <eventstore/version.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <thread>

namespace eventstore::benchmarks {

namespace {

std::vector<cell> all_cells() {
    std::vector<cell> all = append_cells();
    for (auto* more : {&read_cells, &memory_cells, &subscription_cells, &latency_cells, &streams_cells, &standing_cells,
             &aggregate_cells, &tenant_cells, &projection_cells, &file_cells})
        for (cell& each : (*more)()) all.push_back(std::move(each));
    return all;
}

/// \throws std::invalid_argument if a cell is asked for that does not exist
std::vector<cell> chosen_cells(const options& wanted) {
    std::vector<cell> all = all_cells();
    if (wanted.cells.empty()) return all;
    const auto fits = [](const cell& one, const chosen_cell& choice) {
        return one.name == choice.name && (choice.concurrency == 0 || choice.concurrency == one.concurrency);
    };
    for (const chosen_cell& choice : wanted.cells)
        if (std::none_of(all.begin(), all.end(), [&](const cell& one) { return fits(one, choice); }))
            throw std::invalid_argument("no such cell: " + choice.name +
                (choice.concurrency > 0 ? ":" + std::to_string(choice.concurrency) : "") + " (see --list)");
    std::erase_if(all, [&](const cell& one) {
        return std::none_of(
            wanted.cells.begin(), wanted.cells.end(), [&](const chosen_cell& choice) { return fits(one, choice); });
    });
    return all;
}

/// Library and limits in turn; who begins changes from round to round, so that a server or a machine that gets slower
/// with time favours neither.
figures measure(const cell& one, bench& b) {
    std::vector<double> values, limits, ratios, group_limits, group_ratios, client_us, backend_us;
    std::vector<float> latencies_ms;
    figures found;
    const auto library = [&] {
        const client_run run = one.library(b);
        values.push_back(run.rate);
        latencies_ms.insert(latencies_ms.end(), run.latencies_ms.begin(), run.latencies_ms.end());
        found.peak_rss_mb = std::max(found.peak_rss_mb, run.peak_rss_mb);
        client_us.push_back(run.client_us);
        backend_us.push_back(run.backend_us);
    };
    std::vector<std::function<void()>> turns = {library};
    if (one.limit) turns.push_back([&] { limits.push_back(one.limit(b)); });
    if (one.group_limit) turns.push_back([&] { group_limits.push_back(one.group_limit(b)); });
    for (int round = 0; round < b.wanted.rounds; ++round) {
        one.prepare(b);
        for (const auto& turn : turns) {
            b.on.checkpoint();
            turn();
        }
        if (one.limit) ratios.push_back(values.back() / limits.back());
        if (one.group_limit) group_ratios.push_back(values.back() / group_limits.back());
        std::reverse(turns.begin(), turns.end());
    }
    found.value = summarize(values);
    if (one.limit) {
        found.limit = summarize(limits);
        found.ratio = summarize(ratios);
    }
    if (one.group_limit) {
        found.group_limit = summarize(group_limits);
        found.group_ratio = summarize(group_ratios);
    }
    found.client_us = summarize(client_us).median;
    found.backend_us = summarize(backend_us).median;
    found.p50_ms = percentile(latencies_ms, 0.50);
    found.p99_ms = percentile(latencies_ms, 0.99);
    return found;
}

void print_conditions(bench& b) {
    std::cout << "eventstore " << version_string << ", built with ";
#if defined(__clang__)
    std::cout << "clang " << __clang_version__;
#else
    std::cout << "g++ " << __VERSION__;
#endif
#if !defined(__OPTIMIZE__)
    std::cout << " WITHOUT OPTIMISATION";
#endif
    std::cout << "; " << std::thread::hardware_concurrency() << " CPUs, client on " << b.wanted.threads
              << (b.wanted.threads == 1 ? " thread" : " threads") << "\n"
              << b.on.description() << "\n"
              << "rounds: " << b.wanted.rounds << ", of " << b.wanted.seconds << " s after " << b.wanted.warm_up
              << " s of warm-up" << (b.wanted.quick ? "; QUICK: the figures say nothing" : "") << "\n\n";
}

/// \returns the exit code
int run(const options& wanted) {
    const std::vector<cell> cells = chosen_cells(wanted);
    if (wanted.list) {
        for (const cell& each : cells)
            std::printf("%-6s %5d  %s\n", each.name.c_str(), each.concurrency, each.about.c_str());
        return 0;
    }
    std::ofstream json;
    if (!wanted.json.empty()) {
        json.open(wanted.json);
        if (!json) throw std::runtime_error("cannot write " + wanted.json);
    }

    server on(wanted);
    bench b{wanted, on, {}};
    print_conditions(b);
    print_heading(std::cout);
    int failed = 0;
    for (const cell& each : cells) {
        try {
            const figures found = measure(each, b);
            print_row(std::cout, each, found);
            if (json.is_open()) write_json(json, each, found);
        } catch (const std::exception& e) {
            ++failed;
            print_failure(std::cout, each, e.what());
            if (json.is_open()) write_json_failure(json, each, e.what());
        }
    }
    if (failed > 0) std::cout << failed << " of " << cells.size() << " cells could not be measured\n";
    return failed > 0 ? 1 : 0;
}

} // namespace

} // namespace eventstore::benchmarks

int main(int count, char** arguments) {
    using namespace eventstore::benchmarks;
    try {
        if (count == 4 && std::string(arguments[1]) == scan_argument)
            return scan_and_tell_memory(arguments[2], arguments[3]);
        if (count == 5 && std::string(arguments[1]) == append_argument)
            return append_and_tell_latencies(arguments[2], arguments[3], std::stoi(arguments[4]));
        if (count == 5 && std::string(arguments[1]) == stall_argument)
            return stall_and_tell_memory(arguments[2], arguments[3], std::stoi(arguments[4]));
        if (count == 5 && std::string(arguments[1]) == tenants_argument)
            return open_tenants_and_tell(arguments[2], std::stoi(arguments[3]), std::stod(arguments[4]));
        if (count == 5 && std::string(arguments[1]) == export_argument)
            return export_and_tell_memory(arguments[2], arguments[3], arguments[4]);
        if (count == 5 && std::string(arguments[1]) == import_argument)
            return import_and_tell_memory(arguments[2], arguments[3], arguments[4]);
        const options wanted = parse_options(count, arguments);
        if (wanted.help) {
            std::cout << usage;
            return 0;
        }
        return run(wanted);
    } catch (const std::invalid_argument& e) {
        std::cerr << e.what() << '\n';
        return 2;
    } catch (const std::exception& e) {
        std::cerr << e.what() << '\n';
        return 1;
    }
}
