// A1, A100, AH: appends.
#include "cell.hpp"

#include "events.hpp"
#include "pgbench.hpp"
#include "tables.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

namespace eventstore::benchmarks {

namespace asio = boost::asio;

namespace {

const std::string append_schema = "appends";

void expect_version(const append_result& stored, std::int64_t version) {
    if (stored.last_version != version || stored.already_appended)
        throw std::runtime_error("WRONG RESULT: an append answered with a wrong version");
}

/// A1: each writer has a stream of its own and keeps its version.
asio::awaitable<void> append_single(store into, worker& self) {
    const std::string stream = stream_name(self.index());
    std::int64_t version = 0;
    while (self.goes_on()) {
        event_data event = make_event(self.random());
        const clock::time_point started = clock::now();
        const append_result stored = co_await into.append(stream, version, std::move(event));
        self.completed(started, 1);
        expect_version(stored, ++version);
    }
}

/// A100: each append makes a stream.
asio::awaitable<void> append_hundreds(store into, worker& self) {
    const std::string prefix = stream_name(self.index()) + "-";
    for (int n = 0; self.goes_on(); ++n) {
        std::vector<event_data> events = make_events(self.random(), 100);
        const std::string stream = prefix + std::to_string(n);
        const clock::time_point started = clock::now();
        const append_result stored = co_await into.append(stream, no_stream, std::move(events));
        self.completed(started, 100);
        expect_version(stored, 100);
    }
}

/// A2: each writer has two streams, and appends an event to both at once.
asio::awaitable<void> append_pairs(store into, worker& self) {
    const std::string left = stream_name(self.index()) + "-left";
    const std::string right = stream_name(self.index()) + "-right";
    std::int64_t version = 0;
    while (self.goes_on()) {
        auto to_left = stream_append(left, version, make_event(self.random()));
        auto to_right = stream_append(right, version, make_event(self.random()));
        const clock::time_point started = clock::now();
        const auto stored = co_await into.append(appends(std::move(to_left), std::move(to_right)));
        self.completed(started, 2);
        ++version;
        for (const append_result& each : stored) expect_version(each, version);
    }
}

/// AH: one stream for all.
asio::awaitable<void> append_to_one(store into, worker& self) {
    const std::string stream = stream_name(0);
    std::int64_t version = 0;
    while (self.goes_on()) {
        event_data event = make_event(self.random());
        const clock::time_point started = clock::now();
        const append_result stored = co_await into.append(stream, any_version, std::move(event));
        self.completed(started, 1);
        if (std::exchange(version, stored.last_version) >= stored.last_version || stored.already_appended)
            throw std::runtime_error("WRONG RESULT: a stream's version went back");
    }
}

client_settings settings_for(const bench& b, int workers) {
    client_settings settings;
    settings.threads = b.wanted.threads;
    settings.workers = workers;
    settings.warm_up = b.wanted.warm_up;
    settings.seconds = b.wanted.seconds;
    return settings;
}

client_run run_appends(bench& b, int workers, asio::awaitable<void> (*work)(store, worker&)) {
    return run_client(in_schema(b, append_schema), settings_for(b, workers), work);
}

/// A1, with the processor time that an append takes.
client_run run_single_appends(bench& b, int workers) {
    client_settings settings = settings_for(b, workers);
    settings.session_cpu_seconds = [&b] { return b.on.session_cpu_seconds(); };
    return run_client(in_schema(b, append_schema), settings, append_single);
}

/// An array of a hundred, as PostgreSQL reads it.
std::string hundred_times(const std::string& element) {
    std::string array = "{";
    for (int i = 0; i < 100; ++i) {
        array += i == 0 ? "\"" : ",\"";
        for (const char c : element) {
            if (c == '"') array += '\\';
            array += c;
        }
        array += '"';
    }
    return array += '}';
}

std::string limit_script(const char* name) {
    return std::string(EVENTSTORE_SOURCE_FOLDER "/benchmarks/limits/") + name;
}

/// Appends are counted in events, by pgbench in transactions.
double run_limit(bench& b, const char* script, int clients, int events_each) {
    std::mt19937_64 random(1);
    const std::string data = data_json(random);
    pgbench_variables variables = {{"version", "0"}, {"append", "0"}};
    if (events_each == 1) {
        variables.emplace_back("type", event_type);
        variables.emplace_back("data", data);
        variables.emplace_back("metadata", metadata_json);
    } else {
        variables.emplace_back("types", hundred_times(event_type));
        variables.emplace_back("datas", hundred_times(data));
        variables.emplace_back("metadatas", hundred_times(metadata_json));
    }
    return events_each * run_pgbench(b.on, b.wanted, limit_script(script), clients, variables);
}

/// The limit of a group commit: one session that writes what so many writers write.
double run_group_limit(bench& b, int writers) {
    const std::string count = std::to_string(writers);
    b.on.admin().run("insert into limits.streams (name, version, created_at)"
                     " select '" +
        std::string(stream_prefix) + "' || n, 0, now() from generate_series(1, " + count + ") as n");
    std::mt19937_64 random(1);
    const pgbench_variables variables = {
        {"writers", count}, {"type", event_type}, {"data", data_json(random)}, {"metadata", metadata_json}};
    const double rate = writers * run_pgbench(b.on, b.wanted, limit_script("advance_and_insert.sql"), 1, variables);
    const std::string is_right = b.on.admin().value("select count(*) = " + count +
        " and min(version) = max(version) and sum(version) ="
        " (select count(*) from limits.group_events) from limits.streams");
    if (is_right != "t") throw std::runtime_error("WRONG RESULT: the group limit wrote other rows than it should");
    return rate;
}

cell append_cell(std::string name, int concurrency, std::string about) {
    cell made;
    made.name = std::move(name);
    made.concurrency = concurrency;
    made.unit = "events/s";
    made.about = std::move(about);
    made.prepare = [](bench& b) { make_fresh_tables(b, append_schema); };
    return made;
}

} // namespace

std::vector<cell> append_cells() {
    std::vector<cell> cells;
    for (const int writers : {1, 10, 100, 1000}) {
        cell& a1 = cells.emplace_back(append_cell("A1", writers, "one event an append, a stream for each writer"));
        a1.library = [=](bench& b) {
            client_run run = run_single_appends(b, writers);
            check_tables(b, append_schema, run.total, static_cast<std::uint64_t>(writers));
            return run;
        };
        a1.limit = [=](bench& b) { return run_limit(b, "insert_one.sql", std::min(writers, 100), 1); };
        if (writers >= 10) a1.group_limit = [=](bench& b) { return run_group_limit(b, writers); };
    }
    for (const int writers : {1, 10, 50, 100}) {
        cell& a100 = cells.emplace_back(append_cell("A100", writers, "100 events an append, a new stream each"));
        a100.library = [=](bench& b) {
            client_run run = run_appends(b, writers, append_hundreds);
            check_tables(b, append_schema, run.total, run.total / 100);
            return run;
        };
        a100.limit = [](bench& b) { return run_limit(b, "insert_hundred.sql", 10, 100); };
    }
    cell& a2 = cells.emplace_back(
        append_cell("A2", 100, "an event each to two streams, all or nothing; the limit is A1 with as many writers"));
    a2.library = [](bench& b) {
        make_fresh_tables(b, append_schema); // the limit may have used them
        client_run run = run_appends(b, 100, append_pairs);
        check_tables(b, append_schema, run.total, 200);
        return run;
    };
    a2.limit = [](bench& b) {
        make_fresh_tables(b, append_schema);
        return run_appends(b, 100, append_single).rate;
    };
    cell& ah = cells.emplace_back(append_cell("AH", 10, "one event an append, one stream for all, any version"));
    ah.library = [](bench& b) {
        client_run run = run_appends(b, 10, append_to_one);
        check_tables(b, append_schema, run.total, 1);
        return run;
    };
    ah.limit = [](bench& b) { return run_limit(b, "count_and_insert.sql", 10, 1); };
    return cells;
}

} // namespace eventstore::benchmarks
