// `link`, `delete` and `restore`.

#include "cli/program.hpp"

#include "support/store_fixture.hpp"

using namespace eventstore::test;

namespace {

struct two_streams : program_fixture {
    two_streams() {
        const std::string first = R"({"type":"T","data":1,"id":"00000000-0000-0000-0000-000000000001"})";
        const std::string second = R"({"type":"T","data":2,"id":"00000000-0000-0000-0000-000000000002"})";
        BOOST_REQUIRE(run({"append", "a"}, first + "\n" + second + "\n").exit_code == 0);
        const outcome linked = run({"link", "b", "--event", id(2), "--event", id(1)});
        BOOST_REQUIRE(linked.exit_code == 0);
        BOOST_TEST(linked.out.ends_with("}\n"));
    }
    static std::string id(int last) { return "00000000-0000-0000-0000-00000000000" + std::to_string(last); }
};

} // namespace

BOOST_AUTO_TEST_SUITE(program_delete_test)

BOOST_FIXTURE_TEST_CASE(links_are_read_as_their_originals_and_say_where_they_are, two_streams) {
    const outcome read = run({"read", "b"});
    BOOST_TEST_REQUIRE(read.lines().size() == 2u);
    BOOST_TEST(
        read.lines()[0].find(R"("stream":"a","version":2,"link_version":1,"link_position":3)") != std::string::npos,
        read.out);
    BOOST_TEST(run({"link", "b", "--event", id(1)}).exit_code == 3);
    BOOST_TEST(run({"link", "b", "--event", id(9)}).exit_code == 3);
    BOOST_TEST(run({"link", "c", "--expect", "5", "--event", id(1)}).exit_code == 3);
    BOOST_TEST(run({"link", "c"}).exit_code == 2);
    BOOST_TEST(run({"link", "c", "--event", "one"}).exit_code == 2);
    BOOST_TEST(run({"link", "c", "--event", id(0)}).exit_code == 2);
}

BOOST_FIXTURE_TEST_CASE(a_hidden_stream_comes_back, two_streams) {
    const outcome hidden = run({"delete", "a", "--expect", "2"});
    BOOST_TEST(hidden.exit_code == 0);
    BOOST_TEST(hidden.out == "{\"stream\":\"a\",\"deleted\":true}\n");
    BOOST_TEST(run({"read", "a"}).exit_code == 3);
    BOOST_TEST(run({"delete", "a"}).exit_code == 3);
    BOOST_TEST(run({"read"}).lines().size() == 2u);
    BOOST_TEST(run({"restore", "a"}).exit_code == 0);
    BOOST_TEST(run({"read", "a"}).lines().size() == 2u);
    BOOST_TEST(run({"delete", "a", "--expect", "1"}).exit_code == 3);
    BOOST_TEST(run({"delete"}).exit_code == 2);
    BOOST_TEST(run({"restore", "none"}).exit_code == 3);
}

BOOST_FIXTURE_TEST_CASE(a_stream_goes_for_good_when_that_is_said, two_streams) {
    const outcome preview = run({"delete", "a", "--dry-run"});
    BOOST_TEST(preview.exit_code == 0);
    BOOST_TEST(preview.out == "{\"stream\":\"a\",\"events\":2,\"links\":0,\"links_to_it\":2,\"subscriptions\":0}\n");
    BOOST_TEST(run({"read", "a"}).lines().size() == 2u);
    const outcome gone = run({"delete", "a", "--for-good"});
    BOOST_TEST(gone.exit_code == 0);
    BOOST_TEST(gone.out.find("\"deleted\":\"for good\"") != std::string::npos, gone.out);
    BOOST_TEST(run({"read", "a"}).exit_code == 3);
    BOOST_TEST(run({"read", "b"}).out == "");
    BOOST_TEST(run({"read"}).out == "");
}

BOOST_FIXTURE_TEST_CASE(a_schema_may_keep_json, program_fixture) {
    BOOST_TEST(run({"init", "--payload", "xml"}).exit_code == 2);
    BOOST_TEST(run({"init", "--payload", "jsonb"}).exit_code == 0); // it is there already, and keeps its own way
}

BOOST_AUTO_TEST_SUITE_END()
