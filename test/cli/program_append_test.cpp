#include "cli/program.hpp"

#include "support/store_fixture.hpp"

#include <cstdio>

using namespace eventstore::test;

namespace {

const std::string three_lines = R"({"type":"Opened","data":{"owner": "Ada"}}

{"type":"Deposited","data_text":"text","metadata":{"by":"test"}}
{"type":"Withdrawn","data_base64":"/wA="}
)";

std::string line_of(const std::string& stream, int number) {
    return R"({"stream":")" + stream + R"(","type":"T","data":)" + std::to_string(number) + "}\n";
}

} // namespace

BOOST_AUTO_TEST_SUITE(program_append_test)

BOOST_FIXTURE_TEST_CASE(the_lines_become_one_append, program_fixture) {
    const outcome done = run({"append", "account-1", "--expect", "no-stream"}, three_lines);
    BOOST_TEST(done.exit_code == 0);
    BOOST_TEST(done.err == "");
    BOOST_TEST(done.out.starts_with(R"({"stream":"account-1","first_version":1,"last_version":3,"first_position":1,)"));
    BOOST_TEST(done.out.ends_with("\"already_appended\":false}\n"));

    const words events = run({"read", "account-1"}).lines();
    BOOST_REQUIRE(events.size() == 3U);
    BOOST_TEST(events[0].ends_with(R"("data":{"owner": "Ada"}})"));
    BOOST_TEST(events[1].ends_with(R"("metadata":{"by":"test"},"data_text":"text"})"));
    BOOST_TEST(events[2].ends_with(R"("data_base64":"/wA="})"));
}

BOOST_FIXTURE_TEST_CASE(an_unexpected_version_has_an_exit_code_of_its_own, program_fixture) {
    run({"append", "a"}, line_of("a", 1));
    for (const char* const expected : {"no-stream", "0", "2"}) {
        const outcome refused = run({"append", "a", "--expect", expected}, line_of("a", 2));
        BOOST_TEST(refused.exit_code == 3);
        BOOST_TEST(refused.out == "");
        BOOST_TEST(refused.err.starts_with("eventstore: "));
        BOOST_TEST(refused.err.find('\n') == refused.err.size() - 1);
    }
    BOOST_TEST(run({"append", "b", "--expect", "exists"}, line_of("b", 1)).exit_code == 3);
    BOOST_TEST(run({"append", "a", "--expect", "exists"}, line_of("a", 2)).exit_code == 0);
    BOOST_TEST(run({"append", "a", "--expect", "2"}, line_of("a", 3)).exit_code == 0);
    BOOST_TEST(run({"read", "$all"}).lines().size() == 3U);
}

BOOST_FIXTURE_TEST_CASE(ids_make_a_second_attempt_harmless, program_fixture) {
    const std::string line = R"({"id":"01890a5d-ac96-774b-bcce-b302099a8057","type":"T","data":1})";
    BOOST_TEST(run({"append", "a", "--expect", "no-stream"}, line).out.ends_with("\"already_appended\":false}\n"));
    BOOST_TEST(run({"append", "a", "--expect", "no-stream"}, line).out.ends_with("\"already_appended\":true}\n"));
    BOOST_TEST(run({"append", "b"}, line).exit_code == 3);
    BOOST_TEST(run({"read"}).lines().size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_bad_line_stores_nothing, program_fixture) {
    const outcome refused = run({"append", "a"}, line_of("a", 1) + "\nhello\n");
    BOOST_TEST(refused.exit_code == 2);
    BOOST_TEST(refused.err.starts_with("eventstore: line 3: this is not JSON"));
    BOOST_TEST(run({"append", "a"}, line_of("a", 1) + line_of("b", 1)).exit_code == 2);
    BOOST_TEST(run({"append", "$all"}, line_of("$all", 1)).exit_code == 2);
    BOOST_TEST(run({"append", ""}, R"({"type":"T","data":1})").exit_code == 2);
    BOOST_TEST(run({"append", "a"}, R"({"type":"","data":1})").exit_code == 2);
    BOOST_TEST(run({"read"}).out == "");
}

BOOST_FIXTURE_TEST_CASE(no_lines_are_no_append, program_fixture) {
    for (const words& command : {words{"append", "a"}, words{"append", "--bulk"}}) {
        const outcome nothing = run(command, "\n\n");
        BOOST_TEST(nothing.exit_code == 0);
        BOOST_TEST(nothing.out == "");
    }
}

BOOST_FIXTURE_TEST_CASE(the_input_may_be_a_file, program_fixture) {
    const std::string file = "/tmp/" + schema() + ".jsonl";
    std::FILE* const out = std::fopen(file.c_str(), "w");
    std::fputs(R"({"type":"T","data":"without a line break"})", out);
    std::fclose(out);
    BOOST_TEST(run({"append", "a", "--file", file}).exit_code == 0);
    std::remove(file.c_str());
    BOOST_TEST(run({"read", "a"}).lines().size() == 1U);

    const outcome missing = run({"append", "a", "--file", file});
    BOOST_TEST(missing.exit_code == 2);
    BOOST_TEST(missing.err == "eventstore: cannot open " + file + ": No such file or directory\n");
}

BOOST_FIXTURE_TEST_CASE(in_bulk_each_line_is_an_append_to_its_stream, program_fixture) {
    std::string input;
    for (int i = 0; i < 5000; ++i) input += line_of("s-" + std::to_string(i % 7), i / 7);
    const outcome done = run({"append", "--bulk"}, input);
    BOOST_TEST(done.exit_code == 0);
    const words results = done.lines();
    BOOST_REQUIRE(results.size() == 5000U);
    BOOST_TEST(results[0].starts_with(R"({"stream":"s-0","first_version":1,"last_version":1,)"));
    BOOST_TEST(results[4999].starts_with(R"({"stream":"s-1","first_version":715,"last_version":715,)"));

    const words events = run({"read", "s-3"}).lines(); // in the order of the input
    BOOST_REQUIRE(events.size() == 714U);
    for (std::size_t i = 0; i < events.size(); ++i)
        BOOST_TEST(events[i].ends_with("\"data\":" + std::to_string(i) + "}"));
}

BOOST_FIXTURE_TEST_CASE(what_read_prints_can_be_appended_elsewhere, program_fixture) {
    run({"append", "a"}, three_lines);
    run({"append", "b"}, three_lines);
    const outcome original = run({"read"});
    program_fixture other;
    BOOST_TEST(other.run({"append", "--bulk"}, original.out).exit_code == 0);
    BOOST_TEST(other.run({"read"}).out == original.out);
    BOOST_TEST(
        other.run({"append", "--bulk", "--table"}, original.out).out == "0 events appended, 6 were there already\n");
}

BOOST_AUTO_TEST_CASE(json_is_stored_as_it_was_written_in_both_kinds_of_store) {
    const words values{R"("hello")", R"("5")", R"("true")", R"("null")", R"("1e3")", R"("")", R"("{\"a\":1}")", "true",
        "null", "0.1000", "-7", "12345678901234567890", R"({"a": [1, "2", null]})"};
    for (const char* const payload : {"bytea", "jsonb"}) {
        const fresh_schema first;
        const fresh_schema second;
        const auto run_in = [&](const fresh_schema& schema, words command, const std::string& input = "") {
            command.insert(command.end(), {"--url", test_server::url(), "--schema", schema.name()});
            const outcome done = run_program(command, input);
            BOOST_TEST(done.exit_code == 0, done.err);
            return done;
        };
        std::string input;
        for (const std::string& value : values) input += R"({"stream":"a","type":"T","data":)" + value + "}\n";
        for (const fresh_schema* each : {&first, &second}) run_in(*each, {"init", "--payload", payload});
        run_in(first, {"append", "--bulk"}, input);
        const outcome printed = run_in(first, {"read"});
        BOOST_REQUIRE(printed.lines().size() == values.size());
        for (std::size_t i = 0; i < values.size(); ++i)
            BOOST_TEST(printed.lines()[i].ends_with(",\"data\":" + values[i] + "}"), payload);
        run_in(second, {"append", "--bulk"}, printed.out);
        BOOST_TEST(run_in(second, {"read"}).out == printed.out);
    }
}

BOOST_FIXTURE_TEST_CASE(numbers_of_any_size_and_texts_come_back_digit_by_digit, program_fixture) {
    const std::string input = R"({"stream":"a","type":"T","data":1e400}
{"stream":"a","type":"T","data":[0.10000000000000000000001, -0, 1E+2]}
{"stream":"a","type":"T","data_text":"1e400 "}
{"stream":"a","type":"T","data":{"a": 1},"data_text":"{\n  \"a\":1}\n"}
)";
    BOOST_TEST(run({"append", "--bulk"}, input).exit_code == 0);
    const words lines = run({"read"}).lines();
    BOOST_REQUIRE(lines.size() == 4U);
    BOOST_TEST(lines[0].ends_with(R"(,"data":1e400})"));
    BOOST_TEST(lines[1].ends_with(R"(,"data":[0.10000000000000000000001, -0, 1E+2]})"));
    BOOST_TEST(lines[2].ends_with(R"(,"data":1e400,"data_text":"1e400 "})"));
    BOOST_TEST(lines[3].ends_with(R"(,"data":{   "a":1},"data_text":"{\n  \"a\":1}\n"})"));
}

BOOST_FIXTURE_TEST_CASE(input_of_another_encoding_is_refused_by_its_name, program_fixture) {
    const std::string line = line_of("a", 1);
    const auto wide = [&](std::size_t width, bool big_endian, std::string text) {
        for (const char each : line) {
            const std::string zeros(width - 1, '\0');
            text += big_endian ? zeros + each : each + zeros;
        }
        return text;
    };
    struct encoded {
        std::string name;
        std::string input;
    };
    for (const encoded& each :
        {encoded{"UTF-16", wide(2, false, "\xff\xfe")}, encoded{"UTF-16", wide(2, true, "\xfe\xff")},
            encoded{"UTF-32", wide(4, false, std::string("\xff\xfe\0\0", 4))},
            encoded{"UTF-32", wide(4, true, std::string("\0\0\xfe\xff", 4))}, encoded{"UTF-16LE", wide(2, false, "")},
            encoded{"UTF-16BE", wide(2, true, "")}, encoded{"UTF-32LE", wide(4, false, "")},
            encoded{"UTF-32BE", wide(4, true, "")}})
        for (const words& command : {words{"append", "a"}, words{"append", "--bulk"}}) {
            const outcome refused = run(command, each.input);
            BOOST_TEST(refused.exit_code == 2);
            BOOST_TEST(refused.err ==
                "eventstore: line 1: this is " + each.name + "; convert the input to UTF-8 first: iconv -f " +
                    each.name + " -t UTF-8\n");
        }
    const outcome latin = run({"append", "a"}, "{\"type\":\"\xe4\",\"data\":1}\n");
    BOOST_TEST(latin.err == "eventstore: line 1: this is not UTF-8: convert it first, as iconv does\n");
    BOOST_TEST(run({"read"}).out == "");
}

BOOST_FIXTURE_TEST_CASE(a_byte_order_mark_of_utf_8_is_passed_over, program_fixture) {
    const std::string mark = "\xef\xbb\xbf";
    BOOST_TEST(run({"append", "a"}, mark + line_of("a", 1) + line_of("a", 2)).exit_code == 0);
    BOOST_TEST(
        run({"append", "--bulk"}, mark + line_of("a", 3) + mark + line_of("a", 4)).exit_code == 0); // of two files
    BOOST_TEST(run({"append", "a"}, mark).exit_code == 0);
    BOOST_TEST(run({"read", "a"}).lines().size() == 4U);
}

BOOST_FIXTURE_TEST_CASE(in_bulk_the_first_failure_ends_the_work, program_fixture) {
    const outcome bad_line = run({"append", "--bulk"}, line_of("a", 1) + "{}\n" + line_of("a", 2));
    BOOST_TEST(bad_line.exit_code == 2);
    BOOST_TEST(bad_line.err == "eventstore: line 2: the member \"type\" is missing\n");
    BOOST_TEST(bad_line.lines().size() == 1U);
    BOOST_TEST(run({"read"}).lines().size() == 1U);

    const outcome no_stream = run({"append", "--bulk"}, R"({"type":"T","data":1})");
    BOOST_TEST(no_stream.exit_code == 2);
    BOOST_TEST(no_stream.err.find("names no stream") != std::string::npos);
    BOOST_TEST(run({"append", "--bulk", "b"}, R"({"type":"T","data":1})").exit_code == 0);

    const outcome missing = run({"append", "--bulk", "--expect", "exists"}, line_of("a", 3) + line_of("nowhere", 1));
    BOOST_TEST(missing.exit_code == 3);
    BOOST_TEST(missing.err.starts_with("eventstore: line 2: "));
    BOOST_TEST(missing.lines().size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(in_bulk_an_answer_comes_before_the_next_question, program_fixture) {
    // A writer that waits for each answer, over named pipes, would hang if input were read ahead of it.
    const outcome done = run_in_shell(R"script(
        cd "$(mktemp -d)" && mkfifo in out
        eventstore append --bulk s <in >out &
        exec 8>in 9<out
        for i in 1 2 3; do
            echo '{"type":"T","data":'$i'}' >&8
            read -t 20 -u 9 answer && echo "$answer"
        done
        exec 8>&-
        wait $! && rm -r "$PWD"
    )script");
    BOOST_TEST(done.exit_code == 0);
    BOOST_TEST(done.err == "");
    BOOST_REQUIRE(done.lines().size() == 3U);
    BOOST_TEST(done.lines()[2].starts_with(R"({"stream":"s","first_version":3,)"));
}

BOOST_AUTO_TEST_SUITE_END()
