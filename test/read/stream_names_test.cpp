#include "read/stream_names.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

using eventstore::read::stream_names;

namespace {

std::string name_of(std::int64_t id) { return "stream-" + std::to_string(id); }

} // namespace

BOOST_AUTO_TEST_SUITE(stream_names_test)

BOOST_AUTO_TEST_CASE(a_name_is_found_under_its_id) {
    stream_names names;
    BOOST_TEST(names.find(1) == nullptr);
    BOOST_TEST(*names.remember(1, "one") == "one");
    BOOST_TEST(*names.remember(-5, "") == "");
    BOOST_REQUIRE(names.find(1));
    BOOST_TEST(*names.find(1) == "one");
    BOOST_TEST(*names.find(-5) == "");
    BOOST_TEST(names.find(2) == nullptr);
    BOOST_TEST(names.size() == 2u);
}

BOOST_AUTO_TEST_CASE(readers_share_one_copy_of_a_name) {
    stream_names names;
    const auto first = names.remember(1, "one");
    BOOST_TEST((names.find(1) == first));
    BOOST_TEST((names.find(1) == names.find(1)));
}

BOOST_AUTO_TEST_CASE(no_more_than_two_generations_are_remembered) {
    stream_names names(100);
    for (std::int64_t id = 0; id < 10'000; ++id) {
        names.remember(id, name_of(id));
        BOOST_TEST(names.size() <= 200u);
        BOOST_TEST(*names.find(id) == name_of(id));
    }
    BOOST_TEST(names.find(0) == nullptr);
    for (std::int64_t id = 9'900; id < 10'000; ++id) BOOST_TEST(names.find(id) != nullptr); // at least the last hundred
}

BOOST_AUTO_TEST_CASE(a_name_in_use_outlives_many_generations) {
    stream_names names(10);
    const auto kept = names.remember(0, "in use");
    for (std::int64_t id = 1; id < 1000; ++id) {
        names.remember(id, name_of(id));
        if (id % 5 == 0) BOOST_TEST((names.find(0) == kept));
    }
    BOOST_TEST((names.find(0) == kept));
}

BOOST_AUTO_TEST_CASE(a_name_that_was_forgotten_lives_on_where_it_is_held) {
    stream_names names(1);
    const auto held = names.remember(1, "one");
    for (std::int64_t id = 2; id < 10; ++id) names.remember(id, "other");
    BOOST_TEST(names.find(1) == nullptr);
    BOOST_TEST(*held == "one");
}

BOOST_AUTO_TEST_CASE(whatever_is_found_is_right) {
    for (const unsigned seed : {1u, 2u, 3u}) {
        std::mt19937 random(seed);
        stream_names names(50);
        for (int i = 0; i < 20'000; ++i) {
            const auto id = static_cast<std::int64_t>(random() % 200);
            if (const auto found = names.find(id); found && *found != name_of(id)) BOOST_ERROR("seed " << seed);
            if (random() % 2 == 0) names.remember(id, name_of(id));
            if (names.size() > 100) BOOST_ERROR("seed " << seed << ": " << names.size());
        }
    }
}

BOOST_AUTO_TEST_CASE(threads_may_ask_and_remember_at_once) {
    stream_names names(20);
    std::vector<int> wrong(4, 0);
    {
        std::vector<std::jthread> threads;
        for (unsigned t = 0; t < 4; ++t)
            threads.emplace_back([&, t] {
                std::mt19937 random(t + 1);
                for (int i = 0; i < 5000; ++i) {
                    const auto id = static_cast<std::int64_t>(random() % 100);
                    const auto found = names.find(id);
                    wrong[t] += *(found ? found : names.remember(id, name_of(id))) != name_of(id);
                }
            });
    }
    for (const int count : wrong) BOOST_TEST(count == 0);
}

BOOST_AUTO_TEST_SUITE_END()
