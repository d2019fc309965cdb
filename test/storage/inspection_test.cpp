#include "storage/inspection.hpp"

#include <boost/test/unit_test.hpp>

#include <optional>
#include <string>
#include <string_view>

using namespace eventstore;
using namespace eventstore::storage;

namespace {

const store_options host_a("host=a");
constexpr purpose all_purposes[] = {purpose::opening, purpose::making, purpose::appending, purpose::transacting};

server_state good_server() {
    server_state found;
    found.server_version = 150018;
    return found;
}

schema_state good_schema() {
    schema_state found;
    found.owner = "ada";
    found.is_own = true;
    found.version = 1'000'000;
    found.made_for = "shop";
    return found;
}

/// Whether a server is refused for this purpose, with a message that names `what`.
bool is_refused(const server_state& found, purpose what_for, std::string_view what, const std::string& token = "") {
    const auto why = check_server(found, host_a, what_for, token);
    if (!why) return false;
    BOOST_TEST((why->code() == errc::server_unusable));
    BOOST_TEST(why->message().find(what) != std::string::npos, why->message());
    return true;
}

} // namespace

BOOST_AUTO_TEST_SUITE(inspection_test)

BOOST_AUTO_TEST_CASE(a_server_with_the_usual_settings_will_do) {
    for (const purpose each : all_purposes) BOOST_TEST(!check_server(good_server(), host_a, each, "").has_value());
}

BOOST_AUTO_TEST_CASE(whatever_would_lose_an_event_or_hide_that_is_refused_for_every_purpose) {
    const struct {
        std::string server_state::*setting;
        const char* value;
        const char* name;
    } cases[] = {
        {&server_state::synchronous_commit, "off", "synchronous_commit"},
        {&server_state::messages, "error", "client_min_messages"},
        {&server_state::encoding, "LATIN1", "LATIN1"},
        {&server_state::encoding, "SQL_ASCII", "encoding 'UTF8' template template0"},
        {&server_state::client_encoding, "LATIN1", "client_encoding"},
        {&server_state::isolation, "serializable", "default_transaction_isolation"},
    };
    for (const auto& each : cases) {
        server_state found = good_server();
        found.*each.setting = each.value;
        for (const purpose what_for : all_purposes) BOOST_TEST(is_refused(found, what_for, each.name), each.name);
    }
    server_state old = good_server();
    old.server_version = 130022;
    BOOST_TEST(is_refused(old, purpose::opening, "PostgreSQL 13"));
}

BOOST_AUTO_TEST_CASE(asynchronous_commit_may_be_allowed) {
    server_state found = good_server();
    found.synchronous_commit = "off";
    const auto allowing = store_options("host=a").allow_asynchronous_commit();
    BOOST_TEST(!check_server(found, allowing, purpose::appending, "").has_value());
}

BOOST_AUTO_TEST_CASE(settings_that_did_not_arrive_tell_of_a_pooler) {
    server_state found = good_server();
    BOOST_TEST(is_refused(found, purpose::opening, "pooled(true)", "mine"));
    found.token = "another client's";
    BOOST_TEST(is_refused(found, purpose::appending, "pooled(true)", "mine"));
    found.token = "mine";
    BOOST_TEST(!check_server(found, host_a, purpose::appending, "mine").has_value());
}

BOOST_AUTO_TEST_CASE(a_read_only_server_is_refused_by_those_who_write) {
    for (const bool is_standby : {false, true}) {
        server_state found = good_server();
        found.is_read_only = true;
        found.is_standby = is_standby;
        const char* const name = is_standby ? "standby" : "default_transaction_read_only";
        BOOST_TEST(is_refused(found, purpose::appending, name));
        BOOST_TEST(is_refused(found, purpose::making, name));
        BOOST_TEST(!check_server(found, host_a, purpose::opening, "").has_value());
        BOOST_TEST(!check_server(found, host_a, purpose::transacting, "").has_value());
        BOOST_TEST(check_server(found, host_a, purpose::appending, "").value().retry_helps() == is_standby);
    }
}

BOOST_AUTO_TEST_CASE(a_strangers_schema_is_refused_by_those_who_make_it) {
    schema_state found = good_schema();
    found.version = 0;
    found.made_for = "";
    found.owner = "eve";
    found.is_own = false;
    const auto why = check_schema(found, "shop", purpose::making);
    BOOST_REQUIRE(why.has_value());
    BOOST_TEST((why->code() == errc::server_unusable));
    BOOST_TEST(why->message().find("'eve'") != std::string::npos, why->message());
    found.owner = ""; // there is none: it is going to be one's own
    BOOST_TEST(!check_schema(found, "shop", purpose::making).has_value());
}

BOOST_AUTO_TEST_CASE(a_schema_in_which_others_may_create_is_refused_for_every_purpose) {
    schema_state found = good_schema();
    found.creators = "public";
    for (const purpose each : all_purposes) {
        const auto why = check_schema(found, "shop", each);
        BOOST_REQUIRE(why.has_value());
        BOOST_TEST(why->message().find("public") != std::string::npos, why->message());
    }
}

BOOST_AUTO_TEST_CASE(a_schema_made_for_another_name_is_refused_or_mended) {
    schema_state found = good_schema();
    found.version = 0;
    BOOST_TEST(needs_migration(found, "shop"));
    found.version = 1'000'000;
    BOOST_TEST(!needs_migration(found, "shop"));
    BOOST_TEST(needs_migration(found, "shop_2024"));
    for (const purpose each : {purpose::appending, purpose::transacting}) {
        BOOST_TEST(!check_schema(found, "shop", each).has_value());
        const auto why = check_schema(found, "shop_2024", each);
        BOOST_REQUIRE(why.has_value());
        BOOST_TEST((why->code() == errc::schema_missing));
        BOOST_TEST(why->message().find("eventstore migrate --schema shop_2024") != std::string::npos, why->message());
    }
}

BOOST_AUTO_TEST_CASE(an_open_store_goes_on_while_its_schema_is_brought_up_to_date) {
    schema_state found = good_schema();
    for (const int version : {1, 1'000'000}) {
        found.version = version;
        BOOST_TEST(!check_schema(found, "shop", purpose::appending).has_value());
        BOOST_TEST(check_schema(found, "shop", purpose::opening).has_value());
    }
    BOOST_TEST((check_schema(found, "shop", purpose::making)->code() == errc::schema_too_new));
    found.version = 0;
    BOOST_TEST((check_schema(found, "shop", purpose::appending)->code() == errc::schema_missing));
}

BOOST_AUTO_TEST_SUITE_END()
