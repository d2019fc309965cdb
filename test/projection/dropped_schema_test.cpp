// What becomes of a projection whose store is gone.
#include "effects.hpp"

#include "support/conditions.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(dropped_schema_test)

BOOST_FIXTURE_TEST_CASE(a_schema_that_is_dropped_while_a_batch_is_handled_ends_the_projection, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        const std::string name = quoted_name(schema());
        const std::string away = quoted_name(schema() + "_away");
        int calls = 0;
        // It has failed for a reason that may pass, and is to be called again.
        const es::projection_handler fails = [&](es::transaction& tx,
                                                 const es::projection_batch&) -> asio::awaitable<void> {
            if (++calls == 1) ask("alter schema " + name + " rename to " + away);
            co_await tx.execute("select * from a_table_that_is_missing");
        };
        co_await expect_error(es::errc::schema_missing, es::run_projection(store, "effects", fails, quick()));
        BOOST_TEST(calls == 1);
        ask("alter schema " + away + " rename to " + name);
        co_await store.close();
    });
}

BOOST_AUTO_TEST_SUITE_END()
