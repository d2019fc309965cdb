#include "postgres/connect_settings.hpp"

#include "postgres/holds.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace eventstore;
using namespace eventstore::postgres;
using eventstore::test::holds;

namespace {

connect_settings made(const store_options& options, session_kind kind = session_kind::reading) {
    auto settings = connect_settings::make(options, kind);
    BOOST_REQUIRE_MESSAGE(settings.has_value(), (settings ? "" : settings.error().message()));
    return *settings;
}

failure refusal(const std::string& url) {
    const auto settings = connect_settings::make(store_options(url), session_kind::reading);
    BOOST_REQUIRE_MESSAGE(!settings, "taken: " + url);
    return settings.error();
}

std::string_view as_view(const char* text) { return text ? text : ""; }

/// Sets a variable of the environment while it lives.
class environment {
public:
    environment(const char* name, const char* value) : name_(name) {
        if (const char* const before = std::getenv(name)) before_ = before;
        ::setenv(name, value, 1);
    }
    ~environment() {
        if (before_)
            ::setenv(name_, before_->c_str(), 1);
        else
            ::unsetenv(name_);
    }
    environment(const environment&) = delete;
    environment& operator=(const environment&) = delete;

private:
    const char* name_;
    std::optional<std::string> before_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(connect_settings_test)

BOOST_AUTO_TEST_CASE(a_uri_is_taken_apart) {
    const auto settings =
        made("postgresql://amy:p%40ss%2Fword@db.example:5433/shop?sslmode=require&application_name=till");
    BOOST_TEST(settings.value("host") == "db.example");
    BOOST_TEST(settings.value("port") == "5433");
    BOOST_TEST(settings.value("user") == "amy");
    BOOST_TEST(settings.value("password") == "p@ss/word");
    BOOST_TEST(settings.value("dbname") == "shop");
    BOOST_TEST(settings.value("sslmode") == "require");
    BOOST_TEST(settings.value("application_name") == "till");
}

BOOST_AUTO_TEST_CASE(keyword_value_pairs_are_taken_too) {
    const auto settings = made("host=/run/postgresql dbname='my shop' port=5432");
    BOOST_TEST(settings.value("host") == "/run/postgresql");
    BOOST_TEST(settings.value("dbname") == "my shop");
    BOOST_TEST(settings.value("nothing").empty());
}

BOOST_AUTO_TEST_CASE(an_empty_url_leaves_everything_to_libpq) {
    const auto settings = made("");
    BOOST_TEST(settings.value("host").empty());
    BOOST_TEST(settings.value("dbname").empty());
}

BOOST_AUTO_TEST_CASE(keywords_and_values_are_lists_of_the_same_length_that_end_with_null) {
    const auto settings = made("host=a port=1");
    const auto keywords = settings.keywords();
    const auto values = settings.values();
    BOOST_REQUIRE(keywords.size() == values.size());
    BOOST_TEST(keywords.back() == nullptr);
    BOOST_TEST(values.back() == nullptr);
    for (std::size_t i = 0; i + 1 < keywords.size(); ++i) {
        BOOST_TEST(settings.value(keywords[i]) == values[i]);
        for (std::size_t j = 0; j < i; ++j) BOOST_TEST(std::strcmp(keywords[i], keywords[j]) != 0);
    }
}

BOOST_AUTO_TEST_CASE(a_dead_server_is_noticed_and_the_program_named) {
    const auto settings = made(store_options("host=a").operation_timeout(milliseconds(2500)));
    BOOST_TEST(settings.value("fallback_application_name") == "eventstore");
    BOOST_TEST(settings.value("keepalives_idle") == "30");
    BOOST_TEST(settings.value("keepalives_interval") == "10");
    BOOST_TEST(settings.value("keepalives_count") == "3");
    BOOST_TEST(settings.value("tcp_user_timeout") == "2500");
    BOOST_TEST(settings.value("client_encoding") == "UTF8");
}

BOOST_AUTO_TEST_CASE(what_the_caller_says_wins) {
    const auto settings = made("host=a keepalives_idle=5 tcp_user_timeout=9 fallback_application_name=mine");
    BOOST_TEST(settings.value("keepalives_idle") == "5");
    BOOST_TEST(settings.value("tcp_user_timeout") == "9");
    BOOST_TEST(settings.value("fallback_application_name") == "mine");
}

BOOST_AUTO_TEST_CASE(but_not_in_the_encoding_since_texts_are_checked_for_utf_8) {
    const auto settings = made("host=a client_encoding=LATIN1");
    BOOST_TEST(settings.value("client_encoding") == "UTF8");
    BOOST_TEST(std::ranges::count(settings.keywords(), std::string_view("client_encoding"), as_view) == 1);
}

BOOST_AUTO_TEST_CASE(with_several_hosts_the_one_that_can_write_is_looked_for) {
    BOOST_TEST(made("host=a").value("target_session_attrs").empty());
    BOOST_TEST(made("host=a,b").value("target_session_attrs") == "read-write");
    BOOST_TEST(made("postgresql://a:1,b:2/shop").value("target_session_attrs") == "read-write");
    BOOST_TEST(made("hostaddr=10.0.0.1,10.0.0.2").value("target_session_attrs") == "read-write");
    BOOST_TEST(made("host=a,b target_session_attrs=any").value("target_session_attrs") == "any");
}

BOOST_AUTO_TEST_CASE(sessions_get_the_settings_that_the_statements_count_on) {
    for (const auto kind : {session_kind::reading, session_kind::appending, session_kind::administration}) {
        const auto settings = made("host=a", kind);
        const std::string_view all = settings.value("options");
        BOOST_TEST(holds(all, "-c jit=off"), all);
        BOOST_TEST(holds(all, "-c plan_cache_mode=force_generic_plan"), all);
        BOOST_TEST(holds(all, "-c default_transaction_isolation=read\\ committed"), all);
    }
}

BOOST_AUTO_TEST_CASE(each_kind_of_session_has_its_own_time_limits) {
    const auto options = store_options("host=a").operation_timeout(milliseconds(8000));
    const auto reading = made(options, session_kind::reading);
    BOOST_TEST(!holds(reading.value("options"), "_timeout"), reading.value("options"));
    const auto appending = made(options, session_kind::appending);
    BOOST_TEST(holds(appending.value("options"), "-c statement_timeout=0"), appending.value("options"));
    BOOST_TEST(holds(appending.value("options"), "-c lock_timeout=6000"), appending.value("options"));
    BOOST_TEST(holds(appending.value("options"), "-c tcp_keepalives_idle=4 "), appending.value("options"));
    const auto administration = made(options, session_kind::administration);
    BOOST_TEST(holds(administration.value("options"), "-c lock_timeout=0"), administration.value("options"));
}

BOOST_AUTO_TEST_CASE(the_shortest_timeout_does_not_switch_the_lock_timeout_off) {
    const auto settings = made(store_options("host=a").operation_timeout(milliseconds(1)), session_kind::appending);
    BOOST_TEST(holds(settings.value("options"), "-c lock_timeout=1 "), settings.value("options"));
}

BOOST_AUTO_TEST_CASE(the_callers_own_options_come_last_and_win) {
    const auto settings = made("host=a options='-c jit=on -c work_mem=9MB'");
    BOOST_TEST(settings.value("options").find("jit=on") > settings.value("options").find("jit=off"));
    BOOST_TEST(holds(settings.value("options"), " -c jit=on -c work_mem=9MB "), settings.value("options"));
}

BOOST_AUTO_TEST_CASE(but_not_in_where_the_library_looks_for_functions) {
    constexpr std::string_view path = " -c search_path=pg_catalog,pg_temp";
    const environment set("PGOPTIONS", "-c search_path=theirs");
    for (const char* const url : {"host=a", "host=a options='-c search_path=theirs'"}) {
        for (const auto kind : {session_kind::reading, session_kind::appending, session_kind::administration}) {
            const auto settings = made(url, kind);
            const std::string_view all = settings.value("options");
            BOOST_TEST(all.rfind("search_path") == all.find(path) + 4, all);
        }
        // SQL of the caller's own is resolved as its role has it.
        BOOST_TEST(!holds(made(url, session_kind::transacting).value("options"), path));
    }
}

BOOST_AUTO_TEST_CASE(options_of_the_environment_count_where_the_url_has_none) {
    const environment set("PGOPTIONS", "-c work_mem=7MB");
    BOOST_TEST(holds(made("host=a").value("options"), " -c work_mem=7MB "));
    BOOST_TEST(!holds(made("host=a options='-c jit=on'").value("options"), "7MB"));
}

BOOST_AUTO_TEST_CASE(a_pooler_gets_no_options) {
    const auto options = store_options("host=a").pooled();
    BOOST_TEST(made(options, session_kind::appending).value("options").empty());
}

BOOST_AUTO_TEST_CASE(a_session_that_listens_gets_none_either_since_its_way_may_lead_through_a_pooler) {
    for (const auto& options : {store_options("host=a"), store_options("host=a").pooled().session_url("host=b")}) {
        const auto settings = made(options, session_kind::listening);
        BOOST_TEST(settings.value("options").empty());
        BOOST_TEST(settings.token().empty());
        BOOST_TEST(holds(settings.opening(), "idle_session_timeout"));
        BOOST_TEST(holds(settings.opening(), "search_path = pg_catalog, pg_temp"));
    }
    BOOST_TEST(made(store_options("host=a options='-c work_mem=9MB'"), session_kind::listening).value("options") ==
        "-c work_mem=9MB");
}

BOOST_AUTO_TEST_CASE(warnings_of_the_server_are_heard_whatever_the_caller_says) {
    for (const auto kind : {session_kind::reading, session_kind::appending, session_kind::administration}) {
        const auto settings = made("host=a options='-c client_min_messages=error'", kind);
        const std::string_view all = settings.value("options");
        BOOST_TEST(all.rfind("client_min_messages=warning") > all.rfind("client_min_messages=error"), all);
    }
    BOOST_TEST(holds(made("host=a", session_kind::transacting).value("options"), " -c client_min_messages=notice"));
}

BOOST_AUTO_TEST_CASE(each_session_is_told_by_a_token_of_its_own) {
    const auto one = made("host=a", session_kind::appending);
    const auto other = made("host=a", session_kind::appending);
    BOOST_TEST(one.token() != other.token());
    BOOST_TEST(holds(one.value("options"), "-c eventstore.session=" + one.token()), one.value("options"));
    BOOST_TEST(made(store_options("host=a").pooled(), session_kind::appending).token().empty());
}

BOOST_AUTO_TEST_CASE(hosts_can_be_left_out) {
    auto settings = made("host=a,b port=1,2 dbname=shop");
    settings.use_hosts({"b", "", "2"});
    BOOST_TEST(settings.value("host") == "b");
    BOOST_TEST(settings.value("port") == "2");
    BOOST_TEST(settings.value("dbname") == "shop");
    BOOST_TEST(settings.value("target_session_attrs") == "read-write");
}

BOOST_AUTO_TEST_CASE(a_url_that_is_none_is_refused_with_an_example) {
    for (const char* const bad : {"postgresql://[::1", "host", "host=a nonsense=1", "postgresql://a/b?nonsense=1",
             "host='a", "postgresql://a:%zz@b/c"}) {
        const failure why = refusal(bad);
        BOOST_TEST((why.code() == errc::invalid_argument));
        BOOST_TEST(holds(why.message(), "postgresql://user@host"), why.message());
        BOOST_TEST(!holds(why.message(), "\n"), why.message());
    }
}

BOOST_AUTO_TEST_CASE(a_refused_url_is_not_repeated_since_it_may_hold_a_password) {
    for (const char* const bad :
        {"postgresql://amy:s3cret@[::1", "postgresql://amy:s3cret%zz@db/shop", "postgresql://amy:s3cret@[::1]x/shop",
            "s3cret", "password='s3cret", "password=a s3cret=b", "postgresql://amy@db/shop?s3cret=1"}) {
        const failure why = refusal(bad);
        BOOST_TEST(!holds(why.message(), "s3cret"), why.message());
    }
}

BOOST_AUTO_TEST_CASE(nor_is_a_password_with_quotation_marks_in_it) {
    for (const char* const bad : {"postgresql://amy:a\"s3cret@[::1", "postgresql://amy:a\"s3cret%zz@db/shop",
             "postgresql://amy:a\"b\"s3cret@[::1]x/shop", "a\"s3cret", "password=a b\"s3cret=b",
             "postgresql://amy@db/shop?a\"s3cret=1"}) {
        const failure why = refusal(bad);
        BOOST_TEST(!holds(why.message(), "s3cret"), why.message());
    }
}

BOOST_AUTO_TEST_CASE(a_password_is_taken_out_of_a_message_wherever_it_stands) {
    const auto settings = made("postgresql://amy:s3cret@db/shop");
    BOOST_TEST(settings.without_secrets("s3cret and s3crets3cret") == "*** and ******");
    BOOST_TEST(settings.without_secrets("nothing to hide") == "nothing to hide");
    BOOST_TEST(made("host=a").without_secrets("no password") == "no password");
    BOOST_TEST(made("password=*").without_secrets("***") == "*********");
}

BOOST_AUTO_TEST_CASE(names_of_hosts_and_files_are_taken_out_where_they_are_words) {
    const auto settings = made("host=db,db.shop port=1,2 service=till sslcert=key.crt sslmode=require");
    BOOST_TEST(
        settings.without_secrets("no \"db.shop\" (10.0.0.7), but a \"db\" in the database; till, key.crt, until") ==
        "no \"***\" (10.0.0.7), but a \"***\" in the database; ***, ***, until");
    BOOST_TEST(settings.without_secrets("SSL is required: require") == "SSL is required: require");
}

BOOST_AUTO_TEST_CASE(addresses_and_folders_and_names_of_which_the_server_speaks_stay) {
    const std::string text = "127.0.0.1, ::1, localhost, /run/pg, 5432, amy, shop";
    BOOST_TEST(
        made("host=127.0.0.1,::1,localhost,/run/pg port=5432 user=amy dbname=shop").without_secrets(text) == text);
    BOOST_TEST(made("user=amy:s3cret dbname=a/b@c").without_secrets("no \"amy:s3cret\", no \"a/b@c\"") ==
        "no \"***\", no \"***\"");
}

BOOST_AUTO_TEST_SUITE_END()
