// The model against the real database: random schedules are run in the simulation, and whatever they have asked of the model
// is asked of a PostgreSQL again, in the same order. Each answer must be the same, and so must the tables at the end.
//
// What time it is, is told to the server by setting the leases back; they are 10,000 times as long there, so that the time
// that the test itself takes does not count.
#include "simulation/real_database.hpp"
#include "simulation/simulation.hpp"

#include "support/stop.hpp"
#include "support/store_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>
#include <variant>
#include <vector>

using namespace eventstore;
using namespace eventstore::test;
using namespace eventstore::test::simulation;
namespace simulation = eventstore::test::simulation;

BOOST_AUTO_TEST_SUITE(database_model_test)

namespace {

struct recorded_call {
    moment clock;
    database_call call;
    std::string answer;
};

/// What one run has asked, and its tables.
struct recording {
    std::vector<recorded_call> calls;
    std::string tables;
    std::set<std::size_t> kinds; ///< of calls
    std::set<std::string> facts; ///< what was asked, and the first of what was answered
    bool is_clear = true;        ///< no claim came within some milliseconds of the end of a lease
};

std::string text_of_id(const std::optional<uuid>& id) { return id ? eventstore::to_string(*id) : "NULL"; }
const char* text_of_flag(bool value) { return value ? "t" : "f"; }

std::string tables_of(const database_model& database) {
    std::ostringstream out;
    for (const stored_event& event : database.log())
        out << event.position << '|' << event.stream << '|' << event.version << '|' << eventstore::to_string(event.id)
            << '|' << event.type << '\n';
    for (const auto& [id, row] : database.subscriptions()) {
        out << id << '|' << row.stream << '|' << row.name << '|' << row.position << '|' << row.version << '|'
            << text_of_id(row.event) << '|' << row.epoch << '|' << text_of_id(row.owner) << '|' << row.beat << '|'
            << text_of_flag(!row.renewed_at) << '|' << row.lease.count() << '|' << row.deliveries << '|'
            << row.delivered << '|' << row.announced << '|' << text_of_flag(row.stream_id.has_value()) << '\n';
    }
    for (const auto& [place, row] : database.parked())
        out << place.first << '|' << place.second << '|' << row.deliveries << '|' << text_of_flag(row.replay) << '\n';
    return out.str();
}

std::string tables_of(store_fixture& fixture) {
    std::ostringstream out;
    const auto add = [&](const std::string& question) {
        for (const auto& row : fixture.ask(question)) {
            for (std::size_t i = 0; i < row.size(); ++i) out << (i == 0 ? "" : "|") << row[i];
            out << '\n';
        }
    };
    add("select e.position, s.name, e.stream_version, e.event_id, e.type from eventstore.events as e"
        " join eventstore.streams as s on s.stream_id = e.stream_id order by 1");
    add("select subscription_id, stream, name, position, version, event_id, epoch, owner, beat, renewed_at is null,"
        " coalesce((extract(epoch from lease) * 1000 / " +
        std::to_string(real_database::time_scale) +
        ")::bigint, 0), deliveries, delivered, announced, stream_id is not null from eventstore.subscriptions order by "
        "1");
    add("select subscription_id, position, deliveries, replay from eventstore.parked_events order by 1, 2");
    return out.str();
}

recording record(const schedule& plan, bug planted) {
    recording made;
    observation observed;
    observed.on_call = [&](moment clock, const database_call& call, const std::string& answer) {
        made.calls.push_back({clock, call, answer});
        const std::string text = text_of(call);
        made.facts.insert(text.substr(0, text.find(' ')) + " " + answer.substr(0, answer.find_first_of(":;")));
        made.kinds.insert(call.index());
    };
    observed.at_end = [&](const database_model& database) {
        made.tables = tables_of(database);
        made.is_clear = database.closest_claim() > 5ms;
    };
    (void)simulation::run(plan, planted, observed);
    return made;
}

bool reads_the_clock(const database_call& call) {
    return std::holds_alternative<claim_call>(call) || std::holds_alternative<settle_call>(call) ||
        std::holds_alternative<checkpoint_call>(call);
}

/// \param difference the first one
asio::awaitable<void> replay(store_fixture& fixture, const recording& recorded, std::string& difference) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto where = eventstore::detail::environment::make(executor, nullptr);
    real_database real;
    real.pool = std::make_shared<postgres::pool>(fixture.options(), where);
    real.statements = std::make_shared<const storage::statements>(fixture.schema());
    real.reader = std::make_shared<read::reader>(eventstore::detail::clock::of_machine(), real.pool, real.statements);
    real.timeline = static_cast<std::int32_t>(fixture.number("select eventstore.timeline()"));
    moment clock = recorded.calls.front().clock;
    for (const recorded_call& one : recorded.calls) {
        if (reads_the_clock(one.call) && one.clock != clock) {
            const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(one.clock - clock);
            clock = one.clock;
            fixture.ask("update eventstore.subscriptions set renewed_at = renewed_at - interval '1 microsecond' * " +
                std::to_string(passed.count() * real_database::time_scale));
        }
        auto asking = real.ask(one.call);
        const std::string answer = co_await std::move(asking);
        if (answer == one.answer) continue;
        difference = text_of(one.call) + "\nmodel: " + one.answer + "\nreal:  " + answer;
        break;
    }
    auto stopping = stop(real.pool);
    co_await std::move(stopping);
}

/// The first difference between what the model has answered and what a database does; empty if there is none.
std::string difference_of(const recording& recorded) {
    std::string difference;
    store_fixture fixture;
    fixture.with_store([&](store) { return replay(fixture, recorded, difference); });
    const std::string there = tables_of(fixture);
    if (difference.empty() && there != recorded.tables)
        difference = "the tables at the end\nmodel:\n" + recorded.tables + "real:\n" + there;
    fixture.teardown();
    return difference;
}

} // namespace

BOOST_AUTO_TEST_CASE(it_answers_as_the_functions_of_the_schema_do) {
    constexpr std::size_t least_calls = 2'000;
    constexpr std::size_t all_kinds = std::variant_size_v<database_call>;
    std::set<std::string> wanted{"claim taken", "claim not taken", "append_event SQLSTATE 23505"};
    std::set<std::size_t> kinds; // that were compared
    std::size_t calls = 0;
    int schedules = 0;
    for (std::uint64_t seed = 1; seed <= 5'000; ++seed) {
        const bool is_enough = calls >= least_calls;
        if (is_enough && kinds.size() == all_kinds && wanted.empty()) break;
        const recording recorded = record(make_schedule(seed), bug::none);
        if (!recorded.is_clear || recorded.calls.empty()) continue;
        const bool is_new = !std::ranges::includes(kinds, recorded.kinds) ||
            std::ranges::any_of(wanted, [&](const std::string& fact) { return recorded.facts.contains(fact); });
        if (is_enough && !is_new) continue;
        calls += recorded.calls.size();
        ++schedules;
        kinds.insert(recorded.kinds.begin(), recorded.kinds.end());
        std::erase_if(wanted, [&](const std::string& fact) { return recorded.facts.contains(fact); });
        const std::string difference = difference_of(recorded);
        BOOST_TEST_REQUIRE(difference.empty(), "seed " << seed << ": " << difference);
    }
    BOOST_TEST(kinds.size() == all_kinds);
    for (const std::string& fact : wanted) BOOST_ERROR("no schedule has compared: " << fact);
    BOOST_TEST_MESSAGE(schedules << " schedules, " << calls << " calls");
}

BOOST_AUTO_TEST_CASE(a_model_that_is_wrong_is_found_out) {
    for (const bug planted : {bug::claims_too_early, bug::stores_a_retry_twice, bug::page_forgets_an_event}) {
        std::string difference;
        for (std::uint64_t seed = 1; seed <= 2'000 && difference.empty(); ++seed) {
            const schedule plan = make_schedule(seed);
            if (!simulation::run(plan, planted).found) continue; // it makes no difference
            difference = difference_of(record(plan, planted));
        }
        BOOST_TEST(!difference.empty(), "planted bug " << static_cast<int>(planted));
    }
}

BOOST_AUTO_TEST_SUITE_END()
