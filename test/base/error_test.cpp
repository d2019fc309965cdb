#include <eventstore/error.hpp>

#include <boost/test/unit_test.hpp>

#include <set>
#include <stdexcept>
#include <string>

using namespace eventstore;
namespace generic = boost::system::errc;

namespace {

failure version_failure() {
    return failure(errc::wrong_expected_version,
        {.message = "stream 'a' is at version 3", .stream = "a", .expected = 2, .actual = 3});
}

} // namespace

BOOST_AUTO_TEST_SUITE(error_test)

BOOST_AUTO_TEST_CASE(every_code_has_words_of_its_own) {
    std::set<std::string> texts;
    int code = 1;
    for (; category().message(code) != "success"; ++code)
        BOOST_TEST(texts.insert(category().message(code)).second, category().message(code));
    BOOST_TEST(code > static_cast<int>(errc::embedded_server_failed));
    BOOST_TEST(category().message(0) == "success");
    BOOST_TEST(category().message(-1) == "success");
    BOOST_TEST(std::string(category().name()) == "eventstore");
}

BOOST_AUTO_TEST_CASE(every_code_has_a_name_of_its_own) {
    std::set<std::string_view> names;
    int code = 1;
    for (; category().message(code) != "success"; ++code)
        BOOST_TEST(names.insert(name_of(static_cast<errc>(code))).second, name_of(static_cast<errc>(code)));
    BOOST_TEST(names.size() == static_cast<std::size_t>(code - 1));
    BOOST_TEST(name_of(errc::stream_not_found) == "stream_not_found");
    BOOST_TEST(name_of(static_cast<errc>(code)) == "unknown");
    BOOST_TEST(name_of(errc()) == "unknown");
}

BOOST_AUTO_TEST_CASE(codes_equal_the_generic_conditions_they_match) {
    BOOST_TEST((make_error_code(errc::cancelled) == generic::operation_canceled));
    BOOST_TEST((make_error_code(errc::timeout) == generic::timed_out));
    BOOST_TEST((make_error_code(errc::invalid_argument) == generic::invalid_argument));
    BOOST_TEST((make_error_code(errc::connection_lost) == generic::connection_reset));
    BOOST_TEST((make_error_code(errc::store_closed) != generic::operation_canceled));
    BOOST_TEST((make_error_code(errc::lock_timeout) != generic::timed_out));
}

BOOST_AUTO_TEST_CASE(a_code_converts_to_an_error_code) {
    const boost::system::error_code code = errc::stream_deleted;
    BOOST_TEST((code == errc::stream_deleted));
    BOOST_TEST((code != errc::stream_exists));
    BOOST_TEST(code.failed());
    BOOST_TEST((code.category() == category()));
}

BOOST_AUTO_TEST_CASE(a_failure_keeps_its_details_and_copies_share_them) {
    const failure first = version_failure();
    const failure copy = first;
    BOOST_TEST((copy.code() == errc::wrong_expected_version));
    BOOST_TEST(copy.message() == "stream 'a' is at version 3");
    BOOST_TEST(copy.stream() == "a");
    BOOST_TEST(copy.expected().value() == 2);
    BOOST_TEST(copy.actual().value() == 3);
    BOOST_TEST(!copy.retry_helps());
    BOOST_TEST(!copy.outcome_unknown());
    BOOST_TEST(&copy.message() == &first.message());
}

BOOST_AUTO_TEST_CASE(a_failure_of_a_code_and_a_message_has_no_other_details) {
    const failure why(errc::store_closed, "closed");
    BOOST_TEST(why.message() == "closed");
    BOOST_TEST(why.stream().empty());
    BOOST_TEST(why.sqlstate().empty());
    BOOST_TEST(!why.expected());
    BOOST_TEST(!why.actual());
    BOOST_TEST(failure().message().empty());
}

BOOST_AUTO_TEST_CASE(asking_a_failed_result_for_its_value_throws_the_failure) {
    const result<int> failed = version_failure();
    BOOST_TEST(!failed);
    try {
        (void)failed.value();
        BOOST_ERROR("nothing was thrown");
    } catch (const error& e) {
        BOOST_TEST((e.code() == errc::wrong_expected_version));
        BOOST_TEST(std::string(e.what()) == "stream 'a' is at version 3");
        BOOST_TEST(e.why().actual().value() == 3);
    }
}

BOOST_AUTO_TEST_CASE(a_result_with_a_value_gives_it) {
    const result<int> good = 5;
    BOOST_TEST(good.value() == 5);
    BOOST_CHECK_NO_THROW(result<void>().value());
    BOOST_CHECK_THROW(result<void>(version_failure()).value(), error);
}

BOOST_AUTO_TEST_CASE(an_error_is_caught_as_any_of_its_bases) {
    BOOST_CHECK_THROW(throw error(version_failure()), boost::system::system_error);
    BOOST_CHECK_THROW(throw error(version_failure()), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(a_copied_error_keeps_its_message_alive) {
    error kept{failure(errc::timeout, "first")};
    {
        const error other(version_failure());
        kept = other;
    }
    BOOST_TEST(std::string(kept.what()) == "stream 'a' is at version 3");
    BOOST_TEST((kept.code() == errc::wrong_expected_version));
}

BOOST_AUTO_TEST_SUITE_END()
