// Whatever is wrong with a connection string: no message holds a part of the password in it, in any language of libpq.
#include "postgres/url_fault.hpp"

#include "postgres/connect_settings.hpp"

#include "support/coroutines.hpp"

#include <eventstore/store.hpp>

#include <clocale>
#include <cstdlib>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;
using es::postgres::fault_in_url;

namespace {

/// Passwords as they are typed into a URL by somebody who knows nothing of encoding, of these parts.
constexpr const char* parts[] = {"alpha1", "bravo2", "charlie3"};
const std::vector<std::string> passwords = {"alpha1", "alpha1@bravo2", "alpha1@bravo2@charlie3", "alpha1/bravo2",
    "alpha1/bravo2@charlie3", "alpha1@bravo2/charlie3", "alpha1%bravo2", "alpha1%4xbravo2", "alpha1:bravo2",
    "alpha1#bravo2", "alpha1?bravo2", "alpha1?bravo2=charlie3", "alpha1&bravo2=charlie3", "alpha1 bravo2",
    "alpha1 bravo2=charlie3", "alpha1\"bravo2", "\"alpha1\"bravo2\"charlie3", "alpha1'bravo2", "alpha1\\bravo2",
    "alpha1[bravo2", "alpha1]bravo2", "[alpha1:bravo2]", "alpha1,bravo2",
    "alpha1\xc2\xbb"
    "bravo2\xe2\x80\x9c"
    "charlie3",
    "alpha1\tbravo2", "12/alpha1@bravo2", "/alpha1", "@alpha1"};

/// Where they stand, as $.
const std::vector<std::string> places = {"postgresql://amy:$@127.0.0.1:1/shop", "postgres://amy:$@127.0.0.1:1/shop",
    "postgresql://amy:$@localhost:1,127.0.0.1:2/shop", "postgresql://amy:$@[::1]:1/shop",
    "postgresql://amy:$@[::1/shop", "postgresql://amy:$@127.0.0.1:port/shop",
    "postgresql://amy:$@127.0.0.1:1/shop?sslmode=requir", "postgresql://amy:$@127.0.0.1:1/shop?nonsense=1",
    "postgresql://amy:$@127.0.0.1:1/shop?nonsense", "postgresql://amy:$@127.0.0.1:1/%zz", "postgresql://amy:$@",
    "postgresql://amy:$@no-such-host.invalid/shop", "postgresql://127.0.0.1:1/shop?password=$",
    "postgresql://127.0.0.1:1/shop?password=$&sslmode=disable", "postgresql://127.0.0.1:1/shop?passwort=$",
    "postgresql://127.0.0.1:1/shop?$", "postgresql://127.0.0.1:1/?sslmode=$", "postgresql:/amy:$@127.0.0.1:1/shop",
    "postgresql:amy:$@127.0.0.1", "mysql://amy:$@127.0.0.1/shop?ssl=true", "Postgresql://amy:$@127.0.0.1:1/shop",
    "amy:$@127.0.0.1:1/shop", "$", "host=127.0.0.1 port=1 password=$", "password=$ host=127.0.0.1 port=1",
    "host=127.0.0.1 port=1 password='$'", "host=127.0.0.1 port=1 password='$", "host=127.0.0.1 port=1 pasword=$",
    "host=127.0.0.1 port=1 password $", "host=127.0.0.1 port=$", "port=1 hostaddr=$", "port=1 host=amy:$@127.0.0.1",
    "host=127.0.0.1 port=1 dbname=postgresql://amy:$@127.0.0.1/shop", "host=127.0.0.1 port=1 sslmode=$",
    "host=127.0.0.1 port=1 target_session_attrs=$", "service=$", "host=127.0.0.1 port=1 passfile=/$",
    "host=/no/such/folder password=$"};

std::string filled(std::string place, const std::string& password) {
    return place.replace(place.find('$'), 1, password);
}

/// What is told of an attempt to open the store, by the error and in the log.
std::string told_of(const std::string& url) {
    std::string told;
    const auto keep = [&told](es::log_level, std::string_view line) { told.append(line).append("\n"); };
    run([&]() -> asio::awaitable<void> {
        es::store_options options(url);
        options.on_log(keep).operation_timeout(3s);
        try {
            const es::store opened = co_await es::open(options);
        } catch (const es::error& e) {
            told += e.what();
        }
    }());
    return told;
}

void expect_no_part_told() {
    for (const std::string& place : places) {
        for (const std::string& password : passwords) {
            const std::string url = filled(place, password);
            const std::string told = told_of(url);
            BOOST_TEST(told.size() > 20u, url);
            for (const char* const part : parts)
                BOOST_TEST(told.find(part) == std::string::npos, url << " -> " << told);
        }
    }
}

class language {
public:
    explicit language(const char* name) {
        ::setenv("LANGUAGE", name, 1);
        std::setlocale(LC_ALL, "C.UTF-8");
    }
    ~language() {
        ::unsetenv("LANGUAGE");
        std::setlocale(LC_ALL, "C");
    }
    language(const language&) = delete;
    language& operator=(const language&) = delete;
};

} // namespace

BOOST_AUTO_TEST_SUITE(url_fault_test)

BOOST_AUTO_TEST_CASE(no_part_of_a_password_is_told) { expect_no_part_told(); }

BOOST_AUTO_TEST_CASE(no_part_of_a_password_is_told_in_another_language) {
    const language german("de");
    expect_no_part_told();
}

BOOST_AUTO_TEST_CASE(what_is_not_encoded_is_said_to_be_so) {
    for (const char* const url : {"postgresql://amy:sec@ret@127.0.0.1/shop", "postgresql://amy:sec/ret@127.0.0.1/shop",
             "postgresql://amy:12/ret@127.0.0.1:5432/shop", "postgresql://amy:sec%ret@127.0.0.1/shop",
             "postgresql://amy:sec/ret", "host=amy:sec@127.0.0.1"}) {
        const auto why = fault_in_url(url);
        BOOST_REQUIRE_MESSAGE(why, url);
        BOOST_TEST(why->find("%40") != std::string::npos, url << " -> " << *why);
    }
}

BOOST_AUTO_TEST_CASE(other_faults_are_told_apart) {
    const std::pair<const char*, const char*> cases[] = {{"postgresql://[::1/x", "IPv6"},
        {"postgresql://[::1]x/y", "IPv6"}, {"postgresql://h:1,i:70000/x", "port"}, {"host=h port=0", "port"},
        {"host=h port=5432x", "port"}, {"postgresql://h/x?sslmod=require", "option"},
        {"postgresql://h/x?sslmode", "no value"}, {"host", "postgresql://"}, {"host=h nonsense=1", "keyword"},
        {"host='h", "quote"}, {"dbname=postgres://h/x", "name of the database"}};
    for (const auto& [url, word] : cases) {
        const auto why = fault_in_url(url);
        BOOST_REQUIRE_MESSAGE(why, url);
        BOOST_TEST(why->find(word) != std::string::npos, url << " -> " << *why);
    }
}

BOOST_AUTO_TEST_CASE(what_libpq_takes_as_it_was_meant_has_no_fault) {
    for (const char* const url : {"", "postgresql://", "postgres:///shop", "postgresql://h", "postgresql://amy@h",
             "postgresql://amy:p%40ss%2Fw%3Aord@h:5432/shop?sslmode=require&connect_timeout=3",
             "postgresql://amy:a:b?c#d@h/shop", "postgresql://a:1,b:2,[::1]:3/shop?target_session_attrs=any",
             "postgresql://%2Frun%2Fpostgresql:5432/shop", "postgresql:///shop?host=/run&user=a%40b",
             "postgresql://h:/x", "postgresql://h/x?ssl=true", "postgresql://amy@server:p@h/x",
             "host=a,b port=1,2 password='x y@z'", "host=@abstract", "user=amy@server host=h",
             "postgresql://h/x?options=-c%20a%3Db", "host = h port = 1"}) {
        const std::string_view text = url;
        const auto why = fault_in_url(url);
        const bool is_ambiguous = text == "postgresql://amy@server:p@h/x";
        BOOST_TEST(why.has_value() == is_ambiguous, url << " -> " << why.value_or("no fault"));
    }
}

BOOST_AUTO_TEST_SUITE_END()
