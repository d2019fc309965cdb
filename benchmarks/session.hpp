// A blocking libpq session: what the benchmarks themselves do to the server, and the bare reading of RALL's limit.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <libpq-fe.h>

namespace eventstore::benchmarks {

class session {
public:
    explicit session(const std::string& url);

    /// Runs statements and returns the rows of the last one, as text. \throws std::runtime_error
    std::vector<std::vector<std::string>> rows(const std::string& statements);
    /// The same for one row of one column.
    std::string value(const std::string& statements);
    void run(const std::string& statements) { rows(statements); }

    PGconn* native() const { return connection_.get(); }

    struct clear {
        void operator()(PGresult* answer) const { PQclear(answer); }
    };
    using result_pointer = std::unique_ptr<PGresult, clear>;
    /// Takes an answer over. \throws std::runtime_error if it is an error
    result_pointer checked(PGresult* answer) const;

private:
    struct finish {
        void operator()(PGconn* connection) const { PQfinish(connection); }
    };
    std::unique_ptr<PGconn, finish> connection_;
};

/// The connection string with some of its parameters set or replaced.
std::string with_parameters(const std::string& url, const std::vector<std::pair<std::string, std::string>>& parameters);

} // namespace eventstore::benchmarks
