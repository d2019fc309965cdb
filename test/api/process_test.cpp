// What other processes have of a store: programs that are started while it is open, and children of fork().
#include "support/conditions.hpp"
#include "support/receive.hpp"

#include <eventstore/transaction.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

namespace {

/// What a program has open that is started now.
texts inherited_descriptors() {
    texts all;
    FILE* const list = ::popen("exec ls -l /proc/self/fd", "r");
    BOOST_REQUIRE(list != nullptr);
    char line[512];
    while (std::fgets(line, sizeof line, list) != nullptr) {
        const std::string text = line;
        if (text.find("socket:") != text.npos || text.find("anon_inode:") != text.npos) all.push_back(text);
    }
    ::pclose(list);
    return all;
}

/// Runs `body` in a child of fork(), which then ends without a word. How it ended: 0 in order, SIGALRM if it hung.
template <class Body>
int in_a_child(const Body& body) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGALRM, SIG_DFL);
        ::alarm(20);
        body();
        ::_exit(0);
    }
    int how = -1;
    BOOST_REQUIRE(::waitpid(child, &how, 0) == child);
    return how;
}

/// A store on a context of its own, in use in every way.
class in_use : public store_fixture {
public:
    void teardown() {
        transaction.reset();
        subscription.reset();
        run(*context, opened->close());
        opened.reset();
        context->restart();
        context->run();
        store_fixture::teardown();
    }

    void open() {
        context.emplace(1);
        run(*context, start());
    }
    asio::awaitable<void> use() {
        co_await opened->append("a", es::any_version, counted(2));
        const texts received = co_await receive(*subscription, 2);
        BOOST_TEST(received.size() == 2u);
        const es::event_page page = co_await opened->read("a");
        BOOST_TEST(page.size() >= 2u);
    }
    asio::awaitable<void> commit() {
        auto asking = transaction->execute("select 1");
        const es::query_result one = co_await std::move(asking);
        BOOST_TEST(one.size() == 1u);
        transaction->append("b", es::any_version, counted(1));
        co_await transaction->commit();
        const texts received = co_await receive(*subscription, 1);
        BOOST_TEST(received.size() == 1u);
    }

    std::optional<asio::io_context> context; // destroyed last, or first by a child
    std::optional<es::store> opened;
    std::optional<es::subscription> subscription;
    std::optional<es::transaction> transaction;

private:
    asio::awaitable<void> start() {
        es::store store = co_await es::open(options());
        opened.emplace(store);
        es::subscription reader = co_await store.subscribe_to_all("reader");
        subscription.emplace(std::move(reader));
        es::transaction tx = co_await store.begin();
        transaction.emplace(std::move(tx));
        co_await use();
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(process_test, *own_sessions())

BOOST_FIXTURE_TEST_CASE(a_program_that_is_started_inherits_no_descriptor, in_use) {
    const texts before = inherited_descriptors();
    open();
    BOOST_TEST(backends().size() >= 4u);
    TEST_SAME(inherited_descriptors(), before);
    terminate_backends(); // and none of those that are made anew
    transaction.reset();
    run(*context, use());
    TEST_SAME(inherited_descriptors(), before);
}

BOOST_FIXTURE_TEST_CASE(a_forked_child_that_destroys_the_context_and_the_store_does_no_harm, in_use) {
    open();
    const std::vector<int> sessions = backends();
    const int context_first = in_a_child([&] {
        context.reset();
        transaction.reset();
        subscription.reset();
        opened.reset();
    });
    BOOST_TEST(context_first == 0);
    const int handles_first = in_a_child([&] {
        transaction.reset();
        subscription.reset();
        opened.reset();
        context.reset();
    });
    BOOST_TEST(handles_first == 0);

    run(*context, use());
    run(*context, commit());
    const std::vector<int> now = backends();
    for (const int each : sessions) BOOST_TEST(std::ranges::count(now, each) == 1); // none was ended
}

BOOST_AUTO_TEST_SUITE_END()
