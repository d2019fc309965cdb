// The text that a store gives to Prometheus, as Prometheus's own tool judges it.
#include "support/receive.hpp"

#include <eventstore/prometheus.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(promtool_test)

namespace {

struct judgement {
    int status = -1;
    std::string said;
};

judgement check(const std::string& text) {
    const auto file = std::filesystem::temp_directory_path() /
        ("eventstore_metrics_" + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()));
    std::ofstream(file) << text;
    judgement judged;
    std::FILE* const tool = ::popen(("promtool check metrics < '" + file.string() + "' 2>&1").c_str(), "r");
    BOOST_REQUIRE(tool != nullptr);
    char part[4096];
    for (std::size_t size = 0; (size = std::fread(part, 1, sizeof part, tool)) > 0;) judged.said.append(part, size);
    judged.status = ::pclose(tool);
    std::filesystem::remove(file);
    return judged;
}

boost::test_tools::assertion_result with_promtool(boost::unit_test::test_unit_id) {
    boost::test_tools::assertion_result found(std::system("promtool --version >/dev/null 2>&1") == 0);
    if (!found) found.message() << "there is no promtool here; test/support/promtool.sh gets it";
    return found;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(promtool_has_no_complaint, store_fixture, *boost::unit_test::precondition(&with_promtool)) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        es::subscription all = co_await store.subscribe_to_all("mail\\er \"1\"\n");
        es::subscription one = co_await store.subscribe("a", "mailer");
        const texts received = co_await receive(all, 3);
        BOOST_TEST(received.size() == 3u);
        const judgement alone = check(es::prometheus_text(store.stats()));
        BOOST_TEST(alone.status == 0, alone.said);
        BOOST_TEST(alone.said.empty(), alone.said);
        std::map<std::string, es::store_stats> both;
        both["shop"] = store.stats();
        both["ware\\house \"2\"\n"] = store.stats();
        const judgement together = check(es::prometheus_text(both));
        BOOST_TEST(together.status == 0, together.said);
        BOOST_TEST(together.said.empty(), together.said);
    });
    // It does find faults: two families of one name, and a counter without _total.
    BOOST_TEST(check("# TYPE a counter\na 1\n# TYPE a counter\na 2\n").status != 0);
    BOOST_TEST(
        !check("# HELP eventstore_appends x\n# TYPE eventstore_appends counter\neventstore_appends 1\n").said.empty());
}

BOOST_AUTO_TEST_SUITE_END()
