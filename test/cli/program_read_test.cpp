#include "cli/program.hpp"

#include "support/store_fixture.hpp"

using namespace eventstore::test;

namespace {

/// Three streams with events of two types.
struct filled_fixture : program_fixture {
    filled_fixture() {
        std::string input;
        for (int i = 1; i <= 9; ++i) {
            const char* const streams[] = {"a-1", "a-2", "b-1"};
            input += std::string(R"({"stream":")") + streams[i % 3] + R"(","type":")" + (i % 2 == 1 ? "Odd" : "Even") +
                R"(","data":)" + std::to_string(i) + "}\n";
        }
        BOOST_REQUIRE(run({"append", "--bulk"}, input).exit_code == 0);
    }

    /// The data of the events that a command prints, which must succeed.
    std::string read(words arguments) {
        arguments.insert(arguments.begin(), "read");
        const outcome done = run(arguments);
        BOOST_TEST(done.exit_code == 0);
        BOOST_TEST(done.err == "");
        std::string data;
        for (const std::string& line : done.lines()) data += line.substr(line.rfind(':') + 1, 1);
        return data;
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(program_read_test)

BOOST_FIXTURE_TEST_CASE(read_prints_what_was_asked_for, filled_fixture) {
    BOOST_TEST(read({}) == "123456789");
    BOOST_TEST(read({"$all"}) == "123456789");
    BOOST_TEST(read({"a-1"}) == "369");
    BOOST_TEST(read({"a-1", "--from", "2"}) == "69");
    BOOST_TEST(read({"--from", "5", "--count", "2"}) == "56");
    BOOST_TEST(read({"--from", "100"}) == "");
    BOOST_TEST(read({"--backward"}) == "987654321");
    BOOST_TEST(read({"--backward", "--from", "3"}) == "321");
    BOOST_TEST(read({"--type", "Odd"}) == "13579");
    BOOST_TEST(read({"--type", "Odd", "--type", "Even", "--count", "3"}) == "123");
    BOOST_TEST(read({"--type", "None"}) == "");
    BOOST_TEST(read({"--prefix", "a-"}) == "134679");
    BOOST_TEST(read({"--prefix", "a-", "--type", "Even", "--backward"}) == "64");
    BOOST_TEST(read({"b-1", "--type", "Even"}) == "28");
}

BOOST_FIXTURE_TEST_CASE(a_missing_stream_has_an_exit_code_of_its_own, filled_fixture) {
    for (const char* const command : {"read", "info"}) {
        const outcome missing = run({command, "nowhere"});
        BOOST_TEST(missing.exit_code == 3);
        BOOST_TEST(missing.out == "");
        BOOST_TEST(missing.err.starts_with("eventstore: "));
    }
}

BOOST_FIXTURE_TEST_CASE(a_number_out_of_bounds_is_refused, filled_fixture) {
    for (const words& bad : {words{"--count", "0"}, words{"--count=-1"}, words{"--from=-1"}, words{"--count", "x"},
             words{"--count", "99999999999999999999"}, words{"a-1", "--prefix", "a"}}) {
        words command = bad;
        command.insert(command.begin(), "read");
        BOOST_TEST(run(command).exit_code == 2);
    }
}

BOOST_FIXTURE_TEST_CASE(a_table_is_for_people, filled_fixture) {
    const words table = run({"read", "b-1", "--table"}).lines();
    BOOST_REQUIRE(table.size() == 4U);
    BOOST_TEST(table[0].starts_with("POSITION  VERSION  CREATED AT"));
    BOOST_TEST(table[1].starts_with("       2        1  20"));
    BOOST_TEST(table[1].ends_with("Z  b-1     Even  2"));
    BOOST_TEST(table[3].ends_with("Z  b-1     Even  8"));
}

BOOST_FIXTURE_TEST_CASE(a_terminal_gets_a_table_as_wide_as_it_is, filled_fixture) {
    run({"append", "wild"}, R"({"type":"T","data_text":"\u001b[31mred\u009b\u0007 )" + std::string(100, 'x') + "\"}");
    words command = here();
    command.insert(command.begin(), {"read", "wild"});
    const outcome shown = run_program_on_terminal(command, 79);
    BOOST_TEST(shown.exit_code == 0);
    BOOST_REQUIRE(shown.lines().size() == 2U);
    BOOST_TEST(shown.lines()[0].starts_with("POSITION"));
    BOOST_TEST(shown.lines()[1].find(" [31mred") != std::string::npos); // and no escape before it
    BOOST_TEST(shown.lines()[1].size() == 79 + 2U);                     // the last character has three bytes
    BOOST_TEST(shown.lines()[1].ends_with("xx…"));

    command.push_back("--json");
    BOOST_TEST(run_program_on_terminal(command, 79).out.starts_with("{\"position\":10,"));
}

BOOST_FIXTURE_TEST_CASE(a_reader_that_goes_away_is_no_error, program_fixture) {
    std::string input;
    for (int i = 0; i < 3000; ++i) input += R"({"type":"T","data":")" + std::string(200, 'x') + "\"}\n";
    BOOST_TEST(run({"append", "a"}, input).exit_code == 0);
    const outcome done = run_in_shell("set -o pipefail; eventstore read | head -n 1");
    BOOST_TEST(done.exit_code == 0);
    BOOST_TEST(done.err == "");
    BOOST_TEST(done.lines().size() == 1U);

    const outcome full = run_in_shell("eventstore read >/dev/full");
    BOOST_TEST(full.exit_code == 1);
    BOOST_TEST(full.err == "eventstore: cannot write the output: No space left on device\n");
}

BOOST_FIXTURE_TEST_CASE(streams_are_listed_by_name, filled_fixture) {
    const words all = run({"streams"}).lines();
    BOOST_REQUIRE(all.size() == 3U);
    BOOST_TEST(all[0].starts_with(R"({"stream":"a-1","version":3,"created_at":")"));
    BOOST_TEST(run({"streams", "--prefix", "a-"}).lines().size() == 2U);
    BOOST_TEST(run({"streams", "--count", "1"}).lines().size() == 1U);
    const words table = run({"streams", "--prefix", "b", "--table"}).lines();
    BOOST_REQUIRE(table.size() == 2U);
    BOOST_TEST(table[0] == "VERSION  CREATED AT                   STREAM");
    BOOST_TEST(table[1].ends_with("Z  b-1"));
}

BOOST_FIXTURE_TEST_CASE(streams_are_searched_and_listed_in_other_orders, filled_fixture) {
    const auto names = [&](words options) {
        options.insert(options.begin(), "streams");
        words all;
        for (const std::string& line : run(options).lines()) {
            const auto begin = line.find("\":\"") + 3;
            all.push_back(line.substr(begin, line.find('"', begin) - begin));
        }
        return all;
    };
    sql("update " + quoted_name(schema()) + ".streams set deleted_at = '2020-02-02T20:20:20Z' where name = 'a-2'");
    TEST_SAME(names({}), words({"a-1", "b-1"}));
    TEST_SAME(names({"--search", "-1"}), words({"a-1", "b-1"}));
    TEST_SAME(names({"--search", "-2"}), words());
    TEST_SAME(names({"--all", "--search", "-2"}), words({"a-2"}));
    TEST_SAME(names({"--all", "--descending"}), words({"b-1", "a-2", "a-1"}));
    TEST_SAME(names({"--deleted"}), words({"a-2"}));
    TEST_SAME(names({"--order", "name", "--count", "1"}), words({"a-1"}));
    for (const char* const name : {"z-2", "z-1"}) run({"append", name}, R"({"type":"T","data":1})");
    TEST_SAME(names({"--prefix", "z", "--order", "name"}), words({"z-1", "z-2"}));
    TEST_SAME(names({"--prefix", "z", "--order", "age"}), words({"z-2", "z-1"}));
    TEST_SAME(names({"--order", "age", "--descending", "--count", "2"}), words({"z-1", "z-2"}));

    const words table = run({"streams", "--all", "--search", "a-", "--table"}).lines();
    BOOST_REQUIRE(table.size() == 3U);
    BOOST_TEST(table[0] == "VERSION  CREATED AT                   DELETED AT                   STREAM");
    BOOST_TEST(table[1].ends_with("Z                               a-1"), table[1]);
    BOOST_TEST(table[2].ends_with("Z  2020-02-02T20:20:20.000000Z  a-2"), table[2]);
    for (const words& wrong : {words{"--order", "size"}, words{"--deleted", "--all"}, words{"--order"}}) {
        words arguments = wrong;
        arguments.insert(arguments.begin(), "streams");
        BOOST_TEST(run(arguments).exit_code == 2);
    }
}

BOOST_FIXTURE_TEST_CASE(more_streams_than_a_page_are_listed, program_fixture) {
    std::string input;
    for (int i = 10000; i < 12500; ++i)
        input += R"({"stream":"s-)" + std::to_string(i) + R"(","type":"T","data":1})" + "\n";
    run({"append", "--bulk"}, input);
    const words all = run({"streams"}).lines();
    BOOST_REQUIRE(all.size() == 2500U);
    BOOST_TEST(all[2499].starts_with(R"({"stream":"s-12499",)"));
    BOOST_TEST(run({"streams", "--count", "1500"}).lines().size() == 1500U);
    BOOST_TEST(run({"streams", "--count", "1000"}).lines().size() == 1000U);
    const words by_age = run({"streams", "--order", "age", "--descending"}).lines();
    BOOST_REQUIRE(by_age.size() == 2500U);
    BOOST_TEST(by_age[2499].starts_with(R"({"stream":"s-10000",)"));
}

BOOST_FIXTURE_TEST_CASE(info_tells_of_a_stream_or_of_all, filled_fixture) {
    BOOST_TEST(run({"info"}).out.starts_with(R"({"stream":"$all","version":9,"created_at":")"));
    BOOST_TEST(run({"info", "b-1"}).out.starts_with(R"({"stream":"b-1","version":3,"created_at":")"));
}

BOOST_AUTO_TEST_SUITE_END()
