#include "support/store_fixture.hpp"
#include "typed/account.hpp"

#include <optional>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

namespace {

template <class Events>
std::vector<account_event> decoded(const Events& events) {
    std::vector<account_event> out;
    for (const es::recorded_event& each : events)
        if (auto known = es::decode_known<account_event>(each)) out.push_back(std::move(*known));
    return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(typed_store_test)

BOOST_FIXTURE_TEST_CASE(typed_events_come_back_from_the_store_as_they_were, store_fixture) {
    const opened first{"Ada", 5000, "Turin"};
    const measured last{1, 2};
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("account-1", es::no_stream, first);
        co_await store.append("account-1", 1, deposited(7)); // owns nothing: a temporary is safe
        const es::append_result done = co_await store.append("account-1", 2, es::events(last, closed()));
        BOOST_TEST(done.last_version == 4);

        const es::event_page page = co_await store.read("account-1");
        const std::vector<account_event> expected{first, deposited{7}, last, closed()};
        BOOST_TEST((decoded(page) == expected));
    });
}

BOOST_FIXTURE_TEST_CASE(typed_events_go_to_several_streams_and_by_value, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const opened first{"Ada", 5000, "Turin"};
        const auto one = es::stream_append("account-1", es::no_stream, first);
        const auto two = es::stream_append("account-2", es::no_stream, deposited(3));
        const auto done = co_await store.append(es::appends(one, two));
        BOOST_TEST(done.size() == 2u);
        const auto late = co_await store.try_append("account-1", es::no_stream, first);
        BOOST_TEST((late.error().code() == es::errc::stream_exists));
        const es::event_page page = co_await store.read_all();
        const std::vector<account_event> expected{first, deposited{3}};
        BOOST_TEST((decoded(page) == expected));
    });
}

BOOST_FIXTURE_TEST_CASE(typed_and_untyped_events_share_a_stream, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const opened first{"Ada", 1, {}};
        const es::event_data other("AccountAudited", es::json_object("by", "Bob"));
        co_await store.append("account-1", es::no_stream, es::events(first, other, deposited(2)));
        co_await store.append(
            "account-1", 3, es::event_data("AccountAudited", es::json_object("by", "Eve", "cents", 3)));

        const es::event_page page = co_await store.read("account-1");
        BOOST_TEST(page.size() == 4);
        BOOST_TEST(decoded(page).size() == 2);
        BOOST_TEST((es::json_data(page[3]).at("by") == "Eve"));
        BOOST_TEST((es::try_decode<account_event>(page[1]).error().code() == es::errc::unknown_event_type));
    });
    BOOST_TEST(stored_in("account-1").at(0) == R"({"owner":"Ada","cents":1,"branch":null})");
}

BOOST_FIXTURE_TEST_CASE(events_of_former_types_are_read_beside_present_ones, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::event_data oldest("AccountCreated", R"({"name":"Ada","euros":5})");
        const opened newest{"Ada", 500, {}};
        co_await store.append("account-1", es::no_stream, es::events(oldest, newest));
        const std::vector<account_event> expected{newest, newest};
        BOOST_TEST((decoded(co_await store.read("account-1")) == expected));
    });
}

BOOST_FIXTURE_TEST_CASE(what_is_set_on_a_typed_event_is_stored_and_a_retry_is_known, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::uuid command = es::make_uuid();
        const opened first{"Ada", 1, {}};
        const es::event_data event =
            es::to_event_data(first).causation_id(command).metadata(es::json_object("user", "ada"));
        co_await store.append("account-1", es::no_stream, event);
        const es::append_result again = co_await store.append("account-1", es::no_stream, event);
        BOOST_TEST(again.already_appended);

        const es::event_page page = co_await store.read("account-1");
        BOOST_TEST((page[0].causation_id() == command));
        BOOST_TEST((es::json_metadata(page[0]).at("user") == "ada"));
    });
}

BOOST_FIXTURE_TEST_CASE(a_subscriber_decodes_what_it_gets, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::int64_t cents = 0;
        const auto apply = es::overloaded{
            [&](const opened& event) { cents = event.cents; },
            [&](const deposited& event) { cents += event.cents; },
            [](const auto&) {},
        };
        const opened first{"Ada", 10, {}};
        co_await store.append("account-1", es::no_stream, es::events(first, deposited(5), closed()));
        es::subscription sub = co_await store.subscribe("account-1", "balance");
        const std::optional<es::event_batch> batch = co_await sub.next();
        BOOST_REQUIRE(batch);
        for (const es::recorded_event& event : *batch) std::visit(apply, es::decode<account_event>(event));
        batch->ack();
        BOOST_TEST(cents == 15);
    });
}

BOOST_AUTO_TEST_SUITE_END()
