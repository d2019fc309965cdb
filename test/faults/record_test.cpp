// The records: what is written is read, whenever the process that writes is killed.

#include "faults/history.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(record_test)

using namespace eventstore::test::faults;
using eventstore::errc;
using eventstore::make_uuid;
using eventstore::uuid;

namespace {

/// A folder of a test's own.
class record_folder {
public:
    record_folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "eventstore-records-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("there is no place for the records");
        path_ = pattern;
    }
    ~record_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    record_folder(const record_folder&) = delete;
    record_folder& operator=(const record_folder&) = delete;

    std::string file(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

struct text_records {
    std::string text;
    instant now = 100;
    recorder records{"a process", [this](std::string_view lines) { text += lines; }, [this] { return ++now; }};

    history read() const {
        history all;
        all.add(text, "records");
        return all;
    }
};

std::string complaint_about(const std::string& text) {
    try {
        history().add(text, "file");
        return "nothing";
    } catch (const bad_record& problem) {
        return problem.what();
    }
}

/// One of each kind.
void write_everything(recorder& records) {
    const std::vector<part_to_append> parts{{"a b", 3, {make_uuid(), make_uuid()}}, {"%", -1, {make_uuid()}}};
    const std::uint64_t first = records.appending("tenant", parts);
    records.stored(first, std::vector<told_place>{{4, 5, 10, 11}, {1, 1, 12, 12}});
    records.refused(records.appending("tenant", parts), errc::wrong_expected_version);
    records.left_unknown(records.appending("tenant", parts), errc::timeout);
    records.changed(records.changing("tenant", "a b", stream_change::hard_delete));
    records.refused(records.changing("tenant", "a b", stream_change::restore), errc::stream_not_found);
    const std::uint64_t ownership = records.owns("tenant", "$all", "mailer", 7, 42);
    const std::vector<delivered_event> events{{43, 1, "a b", make_uuid()}, {44, 2, "a b", make_uuid()}};
    const std::uint64_t batch = records.delivered(ownership, 3, events);
    records.nacking(ownership, batch, 44);
    records.acking(ownership, batch);
    records.acking_through(ownership, 3, 43);
    records.durable(ownership, 43);
    records.leaving(ownership, 3);
    records.ended(ownership);
    records.projecting("tenant", "a model", 45, 47);
    records.rejecting("tenant", "a model", 46);
    records.statement_refused("XX000");
    records.paused("another");
    records.resumed("another");
}

} // namespace

BOOST_AUTO_TEST_CASE(what_is_written_is_read) {
    text_records made;
    write_everything(made.records);
    const history all = made.read();

    BOOST_TEST_REQUIRE(all.appends.size() == 3u);
    const append_attempt& stored = all.appends[0];
    BOOST_TEST((stored.end == outcome::done));
    BOOST_TEST(stored.begun == 101);
    BOOST_TEST(stored.ended == 102);
    BOOST_TEST(all.names.name_of(stored.process) == "a process");
    BOOST_TEST(all.names.name_of(stored.store) == "tenant");
    BOOST_TEST_REQUIRE(stored.parts.size() == 2u);
    BOOST_TEST(all.names.name_of(stored.parts[0].stream) == "a b");
    BOOST_TEST(stored.parts[0].expected == 3);
    BOOST_TEST(stored.parts[0].ids.size() == 2u);
    BOOST_TEST(stored.parts[0].told.first_version == 4);
    BOOST_TEST(stored.parts[0].told.last_position == 11);
    BOOST_TEST(all.names.name_of(stored.parts[1].stream) == "%");
    BOOST_TEST((all.appends[1].end == outcome::refused));
    BOOST_TEST((all.appends[2].end == outcome::unknown));

    BOOST_TEST_REQUIRE(all.changes.size() == 2u);
    BOOST_TEST((all.changes[0].change == stream_change::hard_delete && all.changes[0].end == outcome::done));
    BOOST_TEST((all.changes[1].change == stream_change::restore && all.changes[1].end == outcome::refused));

    BOOST_TEST_REQUIRE(all.ownerships.size() == 1u);
    const ownership& owner = all.ownerships[0];
    BOOST_TEST(owner.epoch == 7);
    BOOST_TEST(owner.from == 42);
    BOOST_TEST(owner.ended != never);
    using kind = owner_step::kind;
    const std::vector<kind> expected{kind::delivered, kind::delivered, kind::nacking, kind::acking,
        kind::acking_through, kind::durable, kind::leaving};
    BOOST_TEST_REQUIRE(owner.steps.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) BOOST_TEST((owner.steps[i].done == expected[i]));
    BOOST_TEST(owner.steps[1].position == 44);
    BOOST_TEST(owner.steps[1].version == 2);
    BOOST_TEST(owner.steps[1].consumer == 3u);
    BOOST_TEST(owner.steps[1].batch == owner.steps[2].batch);
    BOOST_TEST(owner.steps[2].position == 44);

    BOOST_TEST_REQUIRE(all.handler_calls.size() == 1u);
    BOOST_TEST(all.names.name_of(all.handler_calls[0].store) == "tenant");
    BOOST_TEST(all.names.name_of(all.handler_calls[0].projection) == "a model");
    BOOST_TEST(all.handler_calls[0].first == 45);
    BOOST_TEST(all.handler_calls[0].last == 47);
    BOOST_TEST_REQUIRE(all.handler_rejections.size() == 1u);
    BOOST_TEST(all.names.name_of(all.handler_rejections[0].projection) == "a model");
    BOOST_TEST(all.handler_rejections[0].position == 46);
    BOOST_TEST(all.handler_rejections[0].at > all.handler_calls[0].at);
    BOOST_TEST_REQUIRE(all.refused_statements.size() == 1u);
    BOOST_TEST(all.names.name_of(all.refused_statements[0].sqlstate) == "XX000");

    BOOST_TEST_REQUIRE(all.pauses.size() == 1u);
    BOOST_TEST(all.pauses[0].ended > all.pauses[0].begun);
}

BOOST_AUTO_TEST_CASE(names_survive_as_words) {
    for (const std::string& name : {std::string(), std::string(" "), std::string("a\nb\0c", 5), std::string("%20"),
             std::string("\x7f\xc3\xa4"), std::string("$all")}) {
        const std::string word = as_word(name);
        BOOST_TEST((word.find_first_of(" \n") == std::string::npos && !word.empty()));
        BOOST_TEST((name_of_word(word) == name));
    }
    for (const char* word : {"", "%2", "%zz", "a%"}) BOOST_TEST(!name_of_word(word).has_value());
}

// Whatever the byte after which the process is killed, what was written before is read.
BOOST_AUTO_TEST_CASE(a_file_that_ends_anywhere_is_read_to_its_last_whole_line) {
    text_records made;
    write_everything(made.records);
    for (std::size_t size = 0; size <= made.text.size(); ++size) {
        const std::string cut = made.text.substr(0, size);
        const std::size_t end = cut.rfind('\n');
        history whole, half;
        whole.add(end == std::string::npos ? "" : cut.substr(0, end + 1), "whole");
        half.add(cut, "half");
        BOOST_TEST(half.appends.size() == whole.appends.size());
        BOOST_TEST(half.ownerships.size() == whole.ownerships.size());
        if (!half.ownerships.empty()) BOOST_TEST(half.ownerships[0].steps.size() == whole.ownerships[0].steps.size());
    }
}

BOOST_AUTO_TEST_CASE(an_append_without_an_outcome_is_unknown) {
    text_records made;
    made.records.appending("tenant", std::vector<part_to_append>{{"a", 0, {make_uuid()}}});
    const history all = made.read();
    BOOST_TEST_REQUIRE(all.appends.size() == 1u);
    BOOST_TEST((all.appends[0].end == outcome::unknown));
    BOOST_TEST(all.appends[0].ended == never);
}

BOOST_AUTO_TEST_CASE(empty_files_hold_nothing) {
    const record_folder folder;
    std::ofstream(folder.file("empty")).flush();
    history all;
    all.add_file(folder.file("empty"));
    all.add("", "text");
    all.add("proc", "half a line");
    BOOST_TEST(all.names.size() == 0u);
    BOOST_CHECK_THROW(all.add_file(folder.file("missing")), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(what_no_recorder_writes_is_refused_with_its_line) {
    const std::string head = "process p\n";
    BOOST_TEST(complaint_about("got 1 1 1 1 1 1 a b\n").find("file:1: ") == 0u);
    for (const char* line : {"", "what 1", "ack", "ack 1", "ack x 1 1", "ack 1 1 1", "append 1 1 t s 0 2 zz",
             "stored 1 9 1 1 1 1", "owns 1 1 t s n 1 0 9", "process q", "resumed 1 q", "refused 1 4 timeout",
             " ack 1 1 1", "paused 1 q ", "paused 99999999999999999999 q", "projects 1 t p 1", "rejects 1 t p x",
             "statement 1", "change 1 1 t s away", "append 1 1 t s 0 -1"}) {
        const std::string complaint = complaint_about(head + line + "\n");
        BOOST_TEST_CONTEXT(line) BOOST_TEST(complaint.find("file:2: this is no record: ") == 0u);
    }
    BOOST_TEST(complaint_about(head + "paused 1 q\nresumed 2 q\n") == "nothing");
}

BOOST_AUTO_TEST_CASE(consumers_of_one_process_share_an_ownership) {
    text_records made;
    const std::uint64_t one = made.records.owns("t", "$all", "mailer", 7, 5);
    const std::uint64_t two = made.records.owns("t", "$all", "mailer", 7, 9);
    const std::uint64_t later = made.records.owns("t", "$all", "mailer", 8, 9);
    made.records.leaving(one, 1);
    made.records.leaving(two, 2);
    made.records.leaving(later, 1);
    const history all = made.read();
    BOOST_TEST_REQUIRE(all.ownerships.size() == 2u);
    BOOST_TEST(all.ownerships[0].from == 5);
    BOOST_TEST(all.ownerships[0].steps.size() == 2u);
    BOOST_TEST(all.ownerships[1].steps.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_process_that_was_restarted_needs_another_name) {
    history all;
    all.add("process p\n", "first");
    all.add("process q\n", "second");
    BOOST_CHECK_THROW(all.add("process p\n", "third"), bad_record);
}

BOOST_AUTO_TEST_CASE(a_file_belongs_to_one_process) {
    const record_folder folder;
    const std::string path = folder.file("records");
    recorder first("first", append_to_file(path));
    BOOST_CHECK_THROW(append_to_file(path), std::system_error);
}

// Real ones: each line is there when the call returns, whatever becomes of the process.
BOOST_AUTO_TEST_CASE(a_killed_process_loses_at_most_the_end_of_its_last_record) {
    const record_folder folder;
    const std::string path = folder.file("records");
    int told[2];
    BOOST_TEST_REQUIRE(::pipe(told) == 0);
    const pid_t child = ::fork();
    BOOST_TEST_REQUIRE(child >= 0);
    if (child == 0) {
        const line_sink sink = append_to_file(path);
        recorder records("killed", sink);
        const std::uint64_t ownership = records.owns("t", "$all", "n", 1, 0);
        for (std::int64_t position = 1;; ++position) {
            records.durable(ownership, position);
            if (::write(told[1], &position, sizeof position) < 0) ::_exit(1);
        }
    }
    ::close(told[1]);
    std::int64_t last = 0;
    while (last < 5'000 && ::read(told[0], &last, sizeof last) == sizeof last) {
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    while (::read(told[0], &last, sizeof last) == sizeof last) {
    }
    ::close(told[0]);
    history all;
    all.add_file(path);
    BOOST_TEST_REQUIRE(all.ownerships.size() == 1u);
    const auto count = static_cast<std::int64_t>(all.ownerships[0].steps.size());
    BOOST_TEST(last >= 5'000);
    BOOST_TEST((count == last || count == last + 1));
}

BOOST_AUTO_TEST_CASE(threads_write_whole_lines) {
    const record_folder folder;
    {
        recorder records("threads", append_to_file(folder.file("records")));
        const auto work = [&] {
            for (int i = 0; i < 500; ++i) {
                const std::vector<delivered_event> events(20, delivered_event{1, 1, "a", uuid{}});
                const std::uint64_t ownership = records.owns("t", "$all", "n", 1, 0);
                records.delivered(ownership, 1, events);
            }
        };
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) threads.emplace_back(work);
        for (std::thread& thread : threads) thread.join();
    }
    history all;
    all.add_file(folder.file("records"));
    BOOST_TEST_REQUIRE(all.ownerships.size() == 1u);
    BOOST_TEST(all.ownerships[0].steps.size() == 4u * 500 * 20);
}

BOOST_AUTO_TEST_CASE(a_payload_proves_itself) {
    const uuid id = make_uuid();
    const std::string text = payload_of(id, 150);
    BOOST_TEST(text.size() == 150u);
    BOOST_TEST(text.find('"' + eventstore::to_string(id) + " 150 " + eventstore::to_string(id)) == 0u);
    BOOST_TEST(text.back() == '"');
    BOOST_CHECK_THROW(payload_of(id, 63), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
