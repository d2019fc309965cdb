#include "package_history/dpkg_log.hpp"

#include "support/coroutines.hpp"

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>

namespace es = eventstore;
namespace fs = std::filesystem;
using namespace package_history;

BOOST_AUTO_TEST_SUITE(dpkg_log_test)

namespace {

const std::string time_text = "2025-06-24 14:36:25 ";

entry parsed(const std::string& rest) {
    log_parser parser;
    auto found = parser.parse(time_text + rest);
    if (!found) throw std::runtime_error("not a line of dpkg's: " + rest);
    return *found;
}

std::string text_of(const entry& each) { return each.stream + " " + each.event.type() + " " + each.event.data(); }

class temporary_folder {
public:
    temporary_folder() {
        path_ = fs::temp_directory_path() / ("eventstore_dpkg_log_test_" + std::to_string(getpid()));
        fs::create_directory(path_);
    }
    ~temporary_folder() { fs::remove_all(path_); }
    const fs::path& path() const { return path_; }

    void write(const std::string& name, const std::string& text) const { std::ofstream(path_ / name) << text; }

private:
    fs::path path_;
};

} // namespace

BOOST_AUTO_TEST_CASE(each_kind_of_line_has_its_event) {
    BOOST_TEST(text_of(parsed("status half-configured libc6:amd64 2.36-9")) ==
        R"(package-libc6:amd64 PackageStatusChanged {"status":"half-configured","version":"2.36-9"})");
    BOOST_TEST(text_of(parsed("install tzdata:all <none> 2025b-0")) ==
        R"(package-tzdata:all PackageInstallStarted {"version":"2025b-0"})");
    BOOST_TEST(text_of(parsed("upgrade tzdata:all 2025b-0 2025b-1")) ==
        R"(package-tzdata:all PackageUpgradeStarted {"from":"2025b-0","to":"2025b-1"})");
    BOOST_TEST(text_of(parsed("configure tzdata:all 2025b-1 <none>")) ==
        R"(package-tzdata:all PackageConfigureStarted {"version":"2025b-1"})");
    BOOST_TEST(text_of(parsed("trigproc libc-bin:amd64 2.36-9 <none>")) ==
        R"(package-libc-bin:amd64 PackageTriggersStarted {"version":"2.36-9"})");
    BOOST_TEST(text_of(parsed("remove tzdata:all 2025b-1 <none>")) ==
        R"(package-tzdata:all PackageRemovalStarted {"version":"2025b-1"})");
    BOOST_TEST(text_of(parsed("purge tzdata:all 2025b-1 <none>")) ==
        R"(package-tzdata:all PackagePurgeStarted {"version":"2025b-1"})");
    BOOST_TEST(
        text_of(parsed("disappear old:all 1 <none>")) == R"(package-old:all PackageDisappeared {"version":"1"})");
    BOOST_TEST(
        text_of(parsed("startup archives unpack")) == R"(dpkg DpkgStarted {"mode":"archives","command":"unpack"})");
    BOOST_TEST(text_of(parsed("conffile /etc/a file keep")) ==
        R"(dpkg ConffileDecided {"file":"/etc/a file","decision":"keep"})");
}

BOOST_AUTO_TEST_CASE(what_dpkg_does_not_write_is_no_entry) {
    log_parser parser;
    for (const char* const line : {"", "hello", "2025-06-24 14:36:25", "2025-06-24 14:36:25 ",
             "2025-06-24 14:36:25 status", "2025-06-24 14:36:25 status installed libc6:amd64",
             "2025-06-24 14:36:25 explode libc6:amd64 1 2", "25-06-24 14:36:25 startup archives unpack",
             "yesterday, at noon.. startup archives unpack", "2025-06-24 14:36:25startup archives unpack"})
        BOOST_TEST(!parser.parse(line), line);
}

BOOST_AUTO_TEST_CASE(the_time_is_the_log_s_own) {
    setenv("TZ", "UTC-02:00", 1); // two hours east
    tzset();
    const entry each = parsed("startup archives unpack");
    unsetenv("TZ");
    tzset();
    BOOST_TEST((each.event.created_at() == es::timestamp(std::chrono::seconds(1'750'775'785 - 7200))));
}

BOOST_AUTO_TEST_CASE(ids_come_from_the_line_and_its_number_among_equal_ones) {
    log_parser first, second;
    const std::string line = time_text + "status installed libc6:amd64 2.36-9";
    const es::uuid one = first.parse(line)->event.id();
    const es::uuid two = first.parse(line)->event.id();
    BOOST_TEST((one != two));
    BOOST_TEST(one.version() == boost::uuids::uuid::version_name_based_sha1);
    second.parse(time_text + "startup archives unpack");
    BOOST_TEST((second.parse(line)->event.id() == one));
    BOOST_TEST((second.parse(line)->event.id() == two));
}

BOOST_AUTO_TEST_CASE(a_folder_s_logs_are_read_oldest_first) {
    const temporary_folder folder;
    folder.write(
        "dpkg.log", "2025-03-01 00:00:00 startup archives c\n2025-03-01 00:00:00 startup arch"); // being written
    folder.write("dpkg.log.1", "2025-02-01 00:00:00 startup archives b\nhello\n");
    folder.write("dpkg.log.2", "2025-01-01 00:00:00 startup archives a\n");
    folder.write("dpkg.log.3", "");
    folder.write("other.log", "2024-01-01 00:00:00 startup archives x\n");
    BOOST_REQUIRE(std::system(("gzip " + (folder.path() / "dpkg.log.2").string()).c_str()) == 0);

    const dpkg_log all = read_logs({folder.path()});
    BOOST_TEST(all.files == 3U);
    BOOST_TEST(all.strange_lines == 1U);
    BOOST_REQUIRE(all.entries.size() == 3U);
    for (std::size_t i = 0; i < 3; ++i)
        BOOST_TEST(all.entries[i].event.data() == std::string(R"({"mode":"archives","command":")") + "abc"[i] + "\"}");

    BOOST_TEST(read_logs({folder.path() / "dpkg.log.1", folder.path() / "dpkg.log.2.gz"}).entries.size() == 2U);
    BOOST_CHECK_THROW(read_logs({folder.path() / "dpkg.log.4"}), std::runtime_error);
}

BOOST_AUTO_TEST_SUITE_END()
