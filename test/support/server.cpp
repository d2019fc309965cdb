#include "support/server.hpp"

#include <eventstore/embedded_postgres.hpp>

#include <boost/test/unit_test.hpp>

#include <libpq-fe.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <random>
#include <stdexcept>

namespace eventstore::test {

namespace {

struct finish_connection {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};
struct clear_result {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};

void ignore_notice(void*, const PGresult*) {}

} // namespace

const std::string& test_server::url() {
    static const char* const given = std::getenv("EVENTSTORE_TEST_URL");
    if (given != nullptr) {
        static const std::string text = given;
        return text;
    }
    static const embedded_postgres server = embedded_postgres::start_now();
    static const std::string text = server.url();
    return text;
}

rows sql(const std::string& url, const std::string& statements) {
    const std::unique_ptr<PGconn, finish_connection> connection(PQconnectdb(url.c_str()));
    if (PQstatus(connection.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection.get()));
    PQsetNoticeReceiver(connection.get(), ignore_notice, nullptr);

    const std::unique_ptr<PGresult, clear_result> result(PQexec(connection.get(), statements.c_str()));
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        throw std::runtime_error(PQerrorMessage(connection.get()));

    rows out;
    for (int row = 0; row < PQntuples(result.get()); ++row) {
        std::vector<std::string>& columns = out.emplace_back();
        for (int column = 0; column < PQnfields(result.get()); ++column) {
            const bool null = PQgetisnull(result.get(), row, column) != 0;
            columns.emplace_back(null ? "NULL" : PQgetvalue(result.get(), row, column));
        }
    }
    return out;
}

std::string sql_value(const std::string& statements) {
    const rows all = sql(statements);
    if (all.size() != 1 || all[0].size() != 1) throw std::runtime_error("not one value: " + statements);
    return all[0][0];
}

fresh_schema::fresh_schema() {
    static std::atomic<int> counter = 0;
    static const unsigned random = std::random_device()(); // a server that outlives the run may know this process id
    name_ = "test_" + std::to_string(getpid()) + "_" + std::to_string(random) + "_" + std::to_string(++counter);
}

fresh_schema::~fresh_schema() {
    try {
        // A session that was left behind with a lock must not hang the test.
        sql("set lock_timeout = '5s'; set client_min_messages = error; drop schema if exists \"" + name_ +
            "\" cascade");
    } catch (const std::exception& e) {
        BOOST_ERROR("the schema of the test cannot be dropped: " << e.what());
    }
}

} // namespace eventstore::test
