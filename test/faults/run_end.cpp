#include "faults/run_end.hpp"

#include "faults/checker.hpp"
#include "faults/client_plan.hpp"
#include "faults/end_signals.hpp"
#include "faults/patience.hpp"

#include <eventstore/projection.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <thread>

namespace eventstore::test::faults {

namespace {

namespace asio = boost::asio;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

const std::chrono::milliseconds to_end = patient(30s);
const std::chrono::milliseconds to_get_on = patient(60s);

std::string seconds(std::chrono::milliseconds time) { return std::to_string((time.count() + 500) / 1'000) + " s"; }

bool waits_until(std::chrono::milliseconds limit, const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
        throw_if_told_to_end();
        try {
            if (holds()) return true;
        } catch (const std::exception&) { // the server is not back yet
        }
        if (std::chrono::steady_clock::now() >= deadline) return false;
        std::this_thread::sleep_for(50ms);
    }
}

asio::awaitable<void> ask_subscriptions(std::string url, std::string schema, std::vector<std::string>& names) {
    const store source = co_await open(store_options(url).schema(schema));
    const std::vector<projection_info> found = co_await projections(source);
    for (const projection_info& one : found)
        names.insert(names.end(), one.subscriptions.begin(), one.subscriptions.end());
    co_await source.close();
}

class run_finisher {
public:
    run_finisher(testbed& bed, const std::vector<fault_window>& windows) : bed_(bed), windows_(windows) {}

    run_result run() && {
        heal();
        for (const std::string& schema : bed_.schemas()) wait_for_writers(schema);
        stop({"writer"});
        for (const std::string& schema : bed_.schemas()) append_the_last(schema);
        for (const std::string& schema : bed_.schemas()) wait_for_subscribers(schema);
        wait_for_dropped();
        stop({"subscriber", "projector"});
        for (const std::string& end : bed_.unexpected_ends()) result_.violations.push_back(end);
        check();
        return std::move(result_);
    }

private:
    void heal() {
        bed_.plain_proxy().calm();
        bed_.tls_proxy().calm();
        for (const auto& client : bed_.clients()) client->resume();
        bed_.disk().empty();
        bed_.server().revive();
    }

    /// Until one of them has appended something without a fault.
    void wait_for_writers(const std::string& schema) {
        const std::string ask_head = "select coalesce(max(position), 0) from " + schema + ".events";
        std::optional<std::int64_t> before;
        const bool are_back = waits_until(to_get_on, [&] {
            const std::int64_t head = std::stoll(bed_.administrator().run(ask_head)[0][0]);
            if (!before) before = head;
            return head > *before;
        });
        if (!are_back)
            result_.violations.push_back("store '" + schema + "': without a fault for " + seconds(to_get_on) +
                ", no writer has appended anything; see " + note_state(schema));
    }

    void stop(const std::vector<std::string>& roles) {
        const auto is_meant = [&](const client_process& client) {
            return client.how().is_checked && std::find(roles.begin(), roles.end(), client.how().role) != roles.end();
        };
        for (const auto& client : bed_.clients())
            if (is_meant(*client)) client->ask_to_stop();
        for (const auto& client : bed_.clients()) {
            if (!is_meant(*client) || client->has_ended_within(to_end)) continue;
            result_.violations.push_back("client " + client->how().name + " has not ended within " + seconds(to_end) +
                " of SIGTERM; see " + client->log());
            client->kill();
        }
    }

    /// The last event of the log and of the stream that is subscribed to: whoever has acknowledged it has everything.
    void append_the_last(const std::string& schema) {
        client_process& last = bed_.add_client(schema, "finisher");
        last.start();
        if (!last.has_ended_within(to_get_on))
            result_.violations.push_back("nothing can be appended at the end; see " + last.log());
    }

    /// Until all of them have everything. Who is far behind may take his time, as long as he gets on.
    void wait_for_subscribers(const std::string& schema) {
        const std::string ask_behind =
            "select coalesce(string_agg(s.name || ' is at ' || case s.stream when '$all' then "
            "s.position else s.version end || ' of ' || e.goal, ', ' order by s.name), '') "
            "from " +
            schema +
            ".subscriptions as s cross join lateral (select case s.stream when '$all' then (select max(position) "
            "from " +
            schema + ".events) else (select version from " + schema +
            ".streams as t where t.name = s.stream) end as goal) as e "
            "where case s.stream when '$all' then s.position else s.version end < e.goal";
        std::string behind;
        bool is_getting_on = true;
        while (is_getting_on) {
            const std::string before = behind;
            is_getting_on = waits_until(to_get_on, [&] {
                behind = bed_.administrator().run(ask_behind)[0][0];
                return behind.empty() || behind != before;
            });
            if (is_getting_on && behind.empty()) return;
        }
        result_.violations.push_back("store '" + schema + "': without a fault for " + seconds(to_get_on) + ", " +
            behind + "; see " + note_state(schema));
    }

    /// What the server knows of the subscriptions and of all sessions, in a file beside the records.
    std::string note_state(const std::string& schema) {
        const std::string path = bed_.folder() + "/" + schema + ".state";
        std::ofstream file(path);
        for (const std::string& statement :
            {"select to_jsonb(s), clock_timestamp() from " + schema + ".subscriptions as s order by s.name",
                std::string("select to_jsonb(a) from pg_stat_activity as a where datname = current_database()"),
                std::string("select to_jsonb(l) from pg_locks as l where not granted")})
            for (const auto& row : bed_.administrator().run(statement)) file << row[0] << '\n';
        return path;
    }

    void wait_for_dropped() {
        for (const auto& client : bed_.clients()) {
            if (client->how().is_checked) continue;
            if (!client->has_ended_within(to_end)) {
                result_.violations.push_back(
                    "client " + client->how().name + " goes on, but its schema was dropped; see " + client->log());
                client->kill();
            }
        }
    }

    std::vector<std::string> subscriptions_of_projections(const std::string& schema) {
        std::vector<std::string> names;
        asio::io_context context(1);
        asio::co_spawn(context, ask_subscriptions(bed_.server().url(bed_.server().port(), false), schema, names),
            [](std::exception_ptr thrown) {
                if (thrown) std::rethrow_exception(thrown);
            });
        context.run();
        return names;
    }

    void check() {
        history records;
        records.add_file(bed_.records());
        for (const auto& client : bed_.clients())
            if (client->how().is_checked)
                for (const std::string& file : client->records())
                    if (std::filesystem::exists(file)) records.add_file(file); // or it was killed before it had begun
        std::vector<log_facts> stores;
        std::vector<subscription_rules> subscriptions;
        session database = bed_.administrator();
        database.run("set statement_timeout = 0");
        for (const std::string& schema : bed_.schemas()) {
            stores.push_back(load_facts(
                database, schema, {{std::string(read_model), subscriptions_of_projections(schema), retries}}));
            for (const used_subscription& used : used_subscriptions())
                subscriptions.push_back(rules_of(used, schema, bed_.lease()));
        }
        for (const violation& found : faults::check(records, stores, subscriptions))
            result_.violations.push_back(std::string(name_of(found.broken)) + ": " + found.text);
        result_.table = table_of(longest_pauses_of(records, windows_));
        count(records, stores);
    }

    void count(const history& records, const std::vector<log_facts>& stores) {
        std::size_t events = 0;
        std::size_t parked = 0;
        for (const log_facts& facts : stores) {
            events += facts.events.size();
            parked += facts.parked.size();
        }
        std::size_t ends[3] = {};
        for (const append_attempt& attempt : records.appends) ++ends[static_cast<std::size_t>(attempt.end)];
        std::size_t deliveries = 0;
        for (const ownership& owner : records.ownerships)
            for (const owner_step& step : owner.steps) deliveries += step.done == owner_step::kind::delivered ? 1 : 0;
        result_.counts = std::to_string(events) + " events stored; " + std::to_string(ends[1]) +
            " appends acknowledged, " + std::to_string(ends[2]) + " refused, " + std::to_string(ends[0]) +
            " left unknown; " + std::to_string(deliveries) + " deliveries to " +
            std::to_string(records.ownerships.size()) + " owners; " + std::to_string(parked) + " events parked";
    }

    testbed& bed_;
    const std::vector<fault_window>& windows_;
    run_result result_;
};

} // namespace

run_result finish_run(testbed& bed, const std::vector<fault_window>& windows) {
    return run_finisher(bed, windows).run();
}

} // namespace eventstore::test::faults
