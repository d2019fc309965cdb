#include "support/session.hpp"

#include <libpq-fe.h>

#include <map>

namespace eventstore::test {

namespace {

struct clear_result {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};

struct free_options {
    void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};

void ignore_notice(void*, const PGresult*) {}

std::string quoted(const std::string& text, char quote) {
    std::string out(1, quote);
    for (const char c : text) {
        if (c == quote) out += c;
        out += c;
    }
    return out += quote;
}

} // namespace

std::string url_with(const std::string& url, const std::vector<std::pair<std::string, std::string>>& parameters) {
    char* complaint = nullptr;
    const std::unique_ptr<PQconninfoOption, free_options> options(PQconninfoParse(url.c_str(), &complaint));
    if (!options) {
        const std::string why = complaint != nullptr ? complaint : "no memory";
        PQfreemem(complaint);
        throw std::runtime_error(why);
    }
    std::map<std::string, std::string> all;
    for (const PQconninfoOption* each = options.get(); each->keyword != nullptr; ++each)
        if (each->val != nullptr) all[each->keyword] = each->val;
    for (const auto& [name, value] : parameters) all[name] = value;

    std::string out;
    for (const auto& [name, value] : all) {
        out += name + "='";
        for (const char c : value) {
            if (c == '\'' || c == '\\') out += '\\';
            out += c;
        }
        out += "' ";
    }
    return out;
}

std::string quoted_name(const std::string& name) { return quoted(name, '"'); }
std::string quoted_text(const std::string& text) { return quoted(text, '\''); }

void session::finish::operator()(pg_conn* connection) const noexcept { PQfinish(connection); }

session::session(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection_.get()));
    PQsetNoticeReceiver(connection_.get(), ignore_notice, nullptr);
}

rows session::run(const std::string& statements) {
    const std::unique_ptr<PGresult, clear_result> result(PQexec(connection_.get(), statements.c_str()));
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
        throw sql_error(PQerrorMessage(connection_.get()), state != nullptr ? state : "");
    }
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

std::string session::value(const std::string& statements) {
    const rows all = run(statements);
    if (all.size() != 1 || all[0].size() != 1) throw std::runtime_error("not one value: " + statements);
    return all[0][0];
}

std::string session::state_of(const std::string& statements) {
    try {
        run(statements);
        return "";
    } catch (const sql_error& e) {
        return e.sqlstate;
    }
}

int session::pid() const { return PQbackendPID(connection_.get()); }
std::string session::host() const { return PQhost(connection_.get()); }
std::string session::port() const { return PQport(connection_.get()); }
bool session::is_secured() const { return PQsslInUse(connection_.get()) != 0; }

} // namespace eventstore::test
