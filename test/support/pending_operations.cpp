#include "support/pending_operations.hpp"

#include "support/concurrently.hpp"
#include "support/coroutines.hpp"

#include <eventstore/transaction.hpp>

#include <chrono>
#include <optional>
#include <utility>

namespace eventstore::test {

namespace es = eventstore;
using namespace std::chrono_literals;

namespace {

/// Whose end may be this refusal.
template <class T>
asio::awaitable<void> refused(es::errc how, asio::awaitable<T> work) {
    try {
        co_await std::move(work);
    } catch (const es::error& refusal) {
        if (refusal.why().code() != how) throw;
    }
}

es::subscription_options quick_checkpoints() { return es::subscription_options().checkpoint_after(1ms); }

} // namespace

const std::map<std::string, store_work>& pending_operations() {
    static const std::map<std::string, store_work> all = {
        {"append",
            [](es::store store) -> asio::awaitable<void> {
                co_await store.append("b", es::any_version, counted_one("x"));
            }},
        {"append of a list",
            [](es::store store) -> asio::awaitable<void> { co_await store.append("b", es::any_version, counted(3)); }},
        {"try_append",
            [](es::store store) -> asio::awaitable<void> {
                co_await store.try_append("b", es::any_version, counted_one("x"));
            }},
        {"appends one after the other",
            [](es::store store) -> asio::awaitable<void> {
                for (int i = 0; i < 3; ++i) co_await store.append("b", es::any_version, counted_one("x"));
            }},
        {"read", [](es::store store) -> asio::awaitable<void> { co_await store.read("a"); }},
        {"read_all",
            [](es::store store) -> asio::awaitable<void> {
                co_await store.read_all(es::read_options().type("Counted").backward());
            }},
        {"scan.next",
            [](es::store store) -> asio::awaitable<void> {
                es::event_scan scan = store.scan("a", es::read_options().count(2));
                while (const std::optional<es::recorded_event> event = co_await scan.next()) {
                }
            }},
        {"scan.next_page, the store's last handle",
            [](es::store store) -> asio::awaitable<void> {
                es::event_scan scan = store.scan_all(es::read_options().count(1));
                { const es::store dropped = std::move(store); }
                while (const std::optional<es::event_page> page = co_await scan.next_page()) {
                }
            }},
        {"a scan that is only held",
            [](es::store store) -> asio::awaitable<void> {
                es::event_scan scan = store.scan("a", es::read_options().count(2));
                co_await scan.next(); // from here on a page is fetched ahead, and nobody waits for it
                co_await let_others_run(50);
            }},
        {"find_event",
            [](es::store store) -> asio::awaitable<void> {
                co_await refused(es::errc::event_not_found, store.find_event(es::make_uuid()));
            }},
        {"stream_info", [](es::store store) -> asio::awaitable<void> { co_await store.stream_info("a"); }},
        {"streams", [](es::store store) -> asio::awaitable<void> { co_await store.streams(); }},
        {"close", [](es::store store) -> asio::awaitable<void> { co_await store.close(); }},
        {"close, with work before it",
            [](es::store store) -> asio::awaitable<void> {
                started<es::append_result> append =
                    co_await start(store.append("b", es::any_version, counted_one("x")));
                started<es::event_page> read = co_await start(store.read("a"));
                co_await store.close();
            }},
        {"a subscription from its first event to its end",
            [](es::store store) -> asio::awaitable<void> {
                es::subscription every =
                    co_await store.subscribe_to_all(es::to_string(es::make_uuid()), quick_checkpoints());
                { const es::store dropped = std::move(store); }
                std::optional<es::event_batch> batch = co_await every.next();
                if (batch) batch->ack();
                co_await every.checkpoint();
                co_await every.unsubscribe();
            }},
        {"a subscription that waits for what comes",
            [](es::store store) -> asio::awaitable<void> {
                es::subscription one = co_await store.subscribe("b", es::to_string(es::make_uuid()));
                started<es::append_result> append =
                    co_await start(store.append("b", es::any_version, counted_one("x")));
                std::optional<es::event_batch> batch = co_await one.next();
                if (batch) batch->nack("not now");
            }},
        {"a listener",
            [](es::store store) -> asio::awaitable<void> {
                es::event_listener every = co_await store.listen_to_all();
                started<es::append_result> append =
                    co_await start(store.append("b", es::any_version, counted_one("x")));
                co_await every.next();
            }},
        {"wait_for",
            [](es::store store) -> asio::awaitable<void> {
                co_await refused(es::errc::subscription_not_found, store.subscription_to_all("nobody").wait_for(1));
            }},
        {"wait_for, of a subscription that does not get there",
            [](es::store store) -> asio::awaitable<void> {
                const std::string name = es::to_string(es::make_uuid());
                es::subscription every = co_await store.subscribe_to_all(name, quick_checkpoints());
                const es::store hasty = store.within(200ms);
                co_await refused(es::errc::timeout, hasty.subscription_to_all(name).wait_for(1'000'000));
            }},
        {"a transaction",
            [](es::store store) -> asio::awaitable<void> {
                es::transaction change = co_await store.begin();
                { const es::store dropped = std::move(store); }
                co_await change.execute("select 1");
                change.append("b", es::any_version, counted_one("x"));
                co_await change.commit();
            }},
        {"a transaction that is rolled back by nobody",
            [](es::store store) -> asio::awaitable<void> {
                es::transaction change = co_await store.begin();
                co_await change.execute("select 1");
                co_await let_others_run(50);
            }},
        {"delete_stream",
            [](es::store store) -> asio::awaitable<void> {
                co_await refused(es::errc::stream_not_found, store.delete_stream("nothing", es::stream_exists));
            }},
        {"a snapshot",
            [](es::store store) -> asio::awaitable<void> {
                co_await refused(es::errc::snapshot_not_found, store.read_snapshot("nothing"));
                co_await store.delete_snapshot("nothing");
            }},
        {"a subscription that another has",
            [](es::store store) -> asio::awaitable<void> {
                const std::string name = es::to_string(es::make_uuid());
                es::subscription one = co_await store.subscribe_to_all(name);
                started<es::subscription> other = co_await start(
                    store.subscribe_to_all(name, es::subscription_options().when_taken(es::if_taken::wait)));
                co_await let_others_run(50);
            }},
        {"two at a time, and the handle dropped",
            [](es::store store) -> asio::awaitable<void> {
                started<es::append_result> append =
                    co_await start(store.append("b", es::any_version, counted_one("x")));
                started<es::event_page> read = co_await start(store.read("a"));
                { const es::store dropped = std::move(store); }
                co_await let_others_run(200);
            }},
    };
    return all;
}

} // namespace eventstore::test
