// Spans: what a store tells a tracer, and the traceparent that goes with its events.
#include "support/receive.hpp"

#include <eventstore/tracing.hpp>
#include <eventstore/transaction.hpp>

#include <boost/asio/co_spawn.hpp>

#include <map>
#include <mutex>
#include <stdexcept>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(tracing_test)

namespace {

using attributes = std::map<std::string, std::string>;

std::string text_of(const std::variant<std::int64_t, bool, std::string_view>& value) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
    return std::string(std::get<std::string_view>(value));
}

struct seen_span {
    std::string name;
    es::span_kind kind = es::span_kind::client;
    attributes begin;
    attributes end;
    std::vector<std::string> links;
    std::string traceparent;
    bool has_ended = false; // end() was called
    bool is_destroyed = false;
    es::errc failed{};
};

/// Keeps what it is told.
class recorder final : public es::tracer {
public:
    std::unique_ptr<es::trace_span> begin(const es::span_start& start) override {
        if (throws) throw std::runtime_error("no");
        if (is_off) return nullptr;
        const std::lock_guard lock(mutex_);
        const auto span = std::make_shared<seen_span>();
        span->name = start.name;
        span->kind = start.kind;
        for (const es::span_attribute& each : start.attributes)
            span->begin[std::string(each.key)] = text_of(each.value);
        span->links.assign(start.links.begin(), start.links.end());
        if (!wrong_traceparent.empty()) {
            span->traceparent = wrong_traceparent;
        } else if (propagates) {
            const std::string number = std::to_string(1'000'000 + spans.size());
            span->traceparent = "00-0000000000000000000000000" + number + "-000000000" + number + "-01";
        }
        spans.push_back(span);
        return std::make_unique<recording>(span);
    }

    std::vector<std::shared_ptr<seen_span>> of(const std::string& operation) const {
        std::vector<std::shared_ptr<seen_span>> found;
        for (const auto& each : spans)
            if (each->begin.at("db.operation.name") == operation) found.push_back(each);
        return found;
    }
    std::shared_ptr<seen_span> only(const std::string& operation) const {
        const auto found = of(operation);
        BOOST_REQUIRE_MESSAGE(found.size() == 1u, operation << ": " << found.size());
        return found.front();
    }

    std::vector<std::shared_ptr<seen_span>> spans;
    bool propagates = true;
    std::string wrong_traceparent; // "throw": it throws
    bool is_off = false;
    bool throws = false;

private:
    class recording final : public es::trace_span {
    public:
        explicit recording(std::shared_ptr<seen_span> of) : of_(std::move(of)) {}
        ~recording() override { of_->is_destroyed = true; }
        std::string traceparent() const override {
            if (of_->traceparent == "throw") throw std::runtime_error("no");
            return of_->traceparent;
        }
        void end(std::span<const es::span_attribute> known, const es::failure* why) noexcept override {
            of_->has_ended = true;
            for (const es::span_attribute& each : known) of_->end[std::string(each.key)] = text_of(each.value);
            if (why) of_->failed = why->code();
        }

    private:
        const std::shared_ptr<seen_span> of_;
    };

    std::mutex mutex_;
};

class tracing_fixture : public store_fixture {
public:
    const std::shared_ptr<recorder> tracer = std::make_shared<recorder>();
    es::store_options traced() const { return options().tracing(tracer); }
};

es::event_data with_metadata(const std::string& metadata) { return counted_one("x").metadata(metadata); }

} // namespace

BOOST_FIXTURE_TEST_CASE(an_append_is_a_span_with_the_names_of_opentelemetry, tracing_fixture) {
    with_store(traced(), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(1));
        co_await store.append("a", 1, counted(3));
        const auto spans = tracer->of("append");
        BOOST_REQUIRE(spans.size() == 2u);
        const seen_span& second = *spans[1];
        BOOST_TEST(second.begin.at("db.system.name") == "postgresql");
        BOOST_TEST(second.begin.at("db.namespace").ends_with(schema()), second.begin.at("db.namespace"));
        BOOST_TEST(second.name == "append " + second.begin.at("db.namespace"));
        BOOST_TEST((second.kind == es::span_kind::client));
        BOOST_TEST(second.begin.at("eventstore.stream") == "a");
        BOOST_TEST(second.begin.at("eventstore.expected_version") == "1");
        BOOST_TEST(second.begin.at("eventstore.event.count") == "3");
        BOOST_TEST(second.begin.at("db.operation.batch.size") == "3");
        BOOST_TEST(!spans[0]->begin.contains("db.operation.batch.size")); // of one, as the convention says
        BOOST_TEST(second.end.at("eventstore.version.first") == "2");
        BOOST_TEST(second.end.at("eventstore.version.last") == "4");
        BOOST_TEST(second.end.at("eventstore.position.last") == "4");
        BOOST_TEST(second.has_ended);
        BOOST_TEST(second.is_destroyed);
        BOOST_TEST((second.failed == es::errc()));
    });
}

BOOST_FIXTURE_TEST_CASE(a_failure_is_told_with_its_code, tracing_fixture) {
    with_store(traced(), [&](es::store store) -> asio::awaitable<void> {
        co_await expect_error(es::errc::stream_not_found, store.append("a", es::stream_exists, counted(1)));
        BOOST_TEST((tracer->only("append")->failed == es::errc::stream_not_found));
        BOOST_TEST(tracer->only("append")->end.at("error.type") == "stream_not_found");
        es::transaction tx = co_await store.begin();
        co_await expect_error(es::errc::database_error, tx.execute("select 1/0"));
        BOOST_TEST(tracer->only("execute")->end.at("db.response.status_code") == "22012");
        co_await tx.rollback();
        // Nothing was done: no span.
        co_await expect_error(es::errc::invalid_argument, store.read(""));
        BOOST_TEST(tracer->of("read").empty());
    });
}

BOOST_FIXTURE_TEST_CASE(other_operations_are_spans_too, tracing_fixture) {
    with_store(traced(), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(2));
        (void)co_await store.read("a", es::read_options().from(1));
        const auto reading = tracer->only("read");
        BOOST_TEST(reading->begin.at("eventstore.stream") == "a");
        BOOST_TEST(reading->end.at("eventstore.event.count") == "2");
        BOOST_TEST(reading->end.at("eventstore.position.last") == "2");
        es::event_scan scan = store.scan("a", es::read_options().count(1));
        for (int i = 0; i < 3; ++i) (void)co_await scan.next();
        BOOST_TEST(tracer->of("scan").size() == 3u); // two pages, and the end
        es::event_scan nothing = store.scan("b");
        co_await expect_error(es::errc::stream_not_found, nothing.next());
        BOOST_TEST((tracer->of("scan").back()->failed == es::errc::stream_not_found));
        co_await store.record_snapshot(es::snapshot("a", 2, "T", "{}"));
        (void)co_await store.read_snapshot("a");
        BOOST_TEST(tracer->only("record_snapshot")->begin.at("eventstore.snapshot") == "a");
        BOOST_TEST(tracer->only("read_snapshot")->begin.at("eventstore.snapshot") == "a");
        es::transaction tx = co_await store.begin();
        (void)co_await tx.execute("select 1");
        tx.append("b", es::no_stream, counted(1));
        (void)co_await tx.commit();
        for (const char* each : {"begin", "execute", "commit"}) BOOST_TEST(tracer->only(each)->has_ended);
        BOOST_TEST(tracer->only("commit")->end.at("eventstore.position.last") == "3");
        es::subscription all = co_await store.subscribe_to_all("mailer");
        BOOST_TEST(tracer->only("subscribe")->begin.at("eventstore.stream") == "$all");
        BOOST_TEST(tracer->only("subscribe")->begin.at("eventstore.subscription") == "mailer");
    });
}

BOOST_FIXTURE_TEST_CASE(the_traceparent_goes_into_metadata_that_can_hold_it, tracing_fixture) {
    with_store(traced(), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream,
            es::events(counted_one("1"), with_metadata(R"({"user":"Ada"})"), with_metadata("[1]"),
                with_metadata("\xff"), with_metadata(R"({"traceparent":"mine"})")));
        const es::event_page page = co_await store.read("a");
        const std::string parent = tracer->only("append")->traceparent;
        BOOST_TEST(es::traceparent_of(page[0]) == parent);
        BOOST_TEST(page[0].metadata() == "{\"traceparent\":\"" + parent + "\"}");
        BOOST_TEST(es::traceparent_of(page[1]) == parent);
        BOOST_TEST(page[1].metadata() == "{\"traceparent\":\"" + parent + "\",\"user\":\"Ada\"}");
        BOOST_TEST(page[2].metadata() == "[1]");
        BOOST_TEST(page[3].metadata() == "\xff");
        BOOST_TEST(page[4].metadata() == R"({"traceparent":"mine"})");
    });
}

BOOST_FIXTURE_TEST_CASE(appends_to_several_streams_and_in_transactions_carry_it, tracing_fixture) {
    with_store(traced(), [&](es::store store) -> asio::awaitable<void> {
        std::vector<es::stream_append> parts;
        parts.emplace_back("a", es::no_stream, counted(1));
        parts.emplace_back("b", es::no_stream, counted(2));
        co_await store.append(parts);
        es::transaction tx = co_await store.begin();
        tx.append("c", es::no_stream, counted(1));
        (void)co_await tx.commit();
        const es::event_page all = co_await store.read_all();
        BOOST_REQUIRE(all.size() == 4u);
        for (std::size_t i = 0; i < 3; ++i)
            BOOST_TEST(es::traceparent_of(all[i]) == tracer->only("append")->traceparent);
        BOOST_TEST(es::traceparent_of(all[3]) == tracer->only("commit")->traceparent);
    });
}

BOOST_FIXTURE_TEST_CASE(an_event_of_the_largest_size_stays_as_it_is, tracing_fixture) {
    with_store(traced().max_event_bytes(1000), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted_one(std::string(1000, 'x')));
        co_await store.append("a", 1, counted_one(std::string(900, 'x')));
        const es::event_page page = co_await store.read("a");
        BOOST_TEST(page[0].metadata().empty());
        BOOST_TEST(!es::traceparent_of(page[1]).empty());
    });
}

BOOST_FIXTURE_TEST_CASE(a_batch_links_to_the_spans_of_the_appends_of_its_events, tracing_fixture) {
    with_store(traced(), [&](es::store store) -> asio::awaitable<void> {
        es::subscription all =
            co_await store.subscribe_to_all("mailer", es::subscription_options().group_by(es::grouping::none));
        co_await store.append("a", es::no_stream, counted(2));
        co_await store.append("b", es::no_stream, with_metadata("none"));
        co_await store.append("c", es::no_stream, counted(1));
        std::vector<std::string> links;
        std::size_t received = 0;
        while (received < 4) {
            auto batch = co_await all.next(5s);
            BOOST_REQUIRE((batch && !batch->empty()));
            received += batch->size();
            const auto spans = tracer->of("next");
            const auto span = spans.back();
            BOOST_TEST((span->kind == es::span_kind::consumer));
            BOOST_TEST(!span->has_ended); // the batch is being handled
            links.insert(links.end(), span->links.begin(), span->links.end());
            batch->ack();
            BOOST_TEST(span->has_ended);
            BOOST_TEST(span->end.at("eventstore.batch.outcome") == "ack");
        }
        links.erase(std::unique(links.begin(), links.end()), links.end());
        const auto appends = tracer->of("append");
        TEST_SAME(links, texts({appends[0]->traceparent, appends[2]->traceparent}));
    });
}

BOOST_FIXTURE_TEST_CASE(a_batch_ends_with_its_refusal_or_its_destruction, tracing_fixture) {
    with_store(traced(), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(2));
        es::subscription all = co_await store.subscribe_to_all(
            "mailer", es::subscription_options().max_batch(1).max_in_flight(2).retry_after(1min));
        {
            auto batch = co_await all.next(5s);
            BOOST_REQUIRE((batch && batch->size() == 1u));
        } // was looked at, and not acknowledged
        BOOST_TEST(tracer->of("next").back()->end.at("eventstore.batch.outcome") == "none");
        auto batch = co_await all.next(5s);
        BOOST_REQUIRE((batch && batch->size() == 1u));
        batch->nack("no");
        BOOST_TEST(tracer->of("next").back()->end.at("eventstore.batch.outcome") == "nack");
        BOOST_TEST((tracer->of("next").back()->failed == es::errc::handler_failed));
    });
}

BOOST_FIXTURE_TEST_CASE(a_batch_that_is_acknowledged_by_a_transaction_says_so, tracing_fixture) {
    with_store(traced(), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(1));
        es::subscription all = co_await store.subscribe_to_all("mailer");
        {
            auto batch = co_await all.next(5s);
            BOOST_REQUIRE((batch && batch->size() == 1u));
            es::transaction tx = co_await store.begin();
            tx.ack(*batch);
            co_await tx.commit();
        }
        const auto span = tracer->of("next").back();
        BOOST_TEST(span->end.at("eventstore.batch.outcome") == "transaction");
        BOOST_TEST((span->failed == es::errc{}));
    });
}

BOOST_FIXTURE_TEST_CASE(without_a_traceparent_nothing_is_stored, tracing_fixture) {
    tracer->propagates = false;
    with_store(traced(), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(1));
        const es::event_page page = co_await store.read("a");
        BOOST_TEST(page[0].metadata().empty());
        BOOST_TEST(tracer->only("append")->has_ended);
    });
}

BOOST_FIXTURE_TEST_CASE(a_tracer_that_traces_nothing_or_throws_disturbs_nothing, tracing_fixture) {
    for (const bool throws : {false, true}) {
        tracer->is_off = true;
        tracer->throws = throws;
        with_store(traced(), [&](es::store store) -> asio::awaitable<void> {
            const std::string name = throws ? "second" : "first";
            const std::size_t events = throws ? 2 : 1;
            co_await store.append(name, es::no_stream, counted(1));
            es::subscription all = co_await store.subscribe_to_all(name);
            const texts received = co_await receive(all, events);
            BOOST_TEST(received.size() == events);
        });
    }
    BOOST_TEST(tracer->spans.empty());
}

BOOST_FIXTURE_TEST_CASE(an_operation_that_is_abandoned_destroys_its_span, tracing_fixture) {
    {
        asio::io_context context;
        blocker log = [&] {
            run(context, [](es::store_options how) -> asio::awaitable<void> {
                const es::store store = co_await es::open(std::move(how));
                co_await store.append("a", es::no_stream, counted(1));
                co_await store.close();
            }(traced()));
            return hold_log();
        }();
        const es::store store = run(context, es::open(traced()));
        asio::co_spawn(
            context, store.append("a", 1, counted(1)), [](const std::exception_ptr&, const es::append_result&) {});
        context.restart();
        while (!log.blocks()) context.run_for(10ms);
        BOOST_TEST(!tracer->of("append").back()->is_destroyed);
        log.release();
    }
    BOOST_TEST(tracer->of("append").back()->is_destroyed);
}

BOOST_FIXTURE_TEST_CASE(a_traceparent_that_is_none_goes_into_no_metadata, tracing_fixture) {
    with_store(traced(), [&](es::store store) -> asio::awaitable<void> {
        for (const char* text : {"throw", "mine", R"(00-"-01)"}) {
            tracer->wrong_traceparent = text;
            co_await store.append("a", es::any_version, counted(1));
            es::transaction tx = co_await store.begin();
            tx.append("b", es::any_version, counted(1));
            co_await tx.commit();
        }
        for (const char* stream : {"a", "b"}) {
            const es::event_page page = co_await store.read(stream);
            BOOST_TEST(page.size() == 3u);
            for (const es::recorded_event& event : page) BOOST_TEST(event.metadata() == "");
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_store_without_a_tracer_stores_what_it_is_given, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, with_metadata(R"({"user":"Ada"})"));
        const es::event_page page = co_await store.read("a");
        BOOST_TEST(page[0].metadata() == R"({"user":"Ada"})");
    });
}

BOOST_AUTO_TEST_SUITE_END()
