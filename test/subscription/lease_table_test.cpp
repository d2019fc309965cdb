// The leases of a store, in virtual time: when rows are written, and with what.

#include "subscription/lease_table.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace eventstore::delivery;
using eventstore::detail::instant;
using std::chrono::milliseconds;

constexpr milliseconds length = 900ms;
constexpr milliseconds checkpoint_after = 20ms;

progress at(std::int64_t position, std::uint64_t events = 0) {
    progress what;
    what.checkpoint.where.position = what.received = position;
    what.checkpoint.events = events != 0 ? events : static_cast<std::uint64_t>(position);
    what.serial = what.checkpoint.events;
    return what;
}

struct table_fixture {
    lease_table table;
    steady_time begun{1h};
    instant now{begun, eventstore::detail::lease_time(5h)};

    void pass(milliseconds time) {
        now.timer += time;
        now.lease += time;
    }
    void add(std::int64_t id, std::optional<std::size_t> every = std::nullopt) {
        table.add({id, 1, 0, {}, now.lease, length, checkpoint_after, every});
        table.report(id, 1, at(0), write_by::terms, now);
    }
    milliseconds until_due() const { return std::chrono::duration_cast<milliseconds>(table.due(now) - now.timer); }
    /// What is due is written, and has its answer at once.
    std::vector<lease_write> write(write_result how = write_result::done) {
        auto writes = table.take(now);
        for (const auto& each : writes) table.apply(each, how, now.lease, now);
        return writes;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(lease_table_test, table_fixture)

BOOST_AUTO_TEST_CASE(a_lease_of_which_nothing_is_reported_is_renewed_at_a_third) {
    add(7);
    BOOST_TEST((until_due() == 300ms));
    pass(299ms);
    BOOST_TEST(write().empty());
    pass(1ms);
    const auto writes = write();
    BOOST_TEST_REQUIRE(writes.size() == 1u);
    BOOST_TEST(!writes.front().is_moved);
    BOOST_TEST(!writes.front().is_urgent);
    BOOST_TEST((until_due() == 300ms));
}

BOOST_AUTO_TEST_CASE(a_checkpoint_is_written_a_little_after_the_first_acknowledgement_with_all_that_came_since) {
    add(7);
    BOOST_TEST(table.report(7, 1, at(3), write_by::terms, now));
    BOOST_TEST((until_due() == 20ms));
    pass(15ms);
    BOOST_TEST(!table.report(7, 1, at(9), write_by::terms, now)); // it is not put off
    pass(5ms);
    const auto writes = write();
    BOOST_TEST_REQUIRE(writes.size() == 1u);
    BOOST_TEST(writes.front().is_moved);
    BOOST_TEST(writes.front().progress.checkpoint.where.position == 9);
    BOOST_TEST((until_due() == 300ms)); // and the lease is renewed with it
}

BOOST_AUTO_TEST_CASE(so_many_acknowledged_events_are_written_at_once) {
    add(7, 10u);
    table.report(7, 1, at(9), write_by::terms, now);
    BOOST_TEST(write().empty());
    table.report(7, 1, at(10), write_by::terms, now);
    BOOST_TEST(write().size() == 1u);
}

BOOST_AUTO_TEST_CASE(progress_over_events_that_were_left_out_is_written_later) {
    add(7);
    progress filtered = at(5);
    filtered.checkpoint.events = 0;
    table.report(7, 1, filtered, write_by::terms, now);
    BOOST_TEST((until_due() == 200ms));
}

BOOST_AUTO_TEST_CASE(what_somebody_waits_for_is_written_now_though_nothing_has_moved) {
    add(7);
    table.report(7, 1, at(0), write_by::now, now);
    const auto writes = write();
    BOOST_TEST_REQUIRE(writes.size() == 1u);
    BOOST_TEST(writes.front().is_urgent);
    BOOST_TEST(!writes.front().is_moved);
}

BOOST_AUTO_TEST_CASE(what_waits_goes_along_with_what_is_due_in_the_order_of_the_ids) {
    for (const std::int64_t id : {9, 7, 8}) add(id);
    table.report(9, 1, at(1), write_by::terms, now);
    pass(10ms);
    table.report(7, 1, at(1), write_by::now, now);
    const auto writes = write();
    BOOST_TEST_REQUIRE(writes.size() == 2u); // 8 has nothing, and its renewal is far
    BOOST_TEST(writes.front().id == 7);
    BOOST_TEST(writes.back().id == 9);
}

BOOST_AUTO_TEST_CASE(what_is_reported_while_a_write_is_under_way_is_written_after_it) {
    add(7);
    table.report(7, 1, at(1), write_by::now, now);
    const auto first = table.take(now);
    BOOST_TEST_REQUIRE(first.size() == 1u);
    BOOST_TEST(!table.report(7, 1, at(2), write_by::now, now));
    BOOST_TEST((table.due(now) == steady_time::max())); // one at a time
    BOOST_TEST(table.take(now).empty());
    table.apply(first.front(), write_result::done, now.lease, now);
    const auto second = write();
    BOOST_TEST_REQUIRE(second.size() == 1u);
    BOOST_TEST(second.front().progress.checkpoint.where.position == 2);
    BOOST_TEST(second.front().from == 1);
    BOOST_TEST(second.front().beat == first.front().beat + 1);
}

BOOST_AUTO_TEST_CASE(a_write_that_failed_is_due_again_and_proves_nothing) {
    add(7);
    table.report(7, 1, at(1), write_by::now, now);
    const auto first = table.take(now);
    table.failed(first.front(), now);
    const auto again = write();
    BOOST_TEST_REQUIRE(again.size() == 1u);
    BOOST_TEST(again.front().is_moved);
    BOOST_TEST(again.front().from == 0); // the row may be at either
}

BOOST_AUTO_TEST_CASE(a_lease_counts_from_when_its_renewal_was_sent_and_runs_out_while_the_machine_is_suspended) {
    add(7);
    BOOST_TEST(table.is_trusted(7, 1, now.lease));
    BOOST_TEST(!table.is_trusted(7, 2, now.lease)); // that would be another lease
    now.lease += 600ms;                             // the timers did not notice
    BOOST_TEST(!table.is_trusted(7, 1, now.lease));
    const auto sent = now.lease;
    const auto writes = table.take(now); // but it is due by now
    BOOST_TEST_REQUIRE(writes.size() == 1u);
    pass(500ms);
    BOOST_TEST(table.apply(writes.front(), write_result::done, sent, now).is_trusted_again);
    BOOST_TEST(table.is_trusted(7, 1, now.lease));
    pass(100ms);
    BOOST_TEST(!table.is_trusted(7, 1, now.lease));
}

BOOST_AUTO_TEST_CASE(a_release_holds_the_last_report_and_ends_the_lease) {
    add(7);
    table.report(7, 1, at(4), write_by::release, now);
    const auto writes = write();
    BOOST_TEST_REQUIRE(writes.size() == 1u);
    BOOST_TEST(writes.front().releases);
    BOOST_TEST(writes.front().progress.checkpoint.where.position == 4);
    pass(10s);
    BOOST_TEST((table.due(now) == steady_time::max()));
    table.remove(7, 1);
    BOOST_TEST(table.is_empty());
}

BOOST_AUTO_TEST_CASE(a_lease_that_was_lost_is_not_written_again) {
    for (const auto how : {write_result::lost, write_result::deleted, write_result::truncated}) {
        add(7);
        table.renew_now(7, now);
        BOOST_TEST(write(how).size() == 1u);
        BOOST_TEST(!table.is_trusted(7, 1, now.lease)); // though its time is not over
        BOOST_TEST(!table.report(7, 1, at(5), write_by::now, now));
        pass(10s);
        BOOST_TEST((table.due(now) == steady_time::max()));
    }
}

BOOST_AUTO_TEST_CASE(an_answer_for_an_earlier_lease_of_a_subscription_changes_nothing) {
    add(7);
    table.renew_now(7, now);
    const auto writes = table.take(now);
    table.remove(7, 1);
    table.add({7, 2, 5, {8, 0}, now.lease, length, checkpoint_after, std::nullopt});
    BOOST_TEST(!table.apply(writes.front(), write_result::lost, now.lease, now).is_known);
    table.report(7, 2, at(8), write_by::now, now);
    const auto next = write();
    BOOST_TEST_REQUIRE(next.size() == 1u);
    BOOST_TEST(next.front().epoch == 2);
    BOOST_TEST(next.front().beat == 6);
    table.remove(7, 1); // that of the earlier one comes late
    BOOST_TEST(!table.is_empty());
}

BOOST_AUTO_TEST_CASE(leases_of_many_stores_are_renewed_in_one_rhythm_and_none_of_them_late) {
    lease_table one{begun};
    lease_table other{begun};
    pass(40ms);
    one.add({1, 1, 0, {}, now.lease, length, checkpoint_after, std::nullopt});
    one.report(1, 1, at(0), write_by::terms, now);
    pass(70ms);
    other.add({1, 1, 0, {}, now.lease, length, checkpoint_after, std::nullopt});
    other.report(1, 1, at(0), write_by::terms, now);
    BOOST_TEST((one.due(now) == begun + 300ms));
    BOOST_TEST((other.due(now) == begun + 300ms));
}

BOOST_AUTO_TEST_CASE(the_first_report_of_a_lease_makes_it_due) {
    table.add({7, 1, 0, {}, now.lease, length, checkpoint_after, std::nullopt});
    BOOST_TEST((table.due(now) == steady_time::max())); // nothing is known to write
    BOOST_TEST(table.report(7, 1, at(0), write_by::terms, now));
    BOOST_TEST((until_due() == 300ms));
}

BOOST_AUTO_TEST_CASE(what_is_waited_for_can_be_told_from_what_waits_for_its_time) {
    add(7);
    table.report(7, 1, at(1), write_by::terms, now);
    BOOST_TEST(!table.is_awaited());
    pass(20ms);
    BOOST_TEST(table.report(7, 1, at(1), write_by::now, now)); // though it was due already
    BOOST_TEST(table.is_awaited());
    const auto writes = table.take(now);
    BOOST_TEST(!table.is_awaited());
    table.failed(writes.front(), now);
    BOOST_TEST(table.is_awaited()); // still
    write();
    BOOST_TEST(!table.is_awaited());
    table.report(7, 1, at(2), write_by::release, now);
    BOOST_TEST(table.is_awaited());
}

BOOST_AUTO_TEST_CASE(what_another_transaction_has_written_is_not_written_again) {
    add(7);
    table.report(7, 1, at(2), write_by::now, now);
    write();
    const auto row = table.row_for(7, 1, at(5));
    BOOST_TEST_REQUIRE(row.has_value());
    BOOST_TEST(row->from == 2);
    BOOST_TEST(row->is_moved);
    table.written_elsewhere(*row);
    table.report(7, 1, at(5), write_by::terms, now);
    BOOST_TEST((until_due() == 300ms)); // the lease is not renewed by that
    table.report(7, 1, at(6), write_by::now, now);
    BOOST_TEST(write().front().from == 5);
    BOOST_TEST(!table.row_for(7, 2, at(7)).has_value());
    table.renew_now(7, now);
    write(write_result::lost);
    BOOST_TEST(!table.row_for(7, 1, at(7)).has_value());
}

// However slow, lossy and late the database is: one write of a lease at a time, nothing reported is forgotten, and nothing
// written goes back.
BOOST_AUTO_TEST_CASE(whatever_fails_the_row_gets_to_the_last_report) {
    for (unsigned seed = 1; seed <= 300; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            std::mt19937 random(seed);
            const auto chance = [&](unsigned in) { return random() % in == 0; };
            struct row {
                std::int64_t position = 0;
                std::int64_t beat = 0;
                std::int64_t reported = 0;
                bool is_released = false;
                bool is_ending = false;
            };
            lease_table all;
            std::map<std::int64_t, row> rows;
            for (std::int64_t id = 1; id <= 4; ++id) {
                all.add({id, 1, 0, {}, now.lease, length, checkpoint_after, std::nullopt});
                all.report(id, 1, at(0), write_by::terms, now);
                rows[id];
            }
            std::vector<lease_write> under_way;
            int writes = 0;
            const auto answer = [&](bool is_lossy) {
                const bool is_lost = is_lossy && chance(4);
                const bool is_done = !is_lost || chance(2);
                for (const auto& each : under_way) {
                    row& of = rows[each.id];
                    BOOST_TEST_REQUIRE(!of.is_released);
                    BOOST_TEST_REQUIRE(each.beat > of.beat);
                    BOOST_TEST_REQUIRE(each.from <= of.position);
                    if (is_done) of.beat = each.beat;
                    if (is_done && each.is_moved) {
                        BOOST_TEST_REQUIRE(each.progress.checkpoint.where.position >= of.position);
                        of.position = each.progress.checkpoint.where.position;
                    }
                    if (is_lost)
                        all.failed(each, now);
                    else
                        all.apply(each, write_result::done, now.lease, now);
                    if (!is_lost && each.releases) of.is_released = true;
                }
                under_way.clear();
            };
            const auto step = [&](bool is_lossy) {
                pass(milliseconds(random() % 15));
                if (!under_way.empty()) {
                    BOOST_TEST_REQUIRE(all.take(now).empty()); // all four go along, or wait
                    if (chance(3)) answer(is_lossy);
                    return;
                }
                under_way = all.take(now);
                writes += under_way.empty() ? 0 : 1;
                BOOST_TEST_REQUIRE(std::ranges::is_sorted(under_way, {}, &lease_write::id));
                BOOST_TEST_REQUIRE((all.due(now) > now.timer)); // the loop sleeps
                if (under_way.size() < 4) answer(is_lossy);     // so that the check above holds
            };
            for (int i = 0; i < 400; ++i) {
                const auto id = static_cast<std::int64_t>(1 + random() % 4);
                row& of = rows[id];
                if (chance(3) && !of.is_ending) {
                    of.reported += static_cast<std::int64_t>(random() % 3);
                    of.is_ending = chance(60);
                    constexpr std::array when{write_by::terms, write_by::terms, write_by::soon, write_by::now};
                    all.report(id, 1, at(of.reported), of.is_ending ? write_by::release : when[random() % 4], now);
                }
                step(true);
            }
            for (int i = 0; i < 200; ++i) step(false);
            for (const auto& [id, of] : rows) {
                BOOST_TEST(of.position == of.reported);
                BOOST_TEST(of.is_released == of.is_ending);
                BOOST_TEST((of.is_released || all.is_trusted(id, 1, now.lease)));
            }
            BOOST_TEST(writes < 500);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
