#include "session.hpp"

#include <map>
#include <stdexcept>

namespace eventstore::benchmarks {

session::session(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection_.get()));
    run("set client_min_messages = warning");
}

session::result_pointer session::checked(PGresult* answer) const {
    result_pointer result(answer);
    const ExecStatusType status = PQresultStatus(answer);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        throw std::runtime_error(PQerrorMessage(connection_.get()));
    return result;
}

std::vector<std::vector<std::string>> session::rows(const std::string& statements) {
    const result_pointer answer = checked(PQexec(connection_.get(), statements.c_str()));
    std::vector<std::vector<std::string>> rows;
    for (int row = 0; row < PQntuples(answer.get()); ++row) {
        auto& columns = rows.emplace_back();
        for (int column = 0; column < PQnfields(answer.get()); ++column)
            columns.emplace_back(PQgetvalue(answer.get(), row, column));
    }
    return rows;
}

std::string session::value(const std::string& statements) {
    const auto all = rows(statements);
    if (all.size() != 1 || all[0].size() != 1) throw std::runtime_error("one value was expected of: " + statements);
    return all[0][0];
}

std::string with_parameters(
    const std::string& url, const std::vector<std::pair<std::string, std::string>>& parameters) {
    char* message = nullptr;
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(
        PQconninfoParse(url.c_str(), &message), &PQconninfoFree);
    if (!parsed) {
        const std::unique_ptr<char, decltype(&PQfreemem)> freed(message, &PQfreemem);
        throw std::runtime_error(message != nullptr ? message : "out of memory");
    }

    std::map<std::string, std::string> all;
    for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option)
        if (option->val != nullptr) all[option->keyword] = option->val;
    for (const auto& [keyword, value] : parameters) all[keyword] = value;

    std::string joined;
    for (const auto& [keyword, value] : all) {
        joined += keyword + "='";
        for (const char c : value) {
            if (c == '\'' || c == '\\') joined += '\\';
            joined += c;
        }
        joined += "' ";
    }
    return joined;
}

} // namespace eventstore::benchmarks
