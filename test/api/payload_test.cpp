// How payloads are kept: as they are, or as jsonb.

#include "support/receive.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(payload_test)

namespace {

class jsonb_store : public store_fixture {
public:
    template <class Body>
    void with_store(const Body& body, std::source_location where = std::source_location::current()) {
        store_fixture::with_store(options().payload(es::payload_format::jsonb), body, where);
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(bytea_is_the_default_and_keeps_any_bytes, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const std::string bytes("\0\xff{", 3);
        co_await store.append("a", es::no_stream, counted_one(bytes));
        const es::event_page page = co_await store.read("a");
        BOOST_TEST(page.front().data() == bytes);
    };
    with_store(body);
    BOOST_TEST(value("select payload from eventstore.log_state") == "bytea");
}

BOOST_FIXTURE_TEST_CASE(jsonb_gives_back_the_same_json_and_sql_can_look_into_it, jsonb_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::event_data event("Opened", R"({"owner": "Ada",   "amount":12.50})");
        event.metadata(R"(["x",null])");
        co_await store.append("a", es::no_stream, event); // alone
        co_await store.append("a", 1, es::events(es::event_data("Two", "2"), es::event_data("Text", R"("three")")));
        co_await store.append("a", es::stream_exists, es::event_data("Empty", ""));
        co_await expect_error(es::errc::wrong_expected_version, store.append("a", 2, es::event_data("Late", "5")));
        const es::event_page page = co_await store.read("a");
        TEST_SAME(data_of(page), texts({R"({"owner": "Ada", "amount": 12.50})", "2", R"("three")", ""}));
        BOOST_TEST(page[0].metadata() == R"(["x", null])");
        BOOST_TEST(page[1].metadata() == "");
        const es::event_page bounded = co_await store.read_all(es::read_options().max_bytes(50).type("Two"));
        BOOST_TEST_REQUIRE(bounded.size() == 1u);
        BOOST_TEST(bounded.front().data() == "2");
        const es::recorded_event found = co_await store.find_event(event.id());
        BOOST_TEST(found.data() == page[0].data());
        es::subscription all = co_await store.subscribe_to_all("reader");
        const texts told = co_await receive(all, 4);
        TEST_SAME(told, data_of(page));
        co_await store.link("b", es::no_stream, event.id());
        const es::event_page b = co_await store.read("b");
        BOOST_TEST(b.front().data() == page[0].data());
    };
    with_store(body);
    BOOST_TEST(value("select payload from eventstore.log_state") == "jsonb");
    BOOST_TEST(value("select data ->> 'owner' from eventstore.events where position = 1") == "Ada");
}

BOOST_FIXTURE_TEST_CASE(what_is_no_json_is_refused_and_hinders_nobody_else, jsonb_store) {
    const std::vector<std::pair<std::string, std::string>> bad{{"{no json", "22P02"}, {R"("a\u0000b")", "22P05"},
        {std::string(100'000, '[') + std::string(100'000, ']'), "54001"}, {"[1e200000]", "22003"}};
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        for (const auto& [data, state] : bad) {
            BOOST_TEST_MESSAGE(state);
            blocker log = hold_log();
            std::vector<asio::awaitable<es::result<es::append_result>>> all;
            for (int i = 0; i < 10; ++i)
                all.push_back(store.try_append(
                    "a" + std::to_string(i), es::any_version, es::event_data("T", i == 4 ? data : "{}")));
            auto work = concurrently(std::move(all));
            auto waiting = co_await start(std::move(work));
            co_await eventually([&] { return log.blocks(); });
            log.release();
            co_await eventually([&] { return waiting.done(); });
            for (std::size_t i = 0; i < 10; ++i)
                BOOST_TEST(waiting.value()[i].has_value() == (i != 4), state << ", append " << i);
            const es::failure in_a_group = waiting.value()[4].error();
            const auto alone = co_await store.try_append("alone", es::any_version, es::event_data("T", data));
            for (const es::failure& why : {in_a_group, alone.error()}) {
                BOOST_TEST(why.code() == es::errc::invalid_argument, why.message());
                BOOST_TEST(why.sqlstate() == state);
            }
        }
    };
    with_store(body);
    BOOST_TEST(events_stored() == 9 * 4);
}

// As jsonb a number of some bytes has 131,072 digits when it is read.
BOOST_FIXTURE_TEST_CASE(what_is_small_as_jsonb_and_large_when_read_is_counted_as_it_is_read, jsonb_store) {
    const auto numbers_of = [](int count) {
        std::string text = "[1e131071";
        for (int i = 1; i < count; ++i) text += ",1e131071";
        return text + "]";
    };
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const es::event_data poison("T", numbers_of(600)), unprintable("T", numbers_of(9000));
        const es::event_data good("T", "{}"), last("T", "{}");
        std::vector<asio::awaitable<es::result<es::append_result>>> all;
        blocker log = hold_log();
        all.push_back(store.try_append("first", es::any_version, good));
        all.push_back(store.try_append("poison", es::any_version, poison));
        all.push_back(store.try_append("unprintable", es::any_version, unprintable));
        all.push_back(store.try_append("last", es::any_version, last));
        auto work = concurrently(std::move(all));
        auto waiting = co_await start(std::move(work));
        co_await eventually([&] { return log.blocks(); });
        log.release();
        co_await eventually([&] { return waiting.done(); }, 60s); // the server takes seconds to write such numbers out
        const auto& outcomes = waiting.value();
        BOOST_TEST((outcomes[0].has_value() && outcomes[3].has_value()));
        const auto alone = co_await store.try_append("poison", es::any_version, poison);
        for (const auto* const each : {&outcomes[1], &alone}) {
            BOOST_TEST_REQUIRE(!each->has_value());
            BOOST_TEST(each->error().code() == es::errc::invalid_argument);
            const std::string text = each->error().message();
            BOOST_TEST(text.find("67108864") != std::string::npos, text);
            BOOST_TEST(text.find(es::to_string(poison.id())) != std::string::npos, text);
        }
        BOOST_TEST_REQUIRE(!outcomes[2].has_value());
        BOOST_TEST(outcomes[2].error().code() == es::errc::invalid_argument);

        // One that is only large is stored, and no page is larger than max_bytes by more than it.
        const es::event_data large("T", numbers_of(10));
        std::vector<es::event_data> many;
        for (int i = 0; i < 9; ++i) many.emplace_back("T", numbers_of(10));
        co_await store.append("large", es::any_version, large);
        co_await store.append("large", es::any_version, std::move(many));
        constexpr std::size_t one = 10 * 131'074;
        for (std::int64_t from = 1; from <= 10;) {
            es::read_options options;
            options.from(from).max_bytes(2 * one);
            const es::event_page page = co_await store.read("large", options);
            BOOST_TEST_REQUIRE(!page.empty());
            std::size_t bytes = 0;
            for (const es::recorded_event& each : page) bytes += each.data().size();
            BOOST_TEST(bytes <= 3 * one);
            from += static_cast<std::int64_t>(page.size());
        }
    };
    const auto open_and_run = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(options().payload(es::payload_format::jsonb).operation_timeout(60s));
        auto work = body(store);
        co_await std::move(work);
    };
    run(open_and_run(), 180s);
    BOOST_TEST(number("select largest_event from eventstore.log_state") ==
        number("select max(eventstore.payload_size(data, metadata)) from eventstore.events"));
}

BOOST_FIXTURE_TEST_CASE(a_schema_keeps_its_format_whatever_an_open_asks_for, jsonb_store) {
    run(es::migrate(options().payload(es::payload_format::jsonb)));
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, es::event_data("T", R"({"a":1})"));
    };
    store_fixture::with_store(options().payload(es::payload_format::bytea), body);
    BOOST_TEST(value("select data ->> 'a' from eventstore.events") == "1");
}

BOOST_AUTO_TEST_SUITE_END()
