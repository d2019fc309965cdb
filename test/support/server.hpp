// A PostgreSQL for tests: the one that EVENTSTORE_TEST_URL names (test/run.sh starts one for the whole run), or else an
// embedded one that lives as long as the test program. Every test works in a schema of its own, and as a role that owns
// its database and is no superuser.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eventstore::test {

class test_server {
public:
    /// As the owner of the database. Started at the first call.
    static const std::string& url();
    /// The same database as a superuser, for what an owner may not do: make roles and databases, load libraries.
    static const std::string& superuser_url();

    /// The way on which the stores of tests reach that database: url(), unless the run goes through something that
    /// stands before the server (test/run.sh --as).
    static const std::string& store_url();
    /// That way leads through a pooler: what the server has are not the sessions of the stores, one for one.
    static bool is_pooled();
    /// What pooled stores are given to listen by; empty for nothing.
    static const std::string& session_url();
};

/// In a destructor: a failure is one of the test.
void drop_schema(const std::string& name);

/// A schema name that no other test uses. Creates nothing; drops the schema, if somebody made it, at the end.
class fresh_schema {
public:
    fresh_schema();
    ~fresh_schema();
    fresh_schema(const fresh_schema&) = delete;
    fresh_schema& operator=(const fresh_schema&) = delete;

    const std::string& name() const noexcept { return name_; }

private:
    std::string name_;
};

/// A role for a part in a test: it may do nothing until it is granted something, and the owner may `set role` to it. What
/// it has got in the database goes with it.
class fresh_role {
public:
    explicit fresh_role(std::string name, const std::string& attributes = "");
    ~fresh_role();
    fresh_role(const fresh_role&) = delete;
    fresh_role& operator=(const fresh_role&) = delete;

    const std::string& name() const noexcept { return name_; }

private:
    std::string name_;
};

/// A database that belongs to the owner of the tests' own, and goes with the test and all sessions in it.
class fresh_database {
public:
    explicit fresh_database(std::string name, const std::string& options = "");
    ~fresh_database();
    fresh_database(const fresh_database&) = delete;
    fresh_database& operator=(const fresh_database&) = delete;

    const std::string& name() const noexcept { return name_; }
    /// As the owner.
    std::string url() const;

private:
    std::string name_;
};

using rows = std::vector<std::vector<std::string>>;

/// Runs SQL on a blocking connection of its own and returns the rows of the last statement, null as "NULL". Throws
/// std::runtime_error with the server's message when a statement fails.
rows sql(const std::string& url, const std::string& statements);
inline rows sql(const std::string& statements) { return sql(test_server::url(), statements); }

/// The same for one row of one column.
std::string sql_value(const std::string& statements);

} // namespace eventstore::test
