// A file of events is read; and whatever happens to it is found.
#include "base/crc32c.hpp"
#include "maintenance/event_file_check.hpp"
#include "maintenance/line_file.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(line_file_test)

using namespace eventstore::maintenance;
namespace es = eventstore;

namespace {

class file_fixture {
public:
    file_fixture()
        : path_((std::filesystem::temp_directory_path() / ("lines-" + es::to_string(es::make_uuid()))).string()) {}
    ~file_fixture() { std::remove(path_.c_str()); }
    file_fixture(const file_fixture&) = delete;
    file_fixture& operator=(const file_fixture&) = delete;

    es::result<es::event_file_summary> check(const std::string& content) {
        std::ofstream(path_, std::ios::binary) << content;
        return check_file(path_);
    }

private:
    std::string path_;
};

event_line event_at(std::int64_t position) {
    event_line event;
    event.position = position;
    event.stream = "account-1";
    event.version = position;
    event.id = es::make_uuid();
    event.type = "Opened";
    event.data = position % 2 == 0 ? std::string_view("{\"a\":1}") : std::string_view("\xff\0", 2);
    event.metadata = "some text";
    return event;
}

/// Every kind of line.
std::string small_file() {
    line_writer lines;
    header_line header;
    header.database = "shop";
    lines.add(header);
    for (std::int64_t position = 1; position <= 4; ++position) lines.add(event_at(position));
    event_line link = event_at(7);
    link.link_to = 2;
    lines.add(link);
    stream_line stream;
    stream.stream = "gone";
    stream.deleted_at = 1;
    lines.add(stream);
    retention_line retention;
    retention.name = "account-";
    retention.is_prefix = true;
    retention.max_age = 1'000'000;
    lines.add(retention);
    snapshot_line snapshot;
    snapshot.source = "account-1";
    snapshot.version = 1;
    snapshot.data = "1";
    lines.add(snapshot);
    projection_line projection;
    projection.name = "balances";
    projection.version = projection.consumers = 1;
    projection.live_after = 0;
    lines.add(projection);
    subscription_line subscription;
    subscription.stream = "$all";
    subscription.event_id = es::make_uuid();
    lines.add(subscription);
    parked_line parked;
    parked.position = 3;
    lines.add(parked);
    end_line end;
    end.events = 5;
    end.links = end.streams = end.snapshots = end.subscriptions = end.parked = 1;
    end.retentions = end.projections = 1;
    end.floor = 6;
    end.through_position = 9;
    lines.add(end);
    return lines.text();
}

std::size_t line_of(const std::string& text, std::size_t at) {
    return 1 + static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_whole_file_is_good, file_fixture) {
    const auto found = check(small_file());
    BOOST_REQUIRE_MESSAGE(found, found.error().message());
    BOOST_TEST(found->events == 5);
    BOOST_TEST(found->links == 1);
    BOOST_TEST(found->last_position == 7);
    BOOST_TEST(found->through_position == 9);
    BOOST_TEST(found->parked == 1);
    BOOST_TEST(found->retentions == 1);
    BOOST_TEST(found->projections == 1);
}

BOOST_FIXTURE_TEST_CASE(a_file_from_before_there_were_retentions_and_projections_is_good, file_fixture) {
    line_writer lines;
    lines.add(header_line());
    lines.add(event_at(1));
    const std::string last =
        R"({"end":1,"links":0,"through_position":1,"streams":0,"snapshots":0,"subscriptions":0,"parked":0)";
    const auto with_last = [&](const std::string& body) {
        char checksum[9];
        std::snprintf(checksum, sizeof checksum, "%08x", es::detail::crc32c(lines.checksum(), body));
        return lines.text() + body + ",\"crc\":\"" + checksum + "\"}\n";
    };
    const auto found = check(with_last(last));
    BOOST_REQUIRE_MESSAGE(found, found.error().message());
    BOOST_TEST(found->events == 1);
    const auto counted = check(with_last(last + ",\"retentions\":1"));
    BOOST_REQUIRE(!counted);
    BOOST_TEST(counted.error().message().find("the counts of the last line") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(each_byte_that_is_another_one_is_found_in_its_line, file_fixture) {
    const std::string whole = small_file();
    for (std::size_t at = 0; at < whole.size(); ++at) {
        if (whole[at] == '\n') continue; // two lines become one
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
        if (damaged[at] == '\n') continue;
        const auto found = check(damaged);
        BOOST_REQUIRE_MESSAGE(!found, "byte " + std::to_string(at));
        BOOST_CHECK(found.error().code() == es::errc::file_damaged);
        const std::string line = ", line " + std::to_string(line_of(whole, at)) + ": ";
        BOOST_TEST(found.error().message().find(line) != std::string::npos, found.error().message());
    }
}

BOOST_FIXTURE_TEST_CASE(a_file_that_is_cut_anywhere_is_found, file_fixture) {
    const std::string whole = small_file();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto found = check(whole.substr(0, size));
        BOOST_REQUIRE_MESSAGE(!found, "size " + std::to_string(size));
        BOOST_CHECK(found.error().code() == es::errc::file_damaged);
    }
}

BOOST_FIXTURE_TEST_CASE(lines_that_are_missing_or_moved_are_found, file_fixture) {
    const std::string whole = small_file();
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < whole.size();) {
        const std::size_t end = whole.find('\n', at) + 1;
        lines.push_back(whole.substr(at, end - at));
        at = end;
    }
    const auto joined = [](const std::vector<std::string>& all) {
        std::string text;
        for (const std::string& line : all) text += line;
        return text;
    };
    for (std::size_t i = 0; i < lines.size(); ++i) {
        auto changed = lines;
        changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
        BOOST_TEST(!check(joined(changed)));
        changed = lines;
        changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(i), lines[i]);
        BOOST_TEST(!check(joined(changed)));
        if (i == 0) continue;
        changed = lines;
        std::swap(changed[i], changed[i - 1]);
        BOOST_TEST(!check(joined(changed)));
    }
    BOOST_TEST(!check(whole + "\n"));
    BOOST_TEST(!check(whole + whole));
}

BOOST_FIXTURE_TEST_CASE(lines_with_good_checksums_that_contradict_each_other_are_found, file_fixture) {
    const auto why_of = [&](const std::vector<event_line>& events, std::int64_t count) {
        line_writer lines;
        lines.add(header_line());
        for (const event_line& event : events) lines.add(event);
        end_line end;
        end.events = count;
        end.through_position = 100;
        lines.add(end);
        const auto found = check(lines.text());
        return found ? std::string() : found.error().message();
    };
    BOOST_TEST(why_of({event_at(1), event_at(2)}, 2) == "");
    BOOST_TEST(why_of({event_at(1), event_at(2)}, 3).find("line 4: the counts of the last line") != std::string::npos);
    BOOST_TEST(
        why_of({event_at(2), event_at(2)}, 2).find("line 3: its position 2 is not after 2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_missing_file_is_told) {
    const auto found = check_file("/nowhere/at all");
    BOOST_REQUIRE(!found);
    BOOST_CHECK(found.error().code() == es::errc::file_failed);
    BOOST_TEST(found.error().message() == "cannot open '/nowhere/at all': No such file or directory");
}

BOOST_AUTO_TEST_SUITE_END()
