// P1 and PI: read models.
#include "cell.hpp"

#include "events.hpp"
#include "reads.hpp"
#include "tables.hpp"

#include <eventstore/inline_projection.hpp>
#include <eventstore/projection.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace eventstore::benchmarks {

namespace asio = boost::asio;

namespace {

using namespace std::chrono_literals;

const std::string projected_schema = "projected";

const std::string upsert = "insert into projected.activity"
                           " select unnest($1::text[]), unnest($2::bigint[]), unnest($3::bigint[])"
                           " on conflict (stream) do update set events = activity.events + excluded.events,"
                           " last_position = excluded.last_position";

void make_model(bench& b) {
    b.on.admin().run("create schema if not exists projected; drop table if exists projected.activity;"
                     "create table projected.activity (stream text primary key, events bigint not null,"
                     " last_position bigint not null) with (fillfactor = 70)");
}

/// A row of the read model is a stream: how many events it has, and where the last one is. One statement for a batch.
asio::awaitable<void> write_activity(transaction& tx, const projection_batch& batch) {
    struct row {
        std::int64_t events = 0;
        std::int64_t last = 0;
    };
    std::map<std::string_view, row> rows; // in one order, so that no two transactions wait for each other
    for (const recorded_event& event : batch) {
        row& of_stream = rows[event.stream()];
        ++of_stream.events;
        of_stream.last = event.position();
    }
    std::string streams = "{", events = "{", last = "{";
    for (const auto& [stream, of_stream] : rows) {
        if (streams.size() > 1) {
            streams += ',';
            events += ',';
            last += ',';
        }
        streams.append("\"").append(stream).append("\""); // the names of the workload need no escapes
        events += std::to_string(of_stream.events);
        last += std::to_string(of_stream.last);
    }
    streams += '}';
    events += '}';
    last += '}';
    co_await tx.execute(upsert, streams, events, last);
}

void check_model(bench& b, const std::string& events, const std::string& schema) {
    const std::string is_right =
        b.on.admin().value("select (select coalesce(sum(events), 0) from projected.activity) = " + events +
            " and not exists (select from " + schema +
            ".streams as s full join projected.activity as a on a.stream = "
            "s.name where s.version is distinct from a.events)");
    if (is_right != "t") throw std::runtime_error("WRONG RESULT: the read model does not hold each event once");
}

/// Counts what the handler has done with each batch when the next one comes: then it is committed.
struct progress {
    worker& self;
    std::uint64_t events;
    std::uint64_t seen = 0;
    std::size_t last = 0;
    clock::time_point started = clock::now();

    void next(std::size_t count) {
        if (last > 0) self.completed(started, static_cast<int>(last));
        started = clock::now();
        last = count;
        seen += count;
    }
};

asio::awaitable<void> count_and_write(progress& counts, transaction& tx, const projection_batch& batch) {
    counts.next(batch.size());
    auto working = write_activity(tx, batch);
    co_await std::move(working);
}

/// Keeps a new projection until it has every event.
asio::awaitable<void> project_everything(const store& from, progress& counts, const std::string& name) {
    const auto executor = co_await asio::this_coro::executor;
    asio::cancellation_signal enough;
    bool has_ended = false;
    auto handler = [&counts](
                       transaction& tx, const projection_batch& batch) { return count_and_write(counts, tx, batch); };
    auto at_end = [&](std::exception_ptr) { has_ended = true; };
    asio::co_spawn(executor, run_projection(from, name, handler), asio::bind_cancellation_slot(enough.slot(), at_end));
    const projection_handle projection(from, name);
    asio::steady_timer pause(executor);
    while (counts.seen < counts.events && !has_ended) {
        pause.expires_after(2ms);
        co_await pause.async_wait(asio::use_awaitable);
    }
    if (!has_ended) {
        co_await projection.wait_for(static_cast<std::int64_t>(counts.events));
        counts.next(0);
        enough.emit(asio::cancellation_type::terminal);
    }
    while (!has_ended) {
        pause.expires_after(1ms);
        co_await pause.async_wait(asio::use_awaitable);
    }
    if (counts.seen != counts.events) throw std::runtime_error("WRONG RESULT: the projection has ended early");
    co_await projection.drop(1);
}

cell projection_cell() {
    cell p1;
    p1.name = "P1";
    p1.unit = "events/s";
    p1.about = "a new projection of 200,000 events into a table with one row a stream";
    p1.prepare = load_reads;
    p1.library = [](bench& b) {
        client_settings settings;
        settings.warm_up = b.wanted.warm_up;
        settings.seconds = b.wanted.seconds;
        const std::uint64_t events = events_to_read(b);
        bool is_first = true;
        const auto work = [&, events](store from, worker& self) -> asio::awaitable<void> {
            for (int pass = 0; self.goes_on(); ++pass) {
                make_model(b);
                progress counts{self, events};
                co_await project_everything(from, counts, "pass-" + std::to_string(pass));
                if (std::exchange(is_first, false)) check_model(b, std::to_string(events), reads_schema);
            }
        };
        return run_client(in_schema(b, reads_schema), settings, work);
    };
    p1.limit = limit_of_reading;
    return p1;
}

asio::awaitable<void> append_and_project(inline_projection into, worker& self) {
    const std::string stream = stream_name(self.index());
    std::int64_t version = 0;
    while (self.goes_on()) {
        event_data event = make_event(self.random());
        const clock::time_point started = clock::now();
        const append_result stored = co_await into.append(stream, version, std::move(event));
        self.completed(started, 1);
        if (stored.last_version != ++version) throw std::runtime_error("WRONG RESULT: a wrong version");
    }
}

asio::awaitable<void> append_only(store into, worker& self) {
    const std::string stream = stream_name(self.index());
    std::int64_t version = 0;
    while (self.goes_on()) {
        event_data event = make_event(self.random());
        const clock::time_point started = clock::now();
        const append_result stored = co_await into.append(stream, version, std::move(event));
        self.completed(started, 1);
        if (stored.last_version != ++version) throw std::runtime_error("WRONG RESULT: a wrong version");
    }
}

cell inline_cell() {
    constexpr int writers = 100;
    cell pi;
    pi.name = "PI";
    pi.concurrency = writers;
    pi.unit = "events/s";
    pi.about =
        "one event an append, written into a read model in its transaction; the limit is A1 with as many writers";
    pi.prepare = [](bench&) {};
    const auto settings_of = [](bench& b) {
        client_settings settings;
        settings.workers = writers;
        settings.warm_up = b.wanted.warm_up;
        settings.seconds = b.wanted.seconds;
        return settings;
    };
    pi.library = [=](bench& b) {
        make_fresh_tables(b, projected_schema);
        make_model(b);
        std::shared_ptr<inline_projection> shared;
        const auto work = [&](store into, worker& self) -> asio::awaitable<void> {
            if (!shared) shared = std::make_shared<inline_projection>(into, write_activity);
            co_await append_and_project(*shared, self);
            shared.reset();
        };
        client_run run = run_client(in_schema(b, projected_schema), settings_of(b), work);
        check_tables(b, projected_schema, run.total, writers);
        check_model(b, std::to_string(run.total), projected_schema);
        return run;
    };
    pi.limit = [=](bench& b) {
        make_fresh_tables(b, projected_schema);
        return run_client(in_schema(b, projected_schema), settings_of(b), append_only).rate;
    };
    return pi;
}

} // namespace

std::vector<cell> projection_cells() {
    std::vector<cell> cells;
    cells.push_back(projection_cell());
    cells.push_back(inline_cell());
    return cells;
}

} // namespace eventstore::benchmarks
