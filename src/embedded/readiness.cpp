#include "embedded/readiness.hpp"

#include "embedded/start_failure.hpp"

#include <libpq-fe.h>

#include <memory>

namespace eventstore::embedded {

namespace {

struct finish_connection {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};
struct clear_result {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};
struct free_memory {
    void operator()(char* text) const noexcept { PQfreemem(text); }
};

std::string with_connect_timeout(const std::string& url, const char* seconds) {
    return url + "?connect_timeout=" + seconds;
}

} // namespace

bool takes_sessions(const std::string& url) { return PQping(with_connect_timeout(url, "2").c_str()) == PQPING_OK; }

void make_database(const std::string& administration_url, const std::string& name) {
    const std::unique_ptr<PGconn, finish_connection> connection(
        PQconnectdb(with_connect_timeout(administration_url, "10").c_str()));
    if (PQstatus(connection.get()) != CONNECTION_OK)
        fail("the embedded PostgreSQL started, but refuses its own user: ", PQerrorMessage(connection.get()));

    const char* const values[] = {name.c_str()};
    const std::unique_ptr<PGresult, clear_result> found(PQexecParams(connection.get(),
        "select 1 from pg_catalog.pg_database where datname = $1", 1, nullptr, values, nullptr, nullptr, 0));
    if (PQresultStatus(found.get()) == PGRES_TUPLES_OK && PQntuples(found.get()) == 1) return;
    const std::unique_ptr<char, free_memory> quoted(PQescapeIdentifier(connection.get(), name.data(), name.size()));
    const std::string statement = std::string("create database ") + (quoted ? quoted.get() : "\"\"");
    const std::unique_ptr<PGresult, clear_result> made(PQexec(connection.get(), statement.c_str()));
    if (PQresultStatus(made.get()) != PGRES_COMMAND_OK)
        fail("the database ", detail::quoted_for_message(name), " cannot be made: ", PQerrorMessage(connection.get()));
}

} // namespace eventstore::embedded
