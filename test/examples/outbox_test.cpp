#include "mailer/outbox.hpp"

#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using namespace mailer;

namespace {

std::vector<mail> mails(const std::string& keys) {
    std::vector<mail> all;
    for (const char key : keys) all.push_back(mail{key - '0', "to " + std::string(1, key)});
    return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(outbox_test)

BOOST_AUTO_TEST_CASE(what_was_sent_is_read_back) {
    const fs::path file = fs::temp_directory_path() / ("outbox_test_" + std::to_string(getpid()));
    BOOST_TEST(sent_mails(file).empty());
    const std::vector<mail> two = mails("12");
    {
        outbox out(file);
        out.send(two[0]);
    }
    {
        outbox out(file); // of the next process
        out.send(two[1]);
    }
    BOOST_TEST((sent_mails(file) == two));
    fs::remove(file);
}

BOOST_AUTO_TEST_CASE(repeats_are_counted_and_forgiven) {
    const verdict result = compare(mails("1232345"), mails("12345"));
    BOOST_TEST(result.problem == "");
    BOOST_TEST(result.repeated == 2U);
}

BOOST_AUTO_TEST_CASE(gaps_and_strange_mails_are_not) {
    BOOST_TEST(compare(mails("1245"), mails("12345")).problem == "the mail 4 was not due");
    BOOST_TEST(compare(mails("132"), mails("123")).problem == "the mail 3 was not due");
    BOOST_TEST(compare(mails("1239"), mails("123")).problem == "the mail 9 was not due");
    BOOST_TEST(compare(mails("12"), mails("123")).problem == "the mail 3 was never sent");
    std::vector<mail> torn = mails("123");
    torn[1].text = "to";
    BOOST_TEST(compare(torn, mails("123")).problem == "the mail 2 was not due");
}

BOOST_AUTO_TEST_SUITE_END()
