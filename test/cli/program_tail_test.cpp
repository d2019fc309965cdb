// `eventstore tail`: what is appended while it runs.
#include "cli/program.hpp"

#include "support/replicated_server.hpp"
#include "support/session.hpp"
#include "support/store_fixture.hpp"

#include <fcntl.h>

#include <csignal>
#include <filesystem>
#include <future>

using namespace eventstore::test;

namespace {

std::string numbered(const std::string& stream, int first, int last) {
    std::string input;
    for (int i = first; i <= last; ++i)
        input += R"({"stream":")" + stream + R"(","type":")" + (i % 2 == 1 ? "Odd" : "Even") + R"(","data":)" +
            std::to_string(i) + "}\n";
    return input;
}

texts data_of(const words& lines) {
    texts all;
    for (const std::string& line : lines) {
        const auto begin = line.rfind(':') + 1;
        all.push_back(line.substr(begin, line.size() - 1 - begin));
    }
    return all;
}

texts from_to_texts(int first, int last) {
    texts all;
    for (int i = first; i <= last; ++i) all.push_back(std::to_string(i));
    return all;
}

struct tail_fixture : program_fixture {
    /// One append of events whose data are these numbers.
    void append(const std::string& stream, int first, int last) {
        BOOST_REQUIRE(run({"append", stream}, numbered(stream, first, last)).exit_code == 0);
    }
    words tail(words arguments) const {
        arguments.insert(arguments.begin(), "tail");
        const words where = here();
        arguments.insert(arguments.end(), where.begin(), where.end());
        return arguments;
    }
};

/// One that has printed what is stored, and listens.
struct listening_tail : running_program {
    listening_tail(const tail_fixture& in, words arguments) : running_program(verbose(in, std::move(arguments))) {
        wait_until_it_says("listening\n");
    }

    static words verbose(const tail_fixture& in, words arguments) {
        arguments.push_back("--verbose");
        return in.tail(std::move(arguments));
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(program_tail_test)

BOOST_FIXTURE_TEST_CASE(what_is_appended_is_printed_as_read_prints_it, tail_fixture) {
    append("a", 1, 2);
    listening_tail tail(*this, {});
    append("a", 3, 4);
    TEST_SAME(data_of(tail.lines(2)), texts({"3", "4"})); // and nothing of before
    append("b", 5, 5);
    TEST_SAME(tail.lines(1), run({"read", "b"}).lines());
}

BOOST_FIXTURE_TEST_CASE(of_a_stream_only_its_own_events_are_printed, tail_fixture) {
    append("a", 1, 2);
    listening_tail tail(*this, {"a"});
    append("b", 3, 3);
    append("a", 4, 4);
    append("b", 5, 5);
    append("a", 6, 6);
    TEST_SAME(data_of(tail.lines(2)), texts({"4", "6"}));
}

BOOST_FIXTURE_TEST_CASE(from_a_position_it_goes_on_live_without_a_gap_or_a_repeat, tail_fixture) {
    BOOST_REQUIRE(run({"append", "--bulk"}, numbered("a", 1, 500)).exit_code == 0);
    auto writing = std::async(std::launch::async, [&] {
        return run({"append", "--bulk"}, numbered("b", 501, 3000)).exit_code;
    });
    running_program tail(tail_fixture::tail({"--from", "101", "--count", "2900"}));
    const texts all = data_of(tail.lines_to_the_end());
    BOOST_TEST(writing.get() == 0);
    TEST_SAME(all, from_to_texts(101, 3000));
    BOOST_TEST(tail.exit_code() == 0);
}

BOOST_FIXTURE_TEST_CASE(of_a_stream_from_counts_versions, tail_fixture) {
    append("b", 100, 109);
    append("a", 1, 3);
    listening_tail tail(*this, {"a", "--from", "2"});
    append("a", 4, 5);
    TEST_SAME(data_of(tail.lines(4)), from_to_texts(2, 5));

    listening_tail later(*this, {"a", "--from", "7"}); // which is not there yet
    append("a", 6, 7);
    TEST_SAME(data_of(later.lines(1)), texts({"7"}));
}

BOOST_FIXTURE_TEST_CASE(a_stream_that_is_not_there_yet_is_waited_for, tail_fixture) {
    listening_tail now(*this, {"new"});
    listening_tail from_the_first(*this, {"new", "--from", "1"});
    append("new", 1, 2);
    TEST_SAME(data_of(now.lines(2)), texts({"1", "2"}));
    TEST_SAME(data_of(from_the_first.lines(2)), texts({"1", "2"}));
}

BOOST_FIXTURE_TEST_CASE(it_ends_when_as_many_are_printed_as_were_asked_for, tail_fixture) {
    append("a", 1, 5);
    const outcome stored = run({"tail", "--from", "2", "--count", "3"});
    BOOST_TEST(stored.exit_code == 0);
    BOOST_TEST(stored.err == "");
    TEST_SAME(data_of(stored.lines()), texts({"2", "3", "4"}));

    listening_tail live(*this, {"--from", "5", "--count", "3"});
    append("a", 6, 9);
    TEST_SAME(data_of(live.lines_to_the_end()), texts({"5", "6", "7"}));
    BOOST_TEST(live.exit_code() == 0);
}

BOOST_FIXTURE_TEST_CASE(types_are_chosen_in_storage_and_live, tail_fixture) {
    append("a", 1, 4);
    listening_tail odd(*this, {"--type", "Odd", "--from", "1"});
    listening_tail both(*this, {"--type", "Odd", "--type", "Even"});
    append("a", 5, 8);
    TEST_SAME(data_of(odd.lines(4)), texts({"1", "3", "5", "7"}));
    TEST_SAME(data_of(both.lines(4)), from_to_texts(5, 8));
}

BOOST_FIXTURE_TEST_CASE(what_came_while_the_reader_stood_still_is_read_from_storage, tail_fixture) {
    listening_tail tail(*this, {});
    append("a", 1, 1000);
    tail.wait_until_unread(50'000);                                        // a pipe holds 64 kB
    for (int i = 1; i < 8; ++i) append("a", i * 1000 + 1, (i + 1) * 1000); // far more than wait in memory
    TEST_SAME(data_of(tail.lines(8000)), from_to_texts(1, 8000));
    append("a", 8001, 8001);
    TEST_SAME(data_of(tail.lines(1)), texts({"8001"}));
}

BOOST_FIXTURE_TEST_CASE(a_signal_ends_it_and_is_no_failure, tail_fixture) {
    for (const int signal : {SIGTERM, SIGINT}) {
        listening_tail tail(*this, {});
        tail.send_signal(signal);
        BOOST_TEST(tail.exit_code() == 0);
        BOOST_TEST(tail.lines_to_the_end().empty());
        BOOST_TEST(tail.err() == "eventstore: all that is stored is printed; listening\n");
    }
}

BOOST_FIXTURE_TEST_CASE(a_signal_ends_it_even_if_the_reader_stands_still, tail_fixture) {
    listening_tail tail(*this, {});
    append("a", 1, 1000);
    tail.wait_until_unread(50'000);
    tail.send_signal(SIGTERM);
    BOOST_TEST(tail.exit_code() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_reader_that_goes_ends_it_though_nothing_is_appended, tail_fixture) {
    listening_tail tail(*this, {});
    tail.close_output();
    BOOST_TEST(tail.exit_code() == 0);
    BOOST_TEST(tail.err() == "eventstore: all that is stored is printed; listening\n");
}

BOOST_FIXTURE_TEST_CASE(the_output_stays_blocking_for_those_who_share_it, tail_fixture) {
    append("a", 1, 1);
    const outcome shared = run_in_shell("(eventstore tail --from 1 --count 1; cat /proc/self/fdinfo/1) | cat");
    const std::string flags = "flags:\t";
    const auto found = shared.out.find(flags);
    BOOST_TEST_REQUIRE(found != std::string::npos, shared.out);
    BOOST_TEST((std::stoi(shared.out.substr(found + flags.size()), nullptr, 8) & O_NONBLOCK) == 0, shared.out);
}

BOOST_FIXTURE_TEST_CASE(it_goes_on_after_its_connections_broke, tail_fixture) {
    const std::string name = schema();
    words arguments = {
        "tail", "--verbose", "--schema", schema(), "--url", url_with(test_server::url(), {{"application_name", name}})};
    running_program tail(arguments);
    tail.wait_until_it_says("listening\n");
    session observer;
    const std::string ended = observer.value("select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity "
                                             "where application_name = " +
        quoted_text(name));
    BOOST_TEST(std::stoi(ended) > 0);
    append("a", 1, 3);
    TEST_SAME(data_of(tail.lines(3)), from_to_texts(1, 3));
}

BOOST_AUTO_TEST_CASE(it_follows_a_standby_and_goes_on_after_its_promotion) {
    replicated_server servers;
    running_program tail({"tail", "--verbose", "--from", "1", "--url", servers.standby.url()});
    tail.wait_until_it_says("listening\n");
    TEST_SAME(data_of(tail.lines(2)), texts({R"("before1")", R"("before2")"}));
    for (const char* name : {"one", "two"}) {
        run(servers.append(name, 1));
        TEST_SAME(data_of(tail.lines(1)), texts({'"' + std::string(name) + "1\""}));
    }
    servers.promote();
    const outcome appended =
        run_program({"append", "a", "--url", servers.standby.url()}, R"({"type":"Own","data":"own"})");
    BOOST_TEST(appended.exit_code == 0, appended.err);
    TEST_SAME(data_of(tail.lines(1)), texts({R"("own")"}));
}

BOOST_FIXTURE_TEST_CASE(nothing_is_left_in_the_database, tail_fixture) {
    append("a", 1, 2);
    listening_tail tail(*this, {"--from", "1"});
    session observer;
    BOOST_TEST(observer.value("select count(*) from " + quoted_name(schema()) + ".subscriptions") == "0");
    tail.send_signal(SIGTERM);
    BOOST_TEST(tail.exit_code() == 0);
    BOOST_TEST(observer.value("select count(*) from " + quoted_name(schema()) + ".subscriptions") == "0");
}

BOOST_AUTO_TEST_CASE(an_embedded_server_ends_in_order_with_it) {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("eventstore_tail_test_" + std::to_string(getpid()));
    {
        running_program tail({"tail", "--verbose", "--embedded", folder.string()});
        tail.wait_until_it_says("listening\n");
        BOOST_TEST(std::filesystem::exists(folder / "postmaster.pid"));
        tail.send_signal(SIGINT);
        BOOST_TEST(tail.exit_code() == 0);
        BOOST_TEST(!std::filesystem::exists(folder / "postmaster.pid"));
    }
    std::filesystem::remove_all(folder);
}

BOOST_FIXTURE_TEST_CASE(a_tail_that_cannot_be_is_refused, tail_fixture) {
    for (const words& bad : {words{"--count", "0"}, words{"--count=-1"}, words{"--from=-1"}, words{"--from", "x"},
             words{"$other"}, words{"a", "b"}, words{"--backward"}}) {
        words command = bad;
        command.insert(command.begin(), "tail");
        const outcome refused = run(command);
        BOOST_TEST(refused.exit_code == 2);
        BOOST_TEST(refused.out == "");
        BOOST_TEST(refused.err.starts_with("eventstore: "));
    }
}

BOOST_FIXTURE_TEST_CASE(a_full_disk_is_a_failure, tail_fixture) {
    append("a", 1, 1);
    const outcome full = run_in_shell("eventstore tail --from 1 >/dev/full");
    BOOST_TEST(full.exit_code == 1);
    BOOST_TEST(full.err == "eventstore: cannot write the output: No space left on device\n");
}

BOOST_FIXTURE_TEST_CASE(a_table_is_for_people_here_too, tail_fixture) {
    append("a", 1, 2);
    const words table = run({"tail", "--from", "1", "--count", "2", "--table"}).lines();
    TEST_SAME(table, run({"read", "--table"}).lines());
    BOOST_TEST(table.size() == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
