#include "memory_cell.hpp"

#include "cell.hpp"
#include "process.hpp"
#include "tables.hpp"
#include "touch.hpp"

#include <iostream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace eventstore::benchmarks {

namespace asio = boost::asio;

namespace {

const std::string memory_schema = "memory";
constexpr int events_of_a_scanned_stream = 100;

int scanned_streams(const bench& b) { return b.wanted.quick ? 500 : 10'000; }

void load_scanned(bench& b) { load_events(b, memory_schema, scanned_streams(b), events_of_a_scanned_stream, 10); }

asio::awaitable<void> scan_once(store from, field_sum& sum) {
    event_scan scan = from.scan_all();
    std::optional<event_page> page = co_await scan.next_page();
    while (page) {
        for (const recorded_event& event : *page) sum.add(event);
        page = co_await scan.next_page();
    }
}

} // namespace

int scan_and_tell_memory(const std::string& url, const std::string& in_schema) {
    field_sum sum;
    store_options where(url);
    where.schema(in_schema);
    const auto work = [&](store from, worker&) { return scan_once(std::move(from), sum); };
    run_once(where, 1, work);
    std::cout << sum.events() << ' ' << peak_rss_mb() << '\n';
    return 0;
}

std::vector<cell> memory_cells() {
    cell m;
    m.name = "M";
    m.unit = "MB";
    m.about = "peak resident memory of a process that scans 1,000,000 events; less is better";
    m.prepare = load_scanned;
    // A process of its own, so that nothing of the loading is in the figure. Not fork alone: the peak begins anew with
    // the memory map, at exec.
    m.library = [](bench& b) {
        std::istringstream told(run_program({"/proc/self/exe", scan_argument, b.on.url(), memory_schema}));
        std::uint64_t events = 0;
        client_run run;
        if (!(told >> events >> run.peak_rss_mb)) throw std::runtime_error("the scanning process wrote: " + told.str());
        if (events != static_cast<std::uint64_t>(scanned_streams(b)) * events_of_a_scanned_stream)
            throw std::runtime_error("WRONG RESULT: " + std::to_string(events) + " events were scanned");
        run.rate = run.peak_rss_mb;
        return run;
    };
    return {m};
}

} // namespace eventstore::benchmarks
