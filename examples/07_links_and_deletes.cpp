// Links and deletes: an event in a second stream without a copy, a stream that is hidden and comes back, and one that
// goes for good.
//
//     07_links_and_deletes [URL]     without a URL: with a PostgreSQL of its own, gone at the end
#include <eventstore/eventstore.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

namespace asio = boost::asio;
namespace es = eventstore;

bool all_is_well = true;

void expect(bool is_so, const char* what) {
    std::cout << (is_so ? "yes: " : "NO:  ") << what << '\n';
    all_is_well = all_is_well && is_so;
}

asio::awaitable<std::size_t> count(es::store store, std::string stream) {
    try {
        const es::event_page page = co_await store.read(stream);
        co_return page.size();
    } catch (const es::error& e) {
        std::cout << "     (" << e.what() << ")\n";
        co_return 0;
    }
}

asio::awaitable<void> run(std::string url) {
    auto options = es::store_options(url).create().allow_hard_delete();
    const es::store store = co_await es::open(std::move(options));
    const std::string suffix = es::to_string(es::make_uuid());
    const std::string ada = "account-ada-" + suffix, bob = "account-bob-" + suffix, large = "large-sums-" + suffix;

    // Two accounts, and a stream of what is worth a second look: the events themselves, not copies of them.
    const es::event_data small("Deposited", "10"), big("Deposited", "1000000"), other("Deposited", "2000000");
    co_await store.append(ada, es::no_stream, es::events(small, big));
    co_await store.append(bob, es::no_stream, other);
    co_await store.link(large, es::no_stream, big.id());
    co_await store.link(large, 1, other.id());
    for (const es::recorded_event& each : co_await store.read(large))
        std::cout << each.link_version() << ". in " << large.substr(0, 10) << ": " << each.data()
                  << ", which is version " << each.version() << " of " << each.stream().substr(0, 11) << '\n';

    // Hidden: nobody reads or appends, but the links still work, and it can be undone.
    co_await store.delete_stream(ada, 2);
    std::size_t hidden = co_await count(store, ada);
    std::size_t linked = co_await count(store, large);
    expect(hidden == 0 && linked == 2, "a hidden stream is not read, but the links to it are");
    co_await store.restore_stream(ada);
    std::size_t restored = co_await count(store, ada);
    expect(restored == 2, "it came back as it was");

    // For good: first look what would go, then let it go; the links to its events go with it.
    const es::deletion_preview would_go = co_await store.preview_deletion(ada);
    expect(would_go.events == 2 && would_go.links_to_it == 1, "two events would go, and one link to them");
    co_await store.delete_stream(ada, es::any_version, es::deletion::hard);
    linked = co_await count(store, large);
    expect(linked == 1, "the other account's event is still linked");

    // A stream of links may go, too: the events stay where they are.
    co_await store.delete_stream(large, es::any_version, es::deletion::hard);
    const std::size_t kept = co_await count(store, bob);
    expect(kept == 1, "deleting the links has left the original alone");
    const es::append_result again = co_await store.append(ada, es::no_stream, es::event_data("Opened", "{}"));
    expect(again.first_version == 1, "the name is free for a new stream");
}

int main(int count, char* arguments[]) {
    std::optional<es::embedded_postgres> server;
    if (count < 2) server.emplace(es::embedded_postgres::start_now());
    asio::io_context context;
    asio::co_spawn(
        asio::make_strand(context), run(server ? server->url() : arguments[1]), [](std::exception_ptr failed) {
            if (failed) std::rethrow_exception(failed);
        });
    context.run();
    return all_is_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
