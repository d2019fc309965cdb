#include "support/own_server.hpp"

#include "support/session.hpp"

#include <stdexcept>
#include <string_view>
#include <utility>

namespace eventstore::test {

namespace {

constexpr std::string_view owner = "eventstore_owner";
constexpr std::string_view database = "eventstore_test";

std::string as_owner(const std::string& url) {
    constexpr std::string_view before = "postgresql://postgres@";
    if (!url.starts_with(before)) throw std::runtime_error("the url of the embedded server names another role");
    return "postgresql://" + std::string(owner) + "@" + url.substr(before.size());
}

} // namespace

own_server::own_server(embedded_postgres_options options)
    : server_(embedded_postgres::start_now(options.database(std::string(database)))), url_(as_owner(server_.url())) {
    session(server_.url())
        .run("create role " + std::string(owner) + " login; alter database " + std::string(database) + " owner to " +
            std::string(owner));
}

} // namespace eventstore::test
