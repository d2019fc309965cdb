#include <eventstore/uuid.hpp>

#include <boost/test/unit_test.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using eventstore::make_uuid;
using eventstore::parse_uuid;
using eventstore::uuid;

namespace {

std::int64_t milliseconds_in(const uuid& id) {
    std::int64_t value = 0;
    for (int i = 0; i < 6; ++i) value = value << 8 | id.data[i];
    return value;
}

std::int64_t milliseconds_now() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::string random_part(const uuid& id) { return std::string(id.begin() + 8, id.end()); }

/// The first id that a forked child makes.
std::optional<uuid> id_of_a_child() {
    int ends[2];
    if (::pipe(ends) != 0) return std::nullopt;
    const pid_t child = ::fork();
    if (child == 0) {
        const uuid id = make_uuid();
        const bool written = ::write(ends[1], id.data, sizeof id.data) == ssize_t{sizeof id.data};
        ::_exit(written ? 0 : 1); // no exit handlers: they are the parent's
    }
    ::close(ends[1]);
    uuid id;
    const bool complete = ::read(ends[0], id.data, sizeof id.data) == ssize_t{sizeof id.data};
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    return complete ? std::optional(id) : std::nullopt;
}

} // namespace

BOOST_AUTO_TEST_SUITE(uuid_test)

BOOST_AUTO_TEST_CASE(a_new_id_has_version_7_and_the_variant_of_the_rfc) {
    for (int i = 0; i < 1000; ++i) {
        const uuid id = make_uuid();
        BOOST_TEST((id.data[6] >> 4) == 7);
        BOOST_TEST((id.data[8] >> 6) == 2);
    }
}

BOOST_AUTO_TEST_CASE(a_new_id_begins_with_the_time_in_milliseconds) {
    const std::int64_t before = milliseconds_now();
    const std::int64_t inside = milliseconds_in(make_uuid());
    BOOST_TEST(inside >= before);
    // Its counter may have run ahead of the clock, where thousands of ids were made in one millisecond.
    BOOST_TEST(inside <= milliseconds_now() + 1000);
}

BOOST_AUTO_TEST_CASE(ids_made_one_after_the_other_sort_one_after_the_other) {
    uuid last = make_uuid();
    bool sorted = true;
    for (int i = 0; i < 100'000; ++i) { // the counter below the milliseconds overflows many times
        const uuid next = make_uuid();
        sorted = sorted && last < next;
        last = next;
    }
    BOOST_TEST(sorted);
}

BOOST_AUTO_TEST_CASE(ids_made_by_several_threads_are_all_different_and_sorted_within_each) {
    std::vector<std::vector<uuid>> made(4);
    {
        std::vector<std::jthread> threads;
        for (auto& ids : made)
            threads.emplace_back([&ids] {
                for (int i = 0; i < 5000; ++i) ids.push_back(make_uuid());
            });
    }
    std::vector<uuid> all;
    for (const auto& ids : made) {
        BOOST_TEST(std::ranges::is_sorted(ids));
        all.insert(all.end(), ids.begin(), ids.end());
    }
    std::ranges::sort(all);
    BOOST_TEST((std::ranges::adjacent_find(all) == all.end()));
}

BOOST_AUTO_TEST_CASE(the_random_part_differs_from_id_to_id) {
    std::vector<std::string> parts;
    for (int i = 0; i < 10'000; ++i) parts.push_back(random_part(make_uuid()));
    std::ranges::sort(parts);
    BOOST_TEST((std::ranges::adjacent_find(parts) == parts.end()));
}

BOOST_AUTO_TEST_CASE(a_forked_child_does_not_repeat_the_random_numbers_of_its_parent) {
    (void)make_uuid(); // the parent's generator is seeded: the child inherits its state
    const auto first = id_of_a_child();
    const auto second = id_of_a_child();
    const uuid own = make_uuid();
    BOOST_REQUIRE(first.has_value());
    BOOST_REQUIRE(second.has_value());
    BOOST_TEST(random_part(*first) != random_part(own));
    BOOST_TEST(random_part(*first) != random_part(*second));
}

BOOST_AUTO_TEST_CASE(the_text_form_has_36_lower_case_characters_and_reads_back) {
    const uuid id = make_uuid();
    const std::string text = eventstore::to_string(id);
    BOOST_TEST(text.size() == 36u);
    BOOST_TEST((text.find_first_not_of("0123456789abcdef-") == std::string::npos));
    for (const std::size_t hyphen : {8u, 13u, 18u, 23u}) BOOST_TEST(text[hyphen] == '-');
    BOOST_TEST((parse_uuid(text) == id));
}

BOOST_AUTO_TEST_CASE(an_id_reads_in_every_usual_form) {
    const auto plain = parse_uuid("0198c0de-1234-7abc-8def-0123456789ab");
    BOOST_REQUIRE(plain.has_value());
    const std::uint8_t expected[] = {
        0x01, 0x98, 0xc0, 0xde, 0x12, 0x34, 0x7a, 0xbc, 0x8d, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab};
    BOOST_TEST(std::memcmp(plain->data, expected, sizeof expected) == 0);
    for (const char* const same : {"0198C0DE-1234-7ABC-8DEF-0123456789AB", "0198c0de12347abc8def0123456789ab",
             "{0198c0de-1234-7abc-8def-0123456789ab}", "{0198C0DE12347abc8def0123456789AB}"})
        BOOST_TEST((parse_uuid(same) == plain), same);
}

BOOST_AUTO_TEST_CASE(anything_else_is_no_id) {
    for (const std::string_view bad :
        {"", "0", "0198c0de-1234-7abc-8def-0123456789a", "0198c0de-1234-7abc-8def-0123456789ab0",
            "0198c0de-1234-7abc-8def-0123456789ag", "0198c0de-1234-7abc-8def_0123456789ab",
            "{0198c0de-1234-7abc-8def-0123456789ab", "0198c0de-1234-7abc-8def-0123456789ab}",
            " 0198c0de-1234-7abc-8def-0123456789ab", "0198c0de-1234-7abc-8def-0123456789ab ",
            "0198c0de-12347abc-8def-0123456789ab", "--------------------------------"})
        BOOST_TEST(!parse_uuid(bad).has_value(), bad);
    BOOST_TEST(!parse_uuid(std::string_view("0198c0de-1234-7abc-8def-01234567\0ab", 36)).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
