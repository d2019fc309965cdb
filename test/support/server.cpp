#include "support/server.hpp"

#include "support/own_server.hpp"
#include "support/session.hpp"

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

std::string from_environment(const char* name, const std::string& otherwise) {
    const char* const value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : otherwise;
}

const own_server& embedded() {
    static const own_server server;
    return server;
}

/// In a destructor, where the next best thing is to say so.
void clean_up(const std::string& what, const std::string& url, const std::string& statements) {
    try {
        // A session that was left behind with a lock must not hang the test.
        session cleaner(url);
        cleaner.run("set lock_timeout = '5s'; set client_min_messages = error");
        // A read that nobody waits for any more may meet it in a deadlock; another time it is over.
        for (int attempts = 1;; ++attempts) {
            try {
                cleaner.run(statements);
                return;
            } catch (const sql_error& e) {
                if (e.sqlstate != "40P01" || attempts == 3) throw;
            }
        }
    } catch (const std::exception& e) {
        BOOST_ERROR(what << " of the test cannot be dropped: " << e.what());
    }
}

} // namespace

const std::string& test_server::url() {
    static const std::string given = from_environment("EVENTSTORE_TEST_URL", "");
    return given.empty() ? embedded().url() : given;
}

const std::string& test_server::superuser_url() {
    static const bool is_given = !from_environment("EVENTSTORE_TEST_URL", "").empty();
    static const std::string given = from_environment("EVENTSTORE_TEST_SUPERUSER_URL", "");
    if (!given.empty()) return given;
    return is_given ? url() : embedded().superuser_url();
}

const std::string& test_server::store_url() {
    static const std::string way = from_environment("EVENTSTORE_TEST_STORE_URL", url());
    return way;
}

bool test_server::is_pooled() {
    static const bool is = !from_environment("EVENTSTORE_TEST_POOLED", "").empty();
    return is;
}

const std::string& test_server::session_url() {
    static const std::string way = from_environment("EVENTSTORE_TEST_SESSION_URL", "");
    return way;
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

fresh_schema::~fresh_schema() { drop_schema(name_); }

void drop_schema(const std::string& name) {
    // As a superuser: a test may have had it made by another role.
    clean_up("the schema", test_server::superuser_url(), "drop schema if exists " + quoted_name(name) + " cascade");
}

fresh_role::fresh_role(std::string name, const std::string& attributes) : name_(std::move(name)) {
    const std::string owner = session().value("select current_user");
    session(test_server::superuser_url())
        .run("create role " + quoted_name(name_) + " " + attributes + "; grant " + quoted_name(name_) + " to " +
            quoted_name(owner));
}

fresh_role::~fresh_role() {
    clean_up("the role", test_server::superuser_url(),
        "drop owned by " + quoted_name(name_) + " cascade; drop role " + quoted_name(name_));
}

fresh_database::fresh_database(std::string name, const std::string& options) : name_(std::move(name)) {
    const std::string owner = session().value("select current_user");
    session(test_server::superuser_url())
        .run("create database " + quoted_name(name_) + " owner " + quoted_name(owner) + " " + options);
}

fresh_database::~fresh_database() {
    clean_up("the database", test_server::superuser_url(), "drop database " + quoted_name(name_) + " with (force)");
}

std::string fresh_database::url() const { return url_with(test_server::url(), {{"dbname", name_}}); }

} // namespace eventstore::test
