// The page in a real browser. Without one these tests are skipped, and say so; test/run.sh installs one.
#include "examples/browser.hpp"
#include "examples/http_client.hpp"
#include "examples/live_feed_program.hpp"

#include <boost/json/serialize.hpp>
#include <boost/test/tree/decorator.hpp>

#include <csignal>
#include <string>

namespace asio = boost::asio;
namespace es = eventstore;
namespace json = boost::json;
using namespace eventstore::test;

namespace {

boost::test_tools::assertion_result with_chromium(boost::unit_test::test_unit_id) {
    boost::test_tools::assertion_result found(!find_chromium().empty());
    if (!found) found.message() << "there is no Chromium here; install chromium-headless-shell";
    return found;
}

void append(std::uint16_t port, const std::string& event) {
    const reply answer = run(post(port, "/streams/chat", event));
    BOOST_TEST(answer.status == 201u, answer.body);
}

std::string said(int number) { return R"({"type":"Said","data":{"words":"number )" + std::to_string(number) + "\"}}"; }

/// A condition: these positions are on the page, the newest first.
std::string shown(const std::string& positions) {
    return "[...document.querySelectorAll('li')].map(row => row.dataset.position).join() === '" + positions + "'";
}

} // namespace

BOOST_AUTO_TEST_SUITE(live_feed_page_test, *boost::unit_test::precondition(with_chromium))

BOOST_FIXTURE_TEST_CASE(the_page_shows_what_was_there_what_comes_and_goes_on_after_a_restart, store_fixture) {
    auto program = std::make_unique<live_feed_program>(schema());
    const std::uint16_t port = program->port();
    append(port, said(1));
    browser page;
    page.open(program->url());
    page.wait_until(shown("1"));
    page.wait_until("document.querySelector('li').innerText.includes('number 1')");

    append(port, said(2));
    page.wait_until(shown("2,1"));
    page.wait_until("document.querySelector('#state').textContent === 'live'");

    program->signal(SIGTERM);
    BOOST_TEST(program->wait() == 0);
    page.wait_until("document.querySelector('#state').textContent === 'not connected'");
    with_store([](es::store store) -> asio::awaitable<void> { // while the page is cut off
        co_await store.append("chat", es::any_version, counted(2));
    });
    program = std::make_unique<live_feed_program>(schema(), port);
    page.wait_until(shown("4,3,2,1"));
    append(port, said(5));
    page.wait_until(shown("5,4,3,2,1"));
    page.wait_until("document.querySelector('#state').textContent === 'live'");
    BOOST_TEST(page.uncaught() == "");
}

BOOST_FIXTURE_TEST_CASE(what_an_event_holds_is_shown_as_text, store_fixture) {
    const live_feed_program program(schema());
    const std::string evil = "<img src=x onerror='document.title=1'><script>document.title=2</script>";
    const std::string event = "{\"type\":\"" + evil + "\",\"data\":\"" + evil + "\"}";
    const reply answer = run(post(program.port(), "/streams/%3Cb%3Ebold%3C%2Fb%3E", event));
    BOOST_TEST(answer.status == 201u, answer.body);
    browser page;
    page.open(program.url());
    page.wait_until(shown("1"));
    append(program.port(), event); // the same way when it comes live
    page.wait_until(shown("2,1"));
    BOOST_TEST(page.evaluate("document.title") == json::value("Live feed"));
    BOOST_TEST(page.evaluate("document.querySelectorAll('li img, li script, li b b').length") == json::value(0));
    BOOST_TEST(page.evaluate("document.querySelector('li b').textContent") == json::value(evil));
    BOOST_TEST(
        page.evaluate("document.querySelectorAll('li')[1].innerText.includes('<b>bold</b>')") == json::value(true));
}

BOOST_FIXTURE_TEST_CASE(the_form_appends_an_event_once, store_fixture) {
    const live_feed_program program(schema());
    browser page;
    page.open(program.url());
    page.wait_until("document.querySelector('#state').textContent === 'live'");
    const std::string submit = "document.querySelector('button').click()";
    page.evaluate("document.querySelector('[name=stream]').value = 'a/b c'");
    page.evaluate("document.querySelector('[name=data]').value = '{\"price\": 1.50}'");
    page.evaluate(submit);
    page.wait_until(shown("1"));
    page.wait_until("document.querySelector('li').innerText.includes('a/b c 1')");
    TEST_SAME(stored_in("a/b c"), texts{"{\"price\": 1.50}"});

    page.evaluate("document.querySelector('[name=data]').value = 'not JSON'");
    page.evaluate(submit);
    page.wait_until("document.querySelector('#error').textContent.includes('JSON')");
    page.evaluate("document.querySelector('[name=data]').value = '1'");
    page.evaluate("document.querySelector('[name=stream]').value = '$all'");
    page.evaluate(submit);
    page.wait_until("document.querySelector('#error').textContent.includes('$all')");
    BOOST_TEST(events_stored() == 1);
}

BOOST_FIXTURE_TEST_CASE(a_page_of_another_store_begins_anew, store_fixture) {
    auto program = std::make_unique<live_feed_program>(schema());
    const std::uint16_t port = program->port();
    for (int i = 1; i <= 3; ++i) append(port, said(i));
    browser page;
    page.open(program->url());
    page.wait_until(shown("3,2,1"));
    program->signal(SIGTERM);
    BOOST_TEST(program->wait() == 0);

    const fresh_schema other;
    program = std::make_unique<live_feed_program>(other.name(), port);
    append(port, said(7));
    page.wait_until(shown("1") + " && document.querySelector('li').innerText.includes('number 7')");
}

BOOST_AUTO_TEST_SUITE_END()
