#include "support/store_fixture.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

es::event_data half_metadata(std::size_t bytes) {
    // Half of it metadata: both count.
    return es::event_data("Sized", std::string(bytes - bytes / 2, 'd')).metadata(std::string(bytes / 2, 'm'));
}

std::vector<es::event_data> all_sized(const std::vector<std::size_t>& sizes) {
    std::vector<es::event_data> out;
    for (const std::size_t bytes : sizes) out.push_back(half_metadata(bytes));
    return out;
}

std::size_t bytes_of(const es::recorded_event& event) { return event.data().size() + event.metadata().size(); }

std::size_t bytes_of(const es::event_page& page) {
    std::size_t sum = 0;
    for (const es::recorded_event& each : page) sum += bytes_of(each);
    return sum;
}

struct paged {
    numbers versions;
    std::vector<std::size_t> sizes;
    std::vector<std::size_t> pages; // the number of events of each
};

// Reads page after page, and checks what is true of each page.
asio::awaitable<paged> read_pages(es::store store, std::string stream, es::read_options options) {
    paged out;
    for (int rounds = 0; rounds < 1000; ++rounds) {
        const es::event_page page = co_await store.read(stream, options);
        BOOST_TEST((page.size() <= 1 || bytes_of(page) <= options.max_bytes()));
        BOOST_TEST(page.size() <= options.count());
        BOOST_TEST((!page.empty() || page.is_complete() || options.is_filtered()));
        for (const es::recorded_event& each : page) {
            out.versions.push_back(each.version());
            out.sizes.push_back(bytes_of(each));
        }
        if (!page.empty()) out.pages.push_back(page.size());
        if (page.is_complete()) co_return out;
        options.from(page.next_from());
    }
    throw std::runtime_error("the pages do not come to an end");
}

} // namespace

BOOST_AUTO_TEST_SUITE(read_max_bytes_test)

BOOST_FIXTURE_TEST_CASE(a_page_ends_before_the_event_that_does_not_fit, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, all_sized(std::vector<std::size_t>(10, 100)));
        for (const char* const stream : {"a", "$all"}) {
            const es::event_page page = co_await store.read(stream, es::read_options().max_bytes(250));
            TEST_SAME(versions_of(page), from_to(1, 2));
            BOOST_TEST(!page.is_complete());
            BOOST_TEST(page.next_from() == 3);
            const es::event_page exact = co_await store.read(stream, es::read_options().max_bytes(300));
            TEST_SAME(versions_of(exact), from_to(1, 3));
            const es::event_page less = co_await store.read(stream, es::read_options().max_bytes(299));
            TEST_SAME(versions_of(less), from_to(1, 2));
            const es::event_page last = co_await store.read(stream, es::read_options().from(8).max_bytes(300));
            TEST_SAME(versions_of(last), from_to(8, 10));
            BOOST_TEST(last.is_complete());
            const es::event_page back = co_await store.read(stream, es::read_options().backward().max_bytes(250));
            TEST_SAME(versions_of(back), from_to(10, 9));
            BOOST_TEST(!back.is_complete());
            BOOST_TEST(back.next_from() == 8);
            const es::event_page typed = co_await store.read(stream, es::read_options().type("Sized").max_bytes(250));
            TEST_SAME(versions_of(typed), from_to(1, 2));
            BOOST_TEST(typed.next_from() == 3);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(an_event_larger_than_the_page_comes_alone, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::vector<std::size_t> sizes = {10, 10, 5000, 10, 6000, 7000};
        co_await store.append("a", es::no_stream, all_sized(sizes));
        for (const char* const stream : {"a", "$all"}) {
            const paged forward = co_await read_pages(store, stream, es::read_options().max_bytes(100));
            TEST_SAME(forward.versions, from_to(1, 6));
            TEST_SAME(forward.pages, std::vector<std::size_t>({2, 1, 1, 1, 1}));
            TEST_SAME(forward.sizes, sizes);
            const paged backward = co_await read_pages(store, stream, es::read_options().max_bytes(100).backward());
            TEST_SAME(backward.versions, from_to(6, 1));
            TEST_SAME(backward.pages, std::vector<std::size_t>({1, 1, 1, 1, 2}));
            const paged one_byte = co_await read_pages(store, stream, es::read_options().max_bytes(1));
            TEST_SAME(one_byte.versions, from_to(1, 6));
            TEST_SAME(one_byte.pages, std::vector<std::size_t>(6, 1));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(events_without_bytes_take_no_room, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::vector<std::size_t> sizes = {0, 0, 0, 1, 0, 1, 0};
        co_await store.append("a", es::no_stream, all_sized(sizes));
        const paged pages = co_await read_pages(store, "a", es::read_options().max_bytes(1));
        TEST_SAME(pages.versions, from_to(1, 7));
    });
}

// However a page is cut, nothing is left out and nothing comes twice. The sizes are spread so that all ways of cutting
// are met: by a guess from the largest event, and by adding up.
BOOST_FIXTURE_TEST_CASE(no_cut_loses_or_repeats_an_event, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::vector<std::size_t> sizes;
        for (std::size_t i = 0; i < 60; ++i) sizes.push_back((i * 7919) % 300);
        sizes[17] = 20'000;
        sizes[18] = 4096;
        sizes[40] = 4097;
        sizes[59] = 100'000;
        co_await store.append("a", es::no_stream, all_sized(sizes));
        std::vector<std::size_t> reversed(sizes.rbegin(), sizes.rend());
        for (const std::size_t bytes : {std::size_t(1), std::size_t(299), std::size_t(300), std::size_t(4096),
                 std::size_t(4097), std::size_t(20'000), std::size_t(99'999), std::size_t(1) << 40})
            for (const std::size_t count : {1u, 7u, 60u, 1000u})
                for (const char* const stream : {"a", "$all"}) {
                    const es::read_options options = es::read_options().max_bytes(bytes).count(count);
                    const paged forward = co_await read_pages(store, stream, options);
                    TEST_SAME(forward.versions, from_to(1, 60));
                    TEST_SAME(forward.sizes, sizes);
                    es::read_options turned = options;
                    const paged backward = co_await read_pages(store, stream, turned.backward());
                    TEST_SAME(backward.versions, from_to(60, 1));
                    TEST_SAME(backward.sizes, reversed);
                }
    });
}

// One large event somewhere in the log must not make every page of small ones a page of one.
BOOST_FIXTURE_TEST_CASE(one_large_event_does_not_shrink_the_pages_of_the_others, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("large", es::no_stream, half_metadata(8'000'000));
        co_await store.append("a", es::no_stream, all_sized(std::vector<std::size_t>(2000, 100)));
        const paged default_pages = co_await read_pages(store, "a", es::read_options());
        TEST_SAME(default_pages.pages, std::vector<std::size_t>({1000, 1000}));
        const paged small_pages = co_await read_pages(store, "a", es::read_options().max_bytes(50'000));
        BOOST_TEST(small_pages.versions.size() == 2000u);
        BOOST_TEST(small_pages.pages.size() <= 5u);
        const paged log = co_await read_pages(store, "$all", es::read_options());
        BOOST_TEST(log.versions.size() == 2001u);
        BOOST_TEST(log.pages.size() <= 4u);
    });
}

// A page of the default size may not grow with the events in it.
BOOST_FIXTURE_TEST_CASE(the_default_page_holds_four_megabytes, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, all_sized(std::vector<std::size_t>(20, 500'000)));
        const paged pages = co_await read_pages(store, "a", es::read_options());
        TEST_SAME(pages.versions, from_to(1, 20));
        TEST_SAME(pages.pages, std::vector<std::size_t>({8, 8, 4}));
    });
}

BOOST_AUTO_TEST_SUITE_END()
