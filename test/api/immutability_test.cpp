#include "support/store_fixture.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

namespace {

const std::string restrict_violation = "23001";

class filled_store : public store_fixture {
public:
    filled_store() {
        with_store([&](es::store store) -> asio::awaitable<void> {
            co_await store.append("a", es::no_stream, counted(3));
            co_await store.append("b", es::no_stream, counted(2));
        });
    }
    std::string state_of(const std::string& statements) { return writer_.state_of(here(statements)); }
    session& writer() { return writer_; }

private:
    session writer_{test_server::superuser_url()}; // may do even more than the owner of the tables
};

} // namespace

BOOST_AUTO_TEST_SUITE(immutability_test)

BOOST_FIXTURE_TEST_CASE(nobody_changes_or_removes_what_is_stored, filled_store) {
    for (const char* const statement : {
             "update eventstore.events set data = 'forged'",
             "update eventstore.events set type = 'Forged' where position = 1",
             "update eventstore.events set position = position + 10",
             "update eventstore.events set created_at = now()",
             "delete from eventstore.events",
             "delete from eventstore.events where position = 5",
             "delete from eventstore.events where false",
             "truncate eventstore.events",
             "truncate eventstore.events, eventstore.streams, eventstore.log_state",
             "truncate eventstore.events cascade",
             "update eventstore.streams set name = 'c' where name = 'a'",
             "update eventstore.streams set stream_id = default where name = 'a'",
             "delete from eventstore.streams",
             "truncate eventstore.streams",
             "truncate eventstore.streams restart identity cascade",
             "delete from eventstore.log_state",
             "truncate eventstore.log_state",
             "insert into eventstore.events select position, stream_id, stream_version, created_at, event_id,"
             " correlation_id, causation_id, type, 'forged', metadata from eventstore.events"
             " on conflict (position) do update set data = excluded.data",
         })
        BOOST_TEST(state_of(statement) == restrict_violation, statement);
    BOOST_TEST(events_stored() == 5);
    TEST_SAME(stored_in("a"), texts({"1", "2", "3"}));
    TEST_SAME(stored_in("b"), texts({"1", "2"}));
}

BOOST_FIXTURE_TEST_CASE(the_refusal_says_what_and_why, filled_store) {
    BOOST_CHECK_EXCEPTION(writer().run(here("delete from eventstore.events")), sql_error, [&](const sql_error& e) {
        const std::string text = e.what();
        return text.find("DELETE") != text.npos && text.find("events") != text.npos &&
            text.find("immutable") != text.npos;
    });
}

BOOST_FIXTURE_TEST_CASE(a_hard_delete_is_allowed_in_its_own_transaction_only, filled_store) {
    delete_events("false"); // tells the fixture of holes
    BOOST_TEST(state_of("begin; set local eventstore.hard_delete = 'on';"
                        "delete from eventstore.events where position = 2; commit") == "");
    BOOST_TEST(events_stored() == 4);
    // The same session, right after it.
    BOOST_TEST(state_of("delete from eventstore.events where position = 3") == restrict_violation);
    BOOST_TEST(state_of("begin; delete from eventstore.events where position = 3; commit") == restrict_violation);
    writer().run("rollback");

    BOOST_TEST(state_of("begin; set local eventstore.hard_delete = 'on';"
                        "delete from eventstore.events where position = 3; rollback") == "");
    BOOST_TEST(state_of("delete from eventstore.events where position = 3") == restrict_violation);
    BOOST_TEST(events_stored() == 4);
}

BOOST_FIXTURE_TEST_CASE(a_hard_delete_is_no_leave_to_change_or_to_truncate, filled_store) {
    for (const char* const statement : {
             "update eventstore.events set data = 'forged'",
             "truncate eventstore.events",
             "update eventstore.streams set name = 'c' where name = 'a'",
             "truncate eventstore.streams",
             "truncate eventstore.log_state",
         }) {
        BOOST_TEST(state_of(std::string("begin; set local eventstore.hard_delete = 'on';") + statement + "; commit") ==
                restrict_violation,
            statement);
        writer().run("rollback");
    }
    // What means "on" elsewhere means nothing here.
    for (const char* const value : {"off", "true", "1", "yes", ""}) {
        BOOST_TEST(state_of(std::string("begin; set local eventstore.hard_delete = '") + value +
                       "'; delete from eventstore.events; commit") == restrict_violation,
            value);
        writer().run("rollback");
    }
    BOOST_TEST(events_stored() == 5);
}

BOOST_FIXTURE_TEST_CASE(deleted_streams_are_marked_not_removed, filled_store) {
    BOOST_TEST(state_of("update eventstore.streams set deleted_at = now() where name = 'a'") == "");
    BOOST_TEST(events_stored() == 5);
}

BOOST_AUTO_TEST_SUITE_END()
