// One function for each type of event.
#include "effects.hpp"

#include <eventstore/event_handlers.hpp>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

struct opened {
    std::string owner;
};
struct deposited {
    std::string amount;
};

} // namespace

template <>
struct eventstore::codec<opened> {
    static constexpr std::string_view type = "Opened";
    static constexpr std::string_view former_types[] = {"Created"};
    static event_data encode(const opened& event) { return event_data("Opened", event.owner); }
    static opened decode(const recorded_event& event) {
        if (event.data() == "unreadable") throw std::runtime_error("no owner");
        return {std::string(event.data())};
    }
};
template <>
struct eventstore::codec<deposited> {
    static constexpr std::string_view type = "Deposited";
    static event_data encode(const deposited& event) { return event_data("Deposited", event.amount); }
    static deposited decode(const recorded_event& event) { return {std::string(event.data())}; }
};

BOOST_AUTO_TEST_SUITE(event_handlers_test)

namespace {

struct typed : effects {
    es::event_handlers handlers(es::unknown_types unknown = es::unknown_types::skip) {
        const std::string sql = here("insert into eventstore.effects values ($1, $2, $3, $4)");
        es::event_handlers all(unknown);
        auto on_opened = [sql](es::transaction& tx, const opened& event, const es::recorded_event& recorded,
                             const es::projection_batch& batch) -> asio::awaitable<void> {
            co_await tx.execute(sql, batch.version(), recorded.position(), batch.is_live(), "opened " + event.owner);
        };
        auto on_deposited = [sql](es::transaction& tx, const deposited& event,
                                const es::recorded_event& recorded) -> asio::awaitable<void> {
            co_await tx.execute(sql, 1, recorded.position(), true, "deposited " + event.amount);
        };
        all.on<opened>(on_opened).on<deposited>(on_deposited);
        return all;
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(each_event_goes_to_the_function_of_its_type, typed) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const opened ada{"Ada"};
        const deposited hundred{"100"};
        co_await store.append("a", es::any_version, es::events(ada, hundred));
        co_await store.append("a", es::any_version, es::event_data("Created", "Bob"));
        const auto last = co_await store.append("a", es::any_version, es::event_data("Other", "x"));
        const auto all = handlers();
        auto running = co_await start(es::run_projection(store, "effects", all, quick().query(all.query())));
        co_await es::projection_handle(store, "effects").wait_for(last.last_position);
        BOOST_TEST(written() == "opened Ada deposited 100 opened Bob");
        co_await store.close();
        co_await eventually([&] { return running.done(); });
        running.value();
    });
}

BOOST_FIXTURE_TEST_CASE(events_without_a_function_fail_if_so_asked, typed) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, es::event_data("Other", "x"));
        const deposited one{"1"};
        const auto last = co_await store.append("a", es::any_version, one);
        const auto all = handlers(es::unknown_types::fail);
        BOOST_TEST(all.query().is_everything());
        auto running =
            co_await start(es::run_projection(store, "effects", all, quick().query(all.query()).max_retries(0)));
        co_await es::projection_handle(store, "effects").wait_for(last.last_position);
        BOOST_TEST(written() == "deposited 1");
        const es::subscription_handle administered = store.subscription_to_all("effects@1");
        const auto parked = co_await administered.parked();
        BOOST_TEST_REQUIRE(parked.size() == 1u);
        BOOST_TEST(parked[0].type == "Other");
        co_await store.close();
        co_await eventually([&] { return running.done(); });
    });
}

BOOST_FIXTURE_TEST_CASE(an_event_that_cannot_be_decoded_is_parked_with_the_reason, typed) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const auto last = co_await store.append("a", es::any_version, es::event_data("Opened", "unreadable"));
        const auto all = handlers();
        auto running = co_await start(es::run_projection(store, "effects", all, quick().max_retries(0)));
        co_await es::projection_handle(store, "effects").wait_for(last.last_position);
        const es::subscription_handle administered = store.subscription_to_all("effects@1");
        const auto parked = co_await administered.parked();
        BOOST_TEST_REQUIRE(parked.size() == 1u);
        BOOST_TEST(parked[0].reason.find("no owner") != std::string::npos);
        co_await store.close();
        co_await eventually([&] { return running.done(); });
    });
}

BOOST_AUTO_TEST_SUITE_END()
