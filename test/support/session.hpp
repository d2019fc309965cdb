// A plain libpq session of a test's own: what another program, an operator or a stray transaction does to the server.
#pragma once

#include "support/server.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

struct pg_conn;

namespace eventstore::test {

/// The connection string `url` with some of its parameters set or replaced.
std::string url_with(const std::string& url, const std::vector<std::pair<std::string, std::string>>& parameters);

/// `name` as an SQL identifier, and `text` as an SQL string.
std::string quoted_name(const std::string& name);
std::string quoted_text(const std::string& text);

class sql_error : public std::runtime_error {
public:
    sql_error(const std::string& message, std::string state) : runtime_error(message), sqlstate(std::move(state)) {}
    std::string sqlstate;
};

/// Blocking; ends with its transaction rolled back.
class session {
public:
    explicit session(const std::string& url = test_server::url());

    /// The rows of the last statement, null as "NULL". \throws sql_error
    rows run(const std::string& statements);
    /// The same for one row of one column.
    std::string value(const std::string& statements);
    /// The SQLSTATE with which the statements fail; empty if they succeed.
    std::string state_of(const std::string& statements);

    int pid() const;
    /// Where the server listens: a folder or an address, and the port.
    std::string host() const;
    std::string port() const;
    /// Whether it uses TLS.
    bool is_secured() const;

private:
    struct finish {
        void operator()(pg_conn* connection) const noexcept;
    };
    std::unique_ptr<pg_conn, finish> connection_;
};

} // namespace eventstore::test
