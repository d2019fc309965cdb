// Places for connections: who gets one, when, and with which connection.
#include "support/store_fixture.hpp"

#include "postgres/lender.hpp"

#include <algorithm>
#include <optional>
#include <random>

namespace es = eventstore;
using namespace es::test;
using es::postgres::borrower;
using es::postgres::connection;
using es::postgres::lender;

BOOST_AUTO_TEST_SUITE(lender_test)

namespace {

using lender_ptr = std::shared_ptr<lender>;
using link_ptr = std::shared_ptr<connection>;

/// One that does what it is told, and notes what happens to it.
class person final : public borrower {
public:
    void on_lent(link_ptr lent) override {
        waits = false;
        has_place = true;
        link = std::move(lent);
        ++turns;
    }
    void on_refused() override {
        waits = false;
        is_refused = true;
    }
    void on_recalled() override { ++recalls; }
    bool is_idle() const noexcept override { return idle; }

    bool waits = false;
    bool has_place = false;
    bool idle = false;
    bool is_refused = false;
    int turns = 0;
    int recalls = 0;
    std::uint64_t asked_at = 0;
    link_ptr link;
};
using person_ptr = std::shared_ptr<person>;

std::vector<person_ptr> people(std::size_t count) {
    std::vector<person_ptr> all(count);
    for (person_ptr& each : all) each = std::make_shared<person>();
    return all;
}

void borrow(lender& from, const person_ptr& who) {
    who->waits = true;
    from.ask(who);
}

void give_back(lender& to, const person_ptr& who) {
    who->has_place = false;
    to.give_back(who.get(), std::move(who->link));
}

} // namespace

BOOST_AUTO_TEST_CASE(as_many_as_there_are_places_have_one_and_the_others_wait_in_order) {
    const auto places = std::make_shared<lender>(2);
    const auto all = people(5);
    for (const person_ptr& each : all) borrow(*places, each);
    BOOST_TEST((all[0]->has_place && all[1]->has_place));
    BOOST_TEST(places->is_wanted());
    for (std::size_t i = 2; i < all.size(); ++i) {
        BOOST_TEST(!all[i]->has_place);
        give_back(*places, all[i - 1]);
        BOOST_TEST(all[i]->has_place);
    }
    BOOST_TEST(!places->is_wanted());
}

BOOST_AUTO_TEST_CASE(one_that_is_not_in_use_is_recalled_before_another_connection_is_made) {
    const auto places = std::make_shared<lender>(3);
    const auto all = people(4);
    borrow(*places, all[0]);
    borrow(*places, all[1]);
    all[0]->idle = true;
    borrow(*places, all[2]);
    BOOST_TEST(all[0]->recalls == 1);
    BOOST_TEST(all[1]->recalls == 0);
    BOOST_TEST(!all[2]->has_place);
    give_back(*places, all[0]);
    BOOST_TEST(all[2]->has_place);

    // It has something to do again, and keeps its place: there are others.
    all[1]->idle = true;
    borrow(*places, all[3]);
    BOOST_TEST(all[1]->recalls == 1);
    BOOST_TEST(!all[3]->has_place);
    places->keeps();
    BOOST_TEST(all[3]->has_place);
}

BOOST_AUTO_TEST_CASE(one_that_is_gone_has_no_turn) {
    const auto places = std::make_shared<lender>(1);
    auto all = people(3);
    for (const person_ptr& each : all) borrow(*places, each);
    all[1].reset();
    give_back(*places, all[0]);
    BOOST_TEST(all[2]->has_place);
}

BOOST_AUTO_TEST_CASE(the_end_refuses_those_who_wait_and_waits_for_those_who_have_a_place) {
    const auto places = std::make_shared<lender>(1);
    const auto all = people(3);
    borrow(*places, all[0]);
    borrow(*places, all[1]);
    bool is_closed = false;
    places->close([&] { is_closed = true; });
    BOOST_TEST(all[1]->is_refused);
    BOOST_TEST(!is_closed);
    borrow(*places, all[2]);
    BOOST_TEST(all[2]->is_refused);
    give_back(*places, all[0]);
    BOOST_TEST(is_closed);

    const auto unused = std::make_shared<lender>(1);
    bool is_unused_closed = false;
    unused->close([&] { is_unused_closed = true; });
    BOOST_TEST(is_unused_closed);
}

BOOST_AUTO_TEST_CASE(abandoned_it_lends_nothing_and_calls_nobody) {
    const auto places = std::make_shared<lender>(1);
    const auto all = people(2);
    borrow(*places, all[0]);
    borrow(*places, all[1]);
    places->abandon();
    give_back(*places, all[0]);
    BOOST_TEST(!all[1]->has_place);
    BOOST_TEST(!all[1]->is_refused);
}

BOOST_AUTO_TEST_CASE(whatever_happens_nobody_is_passed_over_and_no_place_stays_empty) {
    for (unsigned seed = 0; seed < 300; ++seed) {
        std::mt19937 random(seed);
        const auto pick = [&](std::size_t below) {
            return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
        };
        const std::size_t most = 1 + pick(4);
        const auto places = std::make_shared<lender>(most);
        auto all = people(2 + pick(8));
        std::uint64_t clock = 0;
        const auto first_in_line = [&] {
            std::optional<std::uint64_t> first;
            for (const person_ptr& each : all)
                if (each->waits) first = std::min(first.value_or(each->asked_at), each->asked_at);
            return first;
        };
        const auto holders = [&] {
            return std::ranges::count_if(all, [](const auto& each) { return each->has_place; });
        };
        const auto answer_recalls = [&] {
            for (const person_ptr& each : all) {
                if (std::exchange(each->recalls, 0) == 0) continue;
                if (each->has_place && each->idle)
                    give_back(*places, each);
                else
                    places->keeps();
            }
        };
        for (int i = 0; i < 200; ++i) {
            const auto line = first_in_line();
            std::vector<bool> waited;
            for (const person_ptr& each : all) waited.push_back(each->waits);
            const std::size_t which = pick(all.size());
            person_ptr who = all[which];
            switch (pick(5)) {
            case 0:
                if (who->has_place || who->waits) break;
                who->asked_at = ++clock;
                borrow(*places, who);
                break;
            case 1:
                if (who->has_place) give_back(*places, who);
                break;
            case 2: who->idle = !who->idle; break;
            case 3: answer_recalls(); break;
            default:
                if (!who->waits) break;
                all[which] = std::make_shared<person>(); // it goes, and another one comes
                who.reset();
            }
            BOOST_TEST_REQUIRE(holders() <= static_cast<std::ptrdiff_t>(most), "seed " << seed);
            const auto now = first_in_line();
            for (std::size_t k = 0; k < all.size() && line && now; ++k) {
                const bool was_served = waited[k] && all[k]->has_place;
                if (was_served) BOOST_TEST_REQUIRE(all[k]->asked_at < *now, "seed " << seed);
            }
            if (pick(3) > 0) continue;
            answer_recalls();
            if (first_in_line()) BOOST_TEST_REQUIRE(holders() == static_cast<std::ptrdiff_t>(most), "seed " << seed);
        }
        while (first_in_line()) { // everyone has a turn in the end
            answer_recalls();
            const auto next = std::ranges::find_if(all, [](const auto& each) { return each->has_place; });
            BOOST_TEST_REQUIRE((next != all.end()), "seed " << seed);
            give_back(*places, *next);
        }
        for (const person_ptr& each : all)
            if (each->has_place) give_back(*places, each);
        BOOST_TEST(!places->is_wanted());
    }
}

BOOST_FIXTURE_TEST_CASE(a_connection_goes_from_one_to_the_next_and_ends_with_the_last, store_fixture) {
    const auto work = [&]() -> asio::awaitable<void> {
        const connection::strand strand(co_await asio::this_coro::executor);
        const auto settings = es::postgres::connect_settings::make(options(), es::postgres::session_kind::appending);
        const auto made = std::make_shared<connection>(
            strand, connection::manner{.prepares = true}, eventstore::detail::environment::make(strand, nullptr));
        const auto until = std::chrono::steady_clock::now() + default_deadline;
        const es::result<void> connected = co_await connection::connect(made, *settings, until);
        BOOST_REQUIRE(connected.has_value());

        const auto places = std::make_shared<lender>(2);
        places->failed_to_open(es::failure(es::errc::connection_lost, "not now"));
        BOOST_REQUIRE(places->last_failure().has_value());
        places->add(made);
        BOOST_TEST(!places->last_failure().has_value());
        const auto all = people(3);
        borrow(*places, all[0]);
        BOOST_TEST((all[0]->link == made));
        borrow(*places, all[1]);
        BOOST_TEST(all[1]->has_place);
        BOOST_TEST((all[1]->link == nullptr)); // may make one
        give_back(*places, all[0]);
        give_back(*places, all[1]);
        borrow(*places, all[2]);
        BOOST_TEST((all[2]->link == made));
        BOOST_TEST(places->count().connections == 1u);
        BOOST_TEST(places->count().connects == 1u);

        // One that is closed is not handed on.
        all[2]->link->drop(es::failure(es::errc::connection_lost, "for the test"));
        places->lost();
        give_back(*places, all[2]);
        borrow(*places, all[0]);
        BOOST_TEST((all[0]->link == nullptr));
        BOOST_TEST(places->count().connections == 0u);
        give_back(*places, all[0]);

        const auto last = std::make_shared<connection>(
            strand, connection::manner{.prepares = true}, eventstore::detail::environment::make(strand, nullptr));
        const es::result<void> again = co_await connection::connect(last, *settings, until);
        BOOST_REQUIRE(again.has_value());
        places->add(last);
        bool is_closed = false;
        places->close([&] { is_closed = true; });
        BOOST_TEST(is_closed);
        BOOST_TEST(places->count().connections == 0u);
    };
    run(work()); // teardown() looks for connections that are left
}

BOOST_AUTO_TEST_SUITE_END()
