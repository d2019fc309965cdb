// R100 and RALL: reads.
#include "cell.hpp"

#include "events.hpp"
#include "pgbench.hpp"
#include "process.hpp"
#include "reads.hpp"
#include "tables.hpp"
#include "touch.hpp"

#include <boost/endian/conversion.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace eventstore::benchmarks {

namespace asio = boost::asio;

namespace {

constexpr int events_of_a_stream = 100;
constexpr std::int64_t page_size = 1000;     // the default of read_options
constexpr std::int64_t page_bytes = 4 << 20; // likewise

int streams_of(const bench& b) { return b.wanted.quick ? 200 : 2000; }

void load(bench& b) { load_events(b, reads_schema, streams_of(b), events_of_a_stream, 1); }

client_run run_reads(bench& b, const std::string& schema, int readers, const job& work) {
    client_settings settings;
    settings.threads = b.wanted.threads;
    settings.workers = readers;
    settings.warm_up = b.wanted.warm_up;
    settings.seconds = b.wanted.seconds;
    return run_client(in_schema(b, schema), settings, work);
}

/// R100: a stream at random, again and again.
asio::awaitable<void> read_streams(store from, worker& self, int streams) {
    std::uniform_int_distribution<int> any(0, streams - 1);
    while (self.goes_on()) {
        const std::string stream = stream_name(any(self.random()));
        const clock::time_point started = clock::now();
        const event_page page = co_await from.read(stream);
        self.completed(started, 1);
        std::int64_t version = 0;
        for (const recorded_event& event : page)
            if (event.version() != ++version || event.data().empty())
                throw std::runtime_error("WRONG RESULT: a stream was read with a gap");
        if (version != events_of_a_stream || !page.is_complete() || page.front().stream() != stream)
            throw std::runtime_error("WRONG RESULT: a stream was not read whole");
    }
}

// A store of its own: links have positions too, and other cells count what is in the log of R100.
const std::string links_schema = "links";
constexpr int streams_of_links = 100; // each of all events of one of the first streams

std::string link_stream_name(int index) { return "links-" + std::to_string(index); }

/// Once in a run of the program.
void load_links(bench& b) {
    if (b.loaded.contains(links_schema)) return;
    load_events(b, links_schema, streams_of(b), events_of_a_stream, 1);
    const auto link = [](store into, worker& self) -> asio::awaitable<void> {
        for (int i = self.index(); i < streams_of_links; i += 10) {
            const event_page page = co_await into.read(stream_name(i));
            std::vector<uuid> ids;
            for (const recorded_event& event : page) ids.push_back(event.id());
            co_await into.link(link_stream_name(i), no_stream, std::move(ids));
        }
    };
    run_once(in_schema(b, links_schema), 10, link);
}

/// L100: a stream at random of those that hold 100 links; or, to compare, of those with the same events themselves.
asio::awaitable<void> read_some(store from, worker& self, std::string (*name)(int)) {
    std::uniform_int_distribution<int> any(0, streams_of_links - 1);
    while (self.goes_on()) {
        const int index = any(self.random());
        const std::string stream = name(index);
        const clock::time_point started = clock::now();
        const event_page page = co_await from.read(stream);
        self.completed(started, 1);
        std::int64_t version = 0;
        for (const recorded_event& event : page)
            if (event.link_version() != ++version || event.data().empty())
                throw std::runtime_error("WRONG RESULT: a stream was read with a gap");
        if (version != events_of_a_stream || !page.is_complete() || page.front().stream() != stream_name(index))
            throw std::runtime_error("WRONG RESULT: a stream was not read whole");
    }
}

/// The library's own SELECT with the same values, but for the stream, which pgbench picks at random.
std::string read_script(int streams) {
    std::string statement = library_statement("read_stream", reads_schema);
    const std::pair<std::string, std::string> parameters[] = {
        {"$1", std::string("'") + stream_prefix + "' || :n::text"},
        {"$2", "1"},
        {"$3", std::to_string(page_size)},
        {"$4", std::to_string(page_bytes)},
    };
    for (const auto& [parameter, value] : parameters)
        for (std::size_t at = 0; (at = statement.find(parameter, at)) != std::string::npos; at += value.size())
            statement.replace(at, parameter.size(), value);
    return "\\set n random(0, " + std::to_string(streams - 1) + ")\n" + statement + ";\n";
}

/// RALL: everything from the first event to the last, again and again.
asio::awaitable<void> read_everything(store from, worker& self, std::shared_ptr<field_sum> last_pass) {
    while (self.goes_on()) {
        field_sum sum;
        event_scan scan = from.scan_all();
        clock::time_point started = clock::now();
        std::optional<event_page> page = co_await scan.next_page();
        while (page) {
            for (const recorded_event& event : *page) sum.add(event);
            self.completed(started, static_cast<int>(page->size()));
            started = clock::now();
            page = co_await scan.next_page();
        }
        *last_pass = sum;
    }
}

/// The least that a client can do: one session, binary, a page after the other.
class bare_reader {
public:
    explicit bare_reader(const std::string& url) : session_(url) {
        constexpr Oid int8 = 20;
        constexpr Oid boolean = 16;
        const Oid types[] = {int8, int8, int8, boolean, int8, int8};
        session_.checked(
            PQprepare(session_.native(), "page", library_statement("read_all", reads_schema).c_str(), 6, types));
    }

    /// Adds a page to the sum. \returns its number of events
    int read_page(field_sum& sum) {
        using boost::endian::native_to_big;
        const std::int64_t numbers[] = {
            native_to_big(sum.last_position() + 1), native_to_big(page_size), native_to_big(page_bytes)};
        const char* values[6] = {}; // nothing that was seen before
        for (int i = 0; i < 3; ++i) values[i] = reinterpret_cast<const char*>(&numbers[i]);
        values[3] = "\0"; // no links
        const int lengths[] = {8, 8, 8, 1, 0, 0};
        const int binary[] = {1, 1, 1, 1, 1, 1};
        const auto rows = session_.checked(PQexecPrepared(session_.native(), "page", 6, values, lengths, binary, 1));
        const int count = PQntuples(rows.get());
        for (int row = 1; row < count; ++row) sum.add(rows.get(), row); // the first one is about the log
        return count - 1;
    }

private:
    session session_;
};

double run_bare_reads(bench& b, field_sum& last_pass) {
    bare_reader reader(b.on.limit_url());
    const auto seconds = [](double count) {
        return std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(count));
    };
    window when;
    when.from = clock::now() + seconds(b.wanted.warm_up);
    when.to = when.from + seconds(b.wanted.seconds);
    worker self(0, when);
    while (self.goes_on()) {
        field_sum sum;
        int count = 0;
        do {
            const clock::time_point started = clock::now();
            count = reader.read_page(sum);
            self.completed(started, count);
        } while (count > 0);
        last_pass = sum;
    }
    if (self.counted() == 0) throw std::runtime_error("nothing was read within the time of the measurement");
    return static_cast<double>(self.counted()) / b.wanted.seconds;
}

void check_pass(const bench& b, const field_sum& pass) {
    if (pass.events() != static_cast<std::uint64_t>(streams_of(b)) * events_of_a_stream)
        throw std::runtime_error("WRONG RESULT: " + std::to_string(pass.events()) + " events were read");
}

cell read_all_cell() {
    cell rall;
    rall.name = "RALL";
    rall.unit = "events/s";
    rall.about = "read everything in pages of 1000, every field touched";
    rall.prepare = load;
    const auto by_library = std::make_shared<field_sum>();
    const auto by_limit = std::make_shared<field_sum>();
    const auto compare = [=] {
        if (by_library->events() > 0 && by_limit->events() > 0 && by_library->sum() != by_limit->sum())
            throw std::runtime_error("WRONG RESULT: library and libpq have read different things");
    };
    rall.library = [=](bench& b) {
        const auto work = [=](store from, worker& self) { return read_everything(std::move(from), self, by_library); };
        client_run run = run_reads(b, reads_schema, 1, work);
        check_pass(b, *by_library);
        compare();
        return run;
    };
    rall.limit = [=](bench& b) {
        const double rate = run_bare_reads(b, *by_limit);
        check_pass(b, *by_limit);
        compare();
        return rate;
    };
    return rall;
}

} // namespace

void load_reads(bench& b) { load(b); }

std::uint64_t events_to_read(const bench& b) { return static_cast<std::uint64_t>(streams_of(b)) * events_of_a_stream; }

double limit_of_reading(bench& b) {
    field_sum pass;
    const double rate = run_bare_reads(b, pass);
    check_pass(b, pass);
    return rate;
}

std::vector<cell> read_cells() {
    std::vector<cell> cells;
    for (const int readers : {1, 10, 100}) {
        cell& r100 = cells.emplace_back();
        r100.name = "R100";
        r100.concurrency = readers;
        r100.unit = "reads/s";
        r100.about = "read a stream of 100 events";
        r100.prepare = load;
        r100.library = [=](bench& b) {
            const int streams = streams_of(b);
            const auto work = [=](store from, worker& self) { return read_streams(std::move(from), self, streams); };
            return run_reads(b, reads_schema, readers, work);
        };
        r100.limit = [=](bench& b) {
            const temporary_file script(read_script(streams_of(b)));
            return run_pgbench(b.on, b.wanted, script.path(), readers, {});
        };
    }
    for (const int readers : {1, 10}) {
        cell& links = cells.emplace_back();
        links.name = "L100";
        links.concurrency = readers;
        links.unit = "reads/s";
        links.about = "read a stream of 100 links; the limit is the library reading the same events themselves";
        links.prepare = load_links;
        const auto read = [=](bench& b, std::string (*name)(int)) {
            const auto work = [=](store from, worker& self) { return read_some(std::move(from), self, name); };
            return run_reads(b, links_schema, readers, work);
        };
        links.library = [=](bench& b) { return read(b, link_stream_name); };
        links.limit = [=](bench& b) { return read(b, stream_name).rate; };
    }
    cells.push_back(read_all_cell());
    return cells;
}

} // namespace eventstore::benchmarks
