#include "file_cells.hpp"

#include "cell.hpp"
#include "process.hpp"
#include "reads.hpp"
#include "tables.hpp"

#include <eventstore/event_file.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <iostream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace eventstore::benchmarks {

namespace asio = boost::asio;

namespace {

const std::string copied_schema = "copied";
const std::string million_schema = "memory"; // that of the cell M

template <class T>
T run_alone(asio::awaitable<T> work) {
    asio::io_context context(1);
    auto done = asio::co_spawn(context, std::move(work), asio::use_future);
    context.run();
    return done.get();
}

event_file_summary export_now(const store_options& from, const std::string& file) {
    return run_alone(export_events(from, file));
}

event_file_summary import_now(const store_options& into, const std::string& file) {
    return run_alone(import_events(into, file));
}

double rate_since(clock::time_point begin, std::int64_t events) {
    return static_cast<double>(events) / std::chrono::duration<double>(clock::now() - begin).count();
}

void expect_events(std::int64_t found, std::uint64_t expected, const char* done) {
    if (found != static_cast<std::int64_t>(expected))
        throw std::runtime_error(
            "WRONG RESULT: " + std::to_string(found) + " events were " + done + ", not " + std::to_string(expected));
}

/// As many times as there are seconds: one export takes less than one.
client_run export_again_and_again(bench& b) {
    client_run run;
    std::int64_t events = 0;
    const clock::time_point begin = clock::now();
    reset_peak_rss();
    do {
        const temporary_file file("");
        const event_file_summary made = export_now(in_schema(b, reads_schema), file.path());
        expect_events(made.events, events_to_read(b), "exported");
        events += made.events;
    } while (clock::now() - begin < std::chrono::duration<double>(b.wanted.seconds));
    run.rate = rate_since(begin, events);
    run.peak_rss_mb = peak_rss_mb();
    return run;
}

void make_empty(bench& b) {
    b.on.admin().run("drop schema if exists " + copied_schema + " cascade");
    run_alone(migrate(in_schema(b, copied_schema)));
}

void check_copy(bench& b) {
    const std::uint64_t streams = std::stoull(b.on.admin().value("select count(*) from " + reads_schema + ".streams"));
    check_tables(b, copied_schema, events_to_read(b), streams);
}

client_run import_once(bench& b) {
    const temporary_file file("");
    export_now(in_schema(b, reads_schema), file.path());
    make_empty(b);
    b.on.checkpoint();
    client_run run;
    reset_peak_rss();
    const clock::time_point begin = clock::now();
    const event_file_summary made = import_now(in_schema(b, copied_schema), file.path());
    run.rate = rate_since(begin, made.events);
    run.peak_rss_mb = peak_rss_mb();
    expect_events(made.new_events, events_to_read(b), "imported");
    check_copy(b);
    return run;
}

void begin_copy(const session& on, const std::string& statement, ExecStatusType expected) {
    PGresult* const begun = PQexec(on.native(), statement.c_str());
    const bool is_good = PQresultStatus(begun) == expected;
    PQclear(begun);
    if (!is_good) throw std::runtime_error(PQerrorMessage(on.native()));
}

/// One COPY of the same rows, made ready in memory, into the same table of an empty store: with its indexes and triggers.
double copy_once(bench& b) {
    session from(b.on.url());
    begin_copy(from, "copy (select * from " + reads_schema + ".events order by position) to stdout (format binary)",
        PGRES_COPY_OUT);
    std::vector<std::string> rows;
    std::string piece;
    char* row = nullptr;
    for (int size = 0; (size = PQgetCopyData(from.native(), &row, 0)) > 0; PQfreemem(row)) {
        piece.append(row, static_cast<std::size_t>(size));
        if (piece.size() > (std::size_t{64} << 10)) rows.push_back(std::exchange(piece, {}));
    }
    rows.push_back(std::move(piece));
    make_empty(b);
    b.on.checkpoint();
    session into(b.on.limit_url());
    const clock::time_point begin = clock::now();
    begin_copy(into, "copy " + copied_schema + ".events from stdin (format binary)", PGRES_COPY_IN);
    for (const std::string& each : rows)
        if (PQputCopyData(into.native(), each.data(), static_cast<int>(each.size())) != 1)
            throw std::runtime_error(PQerrorMessage(into.native()));
    if (PQputCopyEnd(into.native(), nullptr) != 1) throw std::runtime_error(PQerrorMessage(into.native()));
    const auto done = into.checked(PQgetResult(into.native()));
    const double rate = rate_since(begin, static_cast<std::int64_t>(events_to_read(b)));
    expect_events(std::stoll(PQcmdTuples(done.get())), events_to_read(b), "copied");
    return rate;
}

client_run peak_of(const char* argument, bench& b, const std::string& schema, const std::string& file) {
    std::istringstream told(run_program({"/proc/self/exe", argument, b.on.url(), schema, file}));
    std::int64_t events = 0;
    client_run run;
    if (!(told >> events >> run.peak_rss_mb)) throw std::runtime_error("the process wrote: " + told.str());
    expect_events(
        events, std::stoull(b.on.admin().value("select count(*) from " + million_schema + ".events")), "moved");
    run.rate = run.peak_rss_mb;
    return run;
}

void load_million(bench& b) {
    load_events(b, million_schema, b.wanted.quick ? 500 : 10'000, 100, 10); // as M does
}

int tell(const event_file_summary& made) {
    std::cout << made.new_events << ' ' << peak_rss_mb() << '\n';
    return 0;
}

} // namespace

int export_and_tell_memory(const std::string& url, const std::string& schema, const std::string& file) {
    return tell(export_now(store_options(url).schema(schema), file));
}

int import_and_tell_memory(const std::string& url, const std::string& schema, const std::string& file) {
    return tell(import_now(store_options(url).schema(schema), file));
}

std::vector<cell> file_cells() {
    cell exports, imports, export_memory, import_memory;
    exports.name = "EX";
    exports.unit = "events/s";
    exports.about = "export to a file; the limit is that of RALL";
    exports.prepare = load_reads;
    exports.library = export_again_and_again;
    exports.limit = limit_of_reading;

    imports.name = "IM";
    imports.unit = "events/s";
    imports.about = "import of that file; the limit is one COPY of the same rows into the same table";
    imports.prepare = load_reads;
    imports.library = import_once;
    imports.limit = copy_once;

    export_memory.name = "EXM";
    export_memory.unit = "MB";
    export_memory.about = "peak resident memory of a process that exports 1,000,000 events; less is better";
    export_memory.prepare = load_million;
    export_memory.library = [](bench& b) {
        const temporary_file file("");
        return peak_of(export_argument, b, million_schema, file.path());
    };

    import_memory.name = "IMM";
    import_memory.unit = "MB";
    import_memory.about = "peak resident memory of a process that imports them; less is better";
    import_memory.prepare = load_million;
    import_memory.library = [](bench& b) {
        const temporary_file file("");
        run_program({"/proc/self/exe", export_argument, b.on.url(), million_schema, file.path()});
        make_empty(b);
        return peak_of(import_argument, b, copied_schema, file.path());
    };
    return {exports, imports, export_memory, import_memory};
}

} // namespace eventstore::benchmarks
