#include "tables.hpp"

#include "events.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace eventstore::benchmarks {

namespace asio = boost::asio;

namespace {

std::string file_text(const std::string& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in || text.str().empty()) throw std::runtime_error("cannot read " + path);
    return text.str();
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
}

void make_empty_store(bench& b, const std::string& schema) {
    b.on.admin().run("drop schema if exists " + schema + " cascade");
    const auto nothing = [](store, worker&) -> asio::awaitable<void> { co_return; };
    run_once(in_schema(b, schema).create(), 1, nothing);
}

/// The streams index, index + workers ... in turn, so that each of them grows with all others.
asio::awaitable<void> grow_streams(store into, worker& self, int workers, int streams, int each, int batch) {
    for (int version = 0; version < each; version += batch)
        for (int n = self.index(); n < streams; n += workers) {
            std::vector<event_data> events = make_events(self.random(), batch);
            const append_result stored = co_await into.append(stream_name(n), version, std::move(events));
            if (stored.last_version != version + batch)
                throw std::runtime_error("an append answered with a wrong version");
        }
}

} // namespace

std::string library_statement(std::string_view name, std::string_view schema) {
    const std::string text =
        file_text(std::string(EVENTSTORE_SOURCE_FOLDER "/sql/statements/") + std::string(name) + ".sql");
    std::istringstream lines(text);
    std::string statement;
    for (std::string line; std::getline(lines, line);)
        if (!line.ends_with(" -- backward") && !line.ends_with(" -- links") && !line.ends_with(" -- proof"))
            statement += line.substr(0, line.find("--")) + '\n';
    replace_all(statement, "eventstore.", std::string(schema) + '.');
    return statement;
}

store_options in_schema(bench& b, const std::string& schema) {
    store_options where(b.on.url());
    where.schema(schema);
    return where;
}

void make_fresh_tables(bench& b, const std::string& schema) {
    make_empty_store(b, schema);
    b.on.admin().run("drop schema if exists limits cascade;"
                     "create schema limits;"
                     "create table limits.events (like " +
        schema +
        ".events including all);"
        "create sequence limits.positions;"
        "create table limits.group_events (like limits.events including all);"
        // As in `streams`: room for the new version on the same page.
        "create table limits.streams (like " +
        schema +
        ".streams including all) with (fillfactor = 75);"
        "create table limits.counter (id bigint primary key, version bigint not null) with (fillfactor = 75);"
        "insert into limits.counter values (1, 0)");
}

void check_tables(bench& b, const std::string& schema, std::uint64_t events, std::uint64_t streams) {
    const auto expect = [&](const char* what, const std::string& query, std::uint64_t expected) {
        const std::string found = b.on.admin().value(query);
        if (found != std::to_string(expected))
            throw std::runtime_error(
                std::string("WRONG RESULT: ") + what + ": " + found + " instead of " + std::to_string(expected));
    };
    expect("events stored", "select count(*) from " + schema + ".events", events);
    expect("the last position", "select coalesce(max(position), 0) from " + schema + ".events", events);
    expect("the first position", "select coalesce(min(position), 0) from " + schema + ".events", events > 0 ? 1 : 0);
    expect("streams", "select count(*) from " + schema + ".streams", streams);
    expect("streams with gaps or another version than their number of events",
        "select count(*) from " + schema +
            ".streams as s left join ("
            "    select stream_id, count(*) as events, min(stream_version) as first, max(stream_version) as last"
            "    from " +
            schema +
            ".events group by stream_id) as e using (stream_id)"
            " where e.events is distinct from s.version or e.last is distinct from s.version or e.first is distinct "
            "from 1",
        0);
}

void load_events(bench& b, const std::string& schema, int streams, int each, int batch) {
    if (b.loaded.contains(schema)) return;
    make_empty_store(b, schema);
    const int workers = std::min(streams, 1000);
    const auto grow = [=](store into, worker& self) {
        return grow_streams(std::move(into), self, workers, streams, each, batch);
    };
    run_once(in_schema(b, schema), workers, grow);
    check_tables(b, schema, static_cast<std::uint64_t>(streams) * static_cast<std::uint64_t>(each),
        static_cast<std::uint64_t>(streams));
    b.on.admin().run("vacuum analyze " + schema + ".events");
    b.on.admin().run("vacuum analyze " + schema + ".streams");
    b.loaded.insert(schema);
}

} // namespace eventstore::benchmarks
