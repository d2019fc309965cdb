// The history of this machine's packages as events: brings the log of dpkg into a store, tells from the events which
// package is installed in which version, as they come and once more from the beginning, and asks dpkg whether that is
// true.
#include "dpkg_log.hpp"
#include "import.hpp"
#include "installed.hpp"
#include "live_model.hpp"

#include <eventstore/eventstore.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/positional_options.hpp>
#include <boost/program_options/variables_map.hpp>

#include <chrono>
#include <cmath>
#include <exception>
#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace po = boost::program_options;
using namespace package_history;

namespace {

class stopwatch {
public:
    double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

    /// "in 0.25 s (22988 events/s)"
    std::string text(std::size_t events) const {
        const double time = seconds();
        std::ostringstream out;
        out << std::fixed << std::setprecision(2) << "in " << time << " s (" << std::setprecision(0)
            << double(events) / time << " events/s)";
        return out.str();
    }

private:
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

asio::awaitable<import_counts> import_and_tell(es::store store, const dpkg_log& logs, const char* when) {
    const stopwatch time;
    const import_counts counts = co_await import_entries(store, logs.entries);
    std::cout << when << counts.appended << " events appended to " << counts.streams << " streams, "
              << counts.already_there << " were there already, " << time.text(logs.entries.size()) << '\n';
    co_return counts;
}

std::string size_of(std::size_t events, const package_states& states) {
    return std::to_string(events) + " events of " + std::to_string(states.size()) + " packages";
}

bool tell(const comparison& result) {
    std::cout << "dpkg agrees on " << result.installed + result.gone << " packages: " << result.installed
              << " installed in the same version, " << result.gone << " removed\n"
              << "dpkg disagrees on " << result.different.size() << (result.different.empty() ? "\n" : ":\n");
    for (const std::string& each : result.different) std::cout << "    " << each << '\n';
    if (!result.unknown.empty()) {
        std::cout << result.unknown.size()
                  << " more packages are older than the log, which says nothing about them:\n   ";
        for (const std::string& each : result.unknown) std::cout << ' ' << each;
        std::cout << '\n';
    }
    return result.different.empty();
}

asio::awaitable<void> run(es::store_options options, es::milliseconds lease, const dpkg_log& logs, bool& all_agree) {
    const std::string schema = options.schema();
    const es::store store = co_await es::open(std::move(options));
    const live_model live(store, schema, lease);
    auto rethrow = [](std::exception_ptr failed) {
        if (failed) std::rethrow_exception(failed); // out of io_context::run()
    };
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::co_spawn(executor, live.keep(), rethrow);
    const import_counts counts = co_await import_and_tell(store, logs, "first run:  ");
    const stopwatch waiting;
    co_await live.wait_for(counts.last_position); // to find in it what was appended here
    const live_model::contents kept = co_await live.read();
    std::cout << "kept live:  " << size_of(kept.events, kept.states) << ", the last "
              << std::lround(waiting.seconds() * 1000) << " ms after the import\n";

    co_await import_and_tell(store, logs, "second run: ");
    const stopwatch reading;
    const package_model rebuilt = co_await rebuild(store);
    std::cout << "read back:  " << size_of(rebuilt.events(), rebuilt.states()) << ' ' << reading.text(rebuilt.events())
              << '\n';

    const bool is_same = kept.states == rebuilt.states() && kept.events == rebuilt.events();
    std::cout << (is_same ? "            both say the same\n\n" : "            they DIFFER\n\n");
    all_agree = tell(compare(kept.states, ask_dpkg())) && is_same;
    co_await store.close(); // which ends what keeps the model
}

std::optional<po::variables_map> parse_arguments(int count, char* words[]) {
    po::options_description options(
        "usage: package_history [FILE or FOLDER]...\n\nReads /var/log/dpkg.log* by default");
    auto add = options.add_options();
    add("url", po::value<std::string>(), "the PostgreSQL to use; by default one of its own, gone at the end");
    add("embedded", po::value<std::string>(), "the folder of a PostgreSQL of its own that stays");
    add("schema", po::value<std::string>()->default_value("eventstore"), "the schema of the store");
    add("lease", po::value<int>()->default_value(10'000),
        "milliseconds after which another process takes over from one that was killed");
    add("logs", po::value<std::vector<std::string>>(), "files or folders, with the option's name or without");
    add("help", "print this");
    po::variables_map values;
    const po::positional_options_description positions = po::positional_options_description().add("logs", -1);
    po::store(po::command_line_parser(count, words).options(options).positional(positions).run(), values);
    if (values.count("help") == 0) return values;
    std::cout << options;
    return std::nullopt;
}

} // namespace

int main(int count, char* words[]) try {
    const std::optional<po::variables_map> given = parse_arguments(count, words);
    if (!given) return 0;

    std::vector<std::filesystem::path> paths;
    if (given->count("logs") > 0)
        for (const std::string& each : (*given)["logs"].as<std::vector<std::string>>()) paths.emplace_back(each);
    else
        paths.emplace_back("/var/log");
    const dpkg_log logs = read_logs(paths);
    if (logs.entries.empty()) {
        std::cerr << "package_history: there is no log of dpkg here; name the files or folders that hold some\n";
        return 77; // for test runners: nothing was tested
    }
    std::cout << logs.entries.size() << " lines in " << logs.files << " files\n";
    if (logs.strange_lines > 0) std::cout << logs.strange_lines << " more lines are not dpkg's\n";

    std::optional<es::embedded_postgres> server;
    if (given->count("url") == 0) {
        es::embedded_postgres_options options;
        if (given->count("embedded") > 0) options.data_folder((*given)["embedded"].as<std::string>());
        server.emplace(es::embedded_postgres::start_now(options));
    }
    es::store_options options(server ? server->url() : (*given)["url"].as<std::string>());
    options.create().schema((*given)["schema"].as<std::string>());

    const es::milliseconds lease((*given)["lease"].as<int>());
    bool all_agree = false;
    asio::io_context context;
    auto rethrow = [](std::exception_ptr failed) {
        if (failed) std::rethrow_exception(failed);
    };
    asio::co_spawn(asio::make_strand(context), run(std::move(options), lease, logs, all_agree), rethrow);
    context.run();
    return all_agree ? 0 : 1;
} catch (const std::exception& e) {
    std::cerr << "package_history: " << e.what() << '\n';
    return 1;
}
