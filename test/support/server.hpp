// A PostgreSQL for tests: the one that EVENTSTORE_TEST_URL names (test/run.sh starts one for the whole run), or else an
// embedded one that lives as long as the test program. Every test works in a schema of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eventstore::test {

class test_server {
public:
    /// Started at the first call.
    static const std::string& url();
};

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

using rows = std::vector<std::vector<std::string>>;

/// Runs SQL on a blocking connection of its own and returns the rows of the last statement, null as "NULL". Throws
/// std::runtime_error with the server's message when a statement fails.
rows sql(const std::string& url, const std::string& statements);
inline rows sql(const std::string& statements) { return sql(test_server::url(), statements); }

/// The same for one row of one column.
std::string sql_value(const std::string& statements);

} // namespace eventstore::test
