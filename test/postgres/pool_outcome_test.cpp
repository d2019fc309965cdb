// What the callers of a pool are told, whatever becomes of their statements, transactions and connections.
#include "postgres/acting_server.hpp"
#include "support/concurrently.hpp"
#include "support/stop.hpp"

#include "postgres/pool.hpp"

#include <boost/asio/cancellation_signal.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <set>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;
using es::errc;
using es::postgres::pool;
using turn = acting_server::turn;

BOOST_AUTO_TEST_SUITE(pool_outcome_test)

namespace {

using pool_ptr = std::shared_ptr<pool>;
using outcome = es::result<pool::change>;

/// Prepared long since, or to be prepared first, or sent whole.
enum class kind { read, new_read, lone_read, write, new_write, lone_write };
constexpr kind all_kinds[] = {
    kind::read, kind::new_read, kind::lone_read, kind::write, kind::new_write, kind::lone_write};
constexpr bool writes(kind what) { return what >= kind::write; }

struct caller {
    std::int64_t number;
    kind what;
};

/// One of each kind, and a second one of those that need no preparation.
std::vector<caller> one_of_each() {
    std::vector<caller> all;
    for (const kind each : all_kinds) all.push_back({static_cast<std::int64_t>(all.size()) + 1, each});
    for (const kind each : {kind::read, kind::write}) all.push_back({static_cast<std::int64_t>(all.size()) + 1, each});
    return all;
}

class statements final : public es::postgres::statement_set {
public:
    statements() {
        for (std::size_t i = 0; i < 6; ++i) {
            es::postgres::statement& each = of_kind[i];
            const auto what = static_cast<kind>(i);
            each.index = i;
            each.name = "s" + std::to_string(i);
            each.text = "select $1";
            each.types = {es::postgres::type_oid::int8};
            each.doing = "asking";
            each.writes = writes(what);
            each.is_prepared = what != kind::lone_read && what != kind::lone_write;
            each.set = this;
        }
    }
    es::postgres::statement of_kind[6];
};

asio::awaitable<outcome> ask(pool_ptr whom, std::shared_ptr<const statements> known, caller who, duration limit = 20s) {
    es::postgres::parameters arguments;
    arguments.add(who.number);
    return pool::execute_change(std::move(whom), known->of_kind[static_cast<int>(who.what)], std::move(arguments),
        std::chrono::steady_clock::now() + limit);
}

/// A pool of one connection, on which the usual statements are prepared.
class pool_of_one {
public:
    pool_of_one(const std::string& url, asio::any_io_executor executor, bool is_pooled = false)
        : all(std::make_shared<pool>(es::store_options(url).pool_size(1).pooled(is_pooled),
              es::detail::environment::make(executor, nullptr))) {}

    asio::awaitable<void> prepare() const {
        for (const kind each : {kind::read, kind::write}) {
            auto asking = ask(all, known, {-1, each});
            const auto how = co_await std::move(asking);
            BOOST_TEST_REQUIRE(how.has_value(), (how ? "" : how.error().message()));
        }
    }

    asio::awaitable<std::vector<outcome>> ask_at_once(std::vector<caller> callers, duration limit = 20s) const {
        std::vector<asio::awaitable<outcome>> work;
        for (const caller& each : callers) work.push_back(ask(all, known, each, limit));
        auto asking = concurrently(std::move(work));
        co_return co_await std::move(asking);
    }

    asio::awaitable<void> close() const {
        auto stopping = stop(all);
        co_await std::move(stopping);
    }

    const pool_ptr all;
    const std::shared_ptr<const statements> known = std::make_shared<statements>();
};

using check = std::function<void(const std::vector<caller>&, const std::vector<outcome>&, const acting_server&)>;

/// All callers at once; what each of them is told must be true, and `more` whatever else is expected.
asio::awaitable<void> play(
    acting_server::script how, std::vector<caller> callers, duration limit, check more, bool is_pooled = false) {
    acting_server server;
    const pool_of_one pool(server.url(), co_await asio::this_coro::executor, is_pooled);
    co_await pool.prepare();
    server.play(std::move(how));
    auto asking = pool.ask_at_once(callers, limit);
    const auto told = co_await std::move(asking);
    for (std::size_t i = 0; i < callers.size(); ++i) {
        const caller& who = callers[i];
        const outcome& how_it_ended = told[i];
        BOOST_TEST_CONTEXT("caller " << who.number << ": " << (how_it_ended ? "" : how_it_ended.error().message())) {
            if (how_it_ended) BOOST_TEST(how_it_ended->answer.int8(0, 0) == who.number);
            if (!writes(who.what)) {
                BOOST_TEST((how_it_ended || !how_it_ended.error().outcome_unknown()));
                continue;
            }
            const int committed = server.committed(who.number);
            if (how_it_ended)
                BOOST_TEST(committed >= 1);
            else if (!how_it_ended.error().outcome_unknown())
                BOOST_TEST(committed == 0);
            BOOST_TEST((committed <= 1 || !how_it_ended || how_it_ended->is_repeated));
        }
    }
    more(callers, told, server);
    server.play({});
    co_await pool.close();
}

std::size_t failures_in(const std::vector<outcome>& told) {
    std::size_t count = 0;
    for (const outcome& each : told) count += each ? 0 : 1;
    return count;
}

/// A refusal of the k-th of something, which one caller hears of, if that.
check one_refusal(std::string state, std::size_t failures = 1) {
    return [state, failures](const auto& callers, const auto& told, const acting_server& server) {
        BOOST_TEST(failures_in(told) == failures);
        for (std::size_t i = 0; i < told.size(); ++i) {
            if (!told[i])
                BOOST_TEST(told[i].error().sqlstate() == state);
            else if (writes(callers[i].what))
                BOOST_TEST(server.committed(callers[i].number) == 1);
        }
    };
}

void nobody_fails(const std::vector<caller>&, const std::vector<outcome>& told, const acting_server&) {
    BOOST_TEST(failures_in(told) == 0u);
}

turn at(int k, int wanted, turn what) { return k == wanted ? what : turn::carry_out; }

constexpr turn lost_turns[] = {turn::hang_up, turn::hang_up_after};

} // namespace

BOOST_AUTO_TEST_CASE(a_statement_that_is_refused_fails_alone) {
    for (int k = 0; k < 8; ++k) {
        BOOST_TEST_CONTEXT("statement " << k) {
            acting_server::script how;
            how.statement = [k](int which, std::int64_t) { return at(which, k, turn::refuse); };
            run(play(how, one_of_each(), 20s, one_refusal("P0001")));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_preparation_that_is_refused_fails_its_statement_alone) {
    for (int k = 0; k < 2; ++k) {
        BOOST_TEST_CONTEXT("preparation " << k) {
            acting_server::script how;
            how.preparation = [k](int which) { return at(which, k, turn::refuse); };
            run(play(how, one_of_each(), 20s, one_refusal("42601")));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_commit_that_fails_is_a_failure_of_what_it_would_have_committed) {
    for (int k = 0; k < 5; ++k) {
        BOOST_TEST_CONTEXT("commit " << k) {
            acting_server::script how;
            how.commit = [k](int which) { return at(which, k, turn::refuse); };
            // The first transaction is that of the reads, whose answers stand.
            run(play(how, one_of_each(), 20s, one_refusal("P0002", k == 0 ? 0 : 1)));
        }
    }
}

BOOST_AUTO_TEST_CASE(the_failure_of_a_commit_says_what_failed) {
    acting_server::script how;
    how.commit = [](int) { return turn::refuse; };
    run(play(how, {{1, kind::write}}, 20s, [](const auto&, const auto& told, const auto&) {
        const auto why = expect_error(errc::database_error, told.front());
        BOOST_TEST(why.message() == "asking: committing: as the script says (SQLSTATE P0002)");
        BOOST_TEST(!why.outcome_unknown());
    }));
}

BOOST_AUTO_TEST_CASE(a_connection_that_is_lost_at_a_statement_harms_nobody) {
    for (const turn what : lost_turns) {
        for (int k = 0; k < 8; ++k) {
            BOOST_TEST_CONTEXT("statement " << k << ", after it: " << (what == turn::hang_up_after)) {
                acting_server::script how;
                how.statement = [k, what](int which, std::int64_t) { return at(which, k, what); };
                run(play(how, one_of_each(), 20s, &nobody_fails));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_connection_that_is_lost_between_an_answer_and_its_commit_harms_nobody) {
    for (const turn what : lost_turns) {
        for (int k = 0; k < 5; ++k) {
            BOOST_TEST_CONTEXT("commit " << k << ", after it: " << (what == turn::hang_up_after)) {
                acting_server::script how;
                how.commit = [k, what](int which) { return at(which, k, what); };
                run(play(how, one_of_each(), 20s, [&](const auto& callers, const auto& told, const auto& server) {
                    BOOST_TEST(failures_in(told) == 0u);
                    std::size_t twice = 0;
                    for (const caller& each : callers) twice += writes(each.what) && server.committed(each.number) > 1;
                    BOOST_TEST(twice == (what == turn::hang_up_after && k > 0 ? 1u : 0u));
                }));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_connection_that_is_lost_at_a_preparation_harms_nobody) {
    for (const turn what : lost_turns) {
        for (int k = 0; k < 2; ++k) {
            acting_server::script how;
            how.preparation = [k, what](int which) { return at(which, k, what); };
            run(play(how, one_of_each(), 20s, &nobody_fails));
        }
    }
}

// A statement that brings down the connection with it, each time.
BOOST_AUTO_TEST_CASE(who_takes_each_connection_along_fails_alone_and_within_bounds) {
    for (const turn what : lost_turns) {
        for (const caller& bad : one_of_each()) {
            if (what == turn::hang_up_after && !writes(bad.what)) continue; // its answer has come
            BOOST_TEST_CONTEXT("caller " << bad.number << ", after it: " << (what == turn::hang_up_after)) {
                acting_server::script how;
                how.statement = [bad, what](
                                    int, std::int64_t number) { return number == bad.number ? what : turn::carry_out; };
                run(play(how, one_of_each(), 20s, [&](const auto& callers, const auto& told, const auto& server) {
                    BOOST_TEST(failures_in(told) == 1u);
                    const auto why =
                        expect_error(errc::connection_lost, told[static_cast<std::size_t>(bad.number) - 1]);
                    BOOST_TEST(why.outcome_unknown() == writes(bad.what));
                    BOOST_TEST(why.message().find("its connection was lost each of the 5 times") != std::string::npos);
                    BOOST_TEST(server.connections() <= 8);
                    BOOST_TEST(callers.size() == told.size());
                }));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(who_commits_and_is_never_told_is_told_that_the_outcome_is_unknown) {
    for (const kind what : {kind::write, kind::new_write, kind::lone_write}) {
        acting_server::script how;
        how.commit = [](int) { return turn::hang_up_after; };
        run(play(how, {{1, what}}, 20s, [](const auto&, const auto& told, const auto& server) {
            const auto why = expect_error(errc::connection_lost, told.front());
            BOOST_TEST(why.outcome_unknown());
            BOOST_TEST(server.committed(1) == 5);
        }));
    }
}

BOOST_AUTO_TEST_CASE(who_is_refused_after_an_attempt_that_was_lost_is_told_of_both) {
    acting_server::script how;
    how.commit = [](int k) { return at(k, 0, turn::hang_up_after); };
    how.statement = [](int k, std::int64_t) { return at(k, 1, turn::refuse); };
    run(play(how, {{1, kind::write}}, 20s, [](const auto&, const auto& told, const auto& server) {
        const auto why = expect_error(errc::database_error, told.front());
        BOOST_TEST(why.sqlstate() == "P0001");
        BOOST_TEST(why.outcome_unknown());
        BOOST_TEST(server.committed(1) == 1);
    }));
}

BOOST_AUTO_TEST_CASE(out_of_time_a_write_that_was_sent_is_unknown_and_a_read_is_merely_late) {
    for (int k = 0; k < 8; ++k) {
        BOOST_TEST_CONTEXT("statement " << k) {
            acting_server::script how;
            how.statement = [k](int which, std::int64_t) { return at(which, k, turn::fall_silent); };
            run(play(how, one_of_each(), 100ms, [&](const auto& callers, const auto& told, const auto&) {
                BOOST_TEST(failures_in(told) >= 1u);
                for (std::size_t i = 0; i < told.size(); ++i) {
                    if (told[i]) continue;
                    const auto why = expect_error(errc::timeout, told[i]);
                    BOOST_TEST(why.outcome_unknown() == writes(callers[i].what));
                }
            }));
        }
    }
}

BOOST_AUTO_TEST_CASE(out_of_time_at_the_commit_is_unknown) {
    acting_server::script how;
    how.commit = [](int) { return turn::fall_silent; };
    run(play(how, {{1, kind::write}}, 100ms, [](const auto&, const auto& told, const auto&) {
        BOOST_TEST(expect_error(errc::timeout, told.front()).outcome_unknown());
    }));
}

// The front of its pipeline is what nobody waits for: no statement is late there, and those behind it are.
BOOST_AUTO_TEST_CASE(a_connection_on_which_the_end_of_answered_reads_never_comes_is_given_up) {
    const auto body = []() -> asio::awaitable<void> {
        acting_server server;
        const pool_of_one pool(server.url(), co_await asio::this_coro::executor);
        co_await pool.prepare();
        acting_server::script how;
        how.commit = [](int) { return turn::fall_silent_after; };
        server.play(how);
        auto reading = pool.ask_at_once({{1, kind::read}, {2, kind::read}});
        const auto answered = co_await std::move(reading);
        BOOST_TEST(failures_in(answered) == 0u);

        server.play({});
        auto waiting = pool.ask_at_once({{3, kind::read}}, 200ms);
        const auto late = co_await std::move(waiting);
        expect_error(errc::timeout, late.front());
        auto asking = pool.ask_at_once({{4, kind::read}, {5, kind::write}});
        const auto told = co_await std::move(asking);
        BOOST_TEST(failures_in(told) == 0u);
        BOOST_TEST(server.connections() == 2);
        co_await pool.close();
    };
    run(body());
}

// PgBouncer before 1.21 releases a server session at the first ReadyForQuery, although its client has sent more.
BOOST_AUTO_TEST_CASE(behind_a_pooler_nothing_is_sent_before_the_transaction_before_it_has_ended) {
    const auto in_turn = [](const auto& callers, const auto& told, const acting_server& server) {
        nobody_fails(callers, told, server);
        BOOST_TEST(!server.was_ahead());
    };
    run(play({}, one_of_each(), 20s, in_turn, true));
    for (const turn what : lost_turns) {
        for (int k = 0; k < 8; ++k) {
            acting_server::script how;
            how.statement = [k, what](int which, std::int64_t) { return at(which, k, what); };
            run(play(how, one_of_each(), 20s, in_turn, true));
            how.statement = nullptr;
            how.commit = [k, what](int which) { return at(which, k, what); };
            run(play(how, one_of_each(), 20s, in_turn, true));
        }
    }
    bool was_ahead = false; // past a pooler it is, and that is seen
    for (int i = 0; i < 100 && !was_ahead; ++i) {
        run(play({}, one_of_each(), 20s,
            [&](const auto&, const auto&, const acting_server& server) { was_ahead = server.was_ahead(); }));
    }
    BOOST_TEST(was_ahead);
}

BOOST_AUTO_TEST_CASE(behind_a_pooler_each_is_told_what_became_of_its_own_statement) {
    for (int k = 0; k < 8; ++k) {
        acting_server::script how;
        how.statement = [k](int which, std::int64_t) { return at(which, k, turn::refuse); };
        run(play(how, one_of_each(), 20s, one_refusal("P0001"), true));
        how.statement = [k](int which, std::int64_t) { return at(which, k, turn::fall_silent); };
        run(play(
            how, one_of_each(), 100ms,
            [](const auto&, const auto& told, const auto&) { BOOST_TEST(failures_in(told) >= 1u); }, true));
    }
}

BOOST_AUTO_TEST_CASE(what_was_never_sent_is_known_not_to_be_done) {
    run([]() -> asio::awaitable<void> {
        const pool_of_one pool("host=/nonexistent user=test dbname=test", co_await asio::this_coro::executor);
        auto asking = pool.ask_at_once({{1, kind::write}, {2, kind::read}}, 100ms);
        const auto told = co_await std::move(asking);
        for (const outcome& each : told) BOOST_TEST(!expect_error(errc::connection_lost, each).outcome_unknown());
        co_await pool.close();
    }());
}

BOOST_AUTO_TEST_CASE(a_cancelled_write_says_whether_it_was_sent) {
    run([]() -> asio::awaitable<void> {
        acting_server server;
        const auto executor = co_await asio::this_coro::executor;
        const pool_of_one pool(server.url(), executor);
        co_await pool.prepare();
        acting_server::script how;
        std::atomic<bool> came = false;
        how.statement = [&](int, std::int64_t) {
            came = true;
            return turn::fall_silent;
        };
        server.play(how);
        for (const bool is_sent : {true, false}) {
            asio::cancellation_signal canceller;
            std::optional<started<void>> stopping;
            if (!is_sent) {
                server.play({});
                stopping.emplace(executor, es::test::stop(pool.all)); // from now on nothing is sent
            }
            started<outcome> asking(executor, ask(pool.all, pool.known, {1, kind::write}), canceller.slot());
            if (is_sent)
                co_await eventually([&] { return came.load(); });
            else
                co_await let_others_run();
            canceller.emit(asio::cancellation_type::terminal);
            co_await eventually([&] { return asking.done(); });
            if (is_sent)
                BOOST_TEST(expect_error(errc::cancelled, asking.value()).outcome_unknown());
            else
                BOOST_TEST(!asking.value().error().outcome_unknown());
        }
        auto dropping = es::test::stop(pool.all, 0s);
        co_await std::move(dropping);
    }());
}

// The first of each group fails: the others must not be skipped with it for ever.
BOOST_AUTO_TEST_CASE(reads_that_always_fail_do_not_hold_up_others) {
    run([]() -> asio::awaitable<void> {
        acting_server server;
        const auto executor = co_await asio::this_coro::executor;
        const pool_of_one pool(server.url(), executor);
        co_await pool.prepare();
        acting_server::script how;
        how.statement = [](int, std::int64_t number) { return number < 0 ? turn::refuse : turn::carry_out; };
        server.play(how);
        bool stop = false;
        int refused = 0;
        const auto failing = [&]() -> asio::awaitable<void> {
            while (!stop) {
                auto asking = ask(pool.all, pool.known, {-7, kind::read});
                const auto told = co_await std::move(asking);
                refused += told ? 0 : 1;
            }
        };
        std::vector<started<void>> others;
        for (int i = 0; i < 8; ++i) others.emplace_back(executor, failing());
        for (std::int64_t number = 1; number <= 100; ++number) {
            auto asking = ask(pool.all, pool.known, {number, number % 2 == 0 ? kind::read : kind::write});
            const auto told = co_await std::move(asking);
            BOOST_TEST(told.has_value(), (told ? "" : told.error().message()));
        }
        stop = true;
        for (const auto& each : others) co_await eventually([&] { return each.done(); });
        BOOST_TEST(refused > 0);
        co_await pool.close();
    }());
}

BOOST_AUTO_TEST_SUITE_END()
