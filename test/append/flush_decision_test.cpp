#include "append/flush_decision.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

namespace es = eventstore;
using es::errc;
using es::failure;
using es::append::decide;
using es::append::flush_end;
using es::append::flush_facts;
using es::append::flush_step;

namespace {

flush_end refused(std::string sqlstate, errc code = errc::database_error) {
    failure::details details;
    details.sqlstate = std::move(sqlstate);
    flush_end how;
    how.why = failure(code, std::move(details));
    return how;
}

flush_end lost(bool was_sent) {
    flush_end how;
    how.why = failure(errc::connection_lost, "lost");
    how.is_lost = true;
    how.was_sent = was_sent;
    return how;
}

flush_end stored() {
    flush_end how;
    how.verdict.emplace();
    return how;
}

flush_facts group(std::size_t appends) {
    flush_facts what;
    what.appends = appends;
    return what;
}

flush_facts careful(std::size_t appends) {
    flush_facts what = group(appends);
    what.is_careful = true;
    return what;
}

flush_facts with_others() {
    flush_facts what = group(1);
    what.has_other_servers = true;
    return what;
}

} // namespace

BOOST_AUTO_TEST_SUITE(flush_decision_test)

BOOST_AUTO_TEST_CASE(each_way_a_flush_can_come_back_leads_to_one_step) {
    struct row {
        const char* name;
        flush_facts what;
        flush_end how;
        flush_step step;
        bool drops_connection = false;
    };
    const std::vector<row> table = {
        {"judged by the server", group(5), stored(), flush_step::deliver},
        {"judged by the server, carefully", careful(5), stored(), flush_step::deliver},
        {"lost before it was sent", group(5), lost(false), flush_step::send_again},
        {"lost after that", group(5), lost(true), flush_step::send_halves},
        {"a lone one, lost after that", group(1), lost(true), flush_step::send_halves},
        {"an id is stored", group(5), refused("23505"), flush_step::send_carefully},
        {"an id is stored, of a lone one", group(1), refused("23505"), flush_step::send_carefully},
        {"an id is stored although it was careful", careful(5), refused("23505"), flush_step::send_halves},
        {"the same of a lone one", careful(1), refused("23505"), flush_step::fail},
        {"another form of it", group(5), refused("ES003"), flush_step::send_carefully},
        {"no JSON", group(5), refused("22P02"), flush_step::send_carefully},
        {"nested too deeply", group(5), refused("54001"), flush_step::send_carefully},
        {"arguments that do not fit each other", group(5), refused("22023"), flush_step::send_halves},
        {"a privilege is missing", group(5), refused("42501"), flush_step::send_halves},
        {"a privilege is missing, for a lone one", group(1), refused("42501"), flush_step::fail},
        {"the schema is gone", group(5), refused("3F000", errc::schema_missing), flush_step::send_halves},
        {"became a standby", group(5), refused("25006", errc::connection_lost), flush_step::send_again, true},
        {"the log was cut back", group(1), refused("ES002", errc::log_truncated), flush_step::fail},
        {"or this is an old primary", with_others(), refused("ES002", errc::log_truncated), flush_step::send_again,
            true},
        {"a lock was not to be had", group(5), refused("55P03", errc::lock_timeout), flush_step::explain_lock},
        {"an answer that is not understood", group(5), refused("", errc::schema_too_new), flush_step::fail},
    };
    for (const row& each : table) {
        const auto decided = decide(each.what, each.how);
        BOOST_TEST_CONTEXT(each.name) {
            BOOST_TEST((decided.step == each.step));
            BOOST_TEST(decided.drops_connection == each.drops_connection);
            const bool again = each.step == flush_step::send_again || each.step == flush_step::send_halves ||
                each.step == flush_step::send_carefully;
            BOOST_TEST(decided.goes_again() == again);
        }
    }
}

BOOST_AUTO_TEST_CASE(whatever_the_server_refuses_a_flush_is_told_after_so_many_tries) {
    // Halved again and again it is alone, and careful; then it fails.
    for (const char* state : {"23505", "ES003", "22P02", "22023", "42501", "54000", "XX000"}) {
        flush_facts what = group(64);
        int tries = 0;
        for (; tries < 20; ++tries) {
            const auto decided = decide(what, refused(state));
            if (decided.step == flush_step::fail) break;
            if (decided.step == flush_step::send_carefully) what.is_careful = true;
            if (decided.step == flush_step::send_halves) what.appends = (what.appends + 1) / 2;
        }
        BOOST_TEST(tries < 20, state);
    }
}

BOOST_AUTO_TEST_SUITE_END()
