// The server that tests get when none is named: an embedded one, with a database of a plain role's own.
#pragma once

#include <eventstore/embedded_postgres.hpp>

#include <string>

namespace eventstore::test {

/// Lives as long as the object. Its database belongs to a role that may do nothing beyond that: what most people's
/// servers allow.
class own_server {
public:
    explicit own_server(embedded_postgres_options options = embedded_postgres_options());

    /// As the owner of the database.
    const std::string& url() const noexcept { return url_; }
    /// The same database as the superuser.
    const std::string& superuser_url() const noexcept { return server_.url(); }
    embedded_postgres& server() noexcept { return server_; }

private:
    embedded_postgres server_;
    std::string url_;
};

} // namespace eventstore::test
