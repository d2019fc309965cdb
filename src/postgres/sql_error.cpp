#include "postgres/sql_error.hpp"

#include "base/text.hpp"

namespace eventstore::postgres {

namespace {

struct meaning {
    std::string_view state; // a whole SQLSTATE, or the two characters of its class
    errc code;
    bool retry_helps;
};

constexpr meaning meanings[] = {
    {"ES002", errc::log_truncated, false},  // raised by the append functions
    {"55P03", errc::lock_timeout, true},    // lock_not_available
    {"57014", errc::timeout, true},         // query_canceled: statement_timeout, or an administrator
    {"57P01", errc::connection_lost, true}, // admin_shutdown
    {"57P02", errc::connection_lost, true}, // crash_shutdown
    {"57P03", errc::connection_lost, true}, // cannot_connect_now
    {"57P05", errc::connection_lost, true}, // idle_session_timeout
    {"25006", errc::connection_lost, true}, // read_only_sql_transaction: a standby
    {"08", errc::connection_lost, true},    // connection exceptions
    {"3F000", errc::schema_missing, false}, // invalid_schema_name
    {"42P01", errc::schema_missing, false}, // undefined_table
    {"42883", errc::schema_missing, false}, // undefined_function
    {"40", errc::database_error, true},     // transaction rollback: serialization, deadlock
    {"53", errc::database_error, true},     // insufficient resources
};

std::string_view field(const PGresult* error, int which) {
    const char* text = PQresultErrorField(error, which);
    return text ? text : std::string_view();
}

} // namespace

std::string one_line(std::string_view text) {
    std::string line;
    for (const char c : text) {
        if (c != '\n' && c != '\t')
            line += c;
        else if (!line.empty() && line.back() != ' ')
            line += ' ';
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    return line;
}

namespace {

failure::facts facts_of(const PGresult* error, std::string_view doing) {
    failure::facts facts;
    facts.sqlstate = field(error, PG_DIAG_SQLSTATE);
    std::string text(field(error, PG_DIAG_MESSAGE_PRIMARY));
    if (text.empty()) text = one_line(PQresultErrorMessage(error));
    if (const auto detail = field(error, PG_DIAG_MESSAGE_DETAIL); !detail.empty())
        text += detail::message("; ", detail);
    if (const auto hint = field(error, PG_DIAG_MESSAGE_HINT); !hint.empty()) text += detail::message("; ", hint);
    facts.message = detail::message(doing, ": ", one_line(text));
    return facts;
}

void add_state(failure::facts& facts) {
    if (!facts.sqlstate.empty()) facts.message += detail::message(" (SQLSTATE ", facts.sqlstate, ")");
}

} // namespace

failure to_failure(const PGresult* error, std::string_view doing) {
    failure::facts facts = facts_of(error, doing);
    add_state(facts);
    errc code = errc::database_error;
    for (const meaning& each : meanings) {
        if (facts.sqlstate.starts_with(each.state)) {
            code = each.code;
            facts.retry_helps = each.retry_helps;
            break;
        }
    }
    if (code == errc::schema_missing) facts.message += "; open the store with create(true), or run `eventstore init`";
    return failure(code, std::move(facts));
}

failure to_failure_of_caller(const PGresult* error, std::string_view doing) {
    failure::facts facts = facts_of(error, doing);
    if (const auto place = field(error, PG_DIAG_STATEMENT_POSITION); !place.empty())
        facts.message += detail::message(", at character ", place, " of the SQL");
    add_state(facts);
    const std::string_view state = facts.sqlstate;
    errc code = errc::database_error;
    if (state == "55P03") code = errc::lock_timeout;
    if (state == "57014") code = errc::timeout;
    facts.retry_helps =
        code != errc::database_error || state.starts_with("40") || state.starts_with("53"); // of the transaction
    return failure(code, std::move(facts));
}

failure connection_failure(const PGconn* connection, std::string_view doing) {
    failure::facts facts;
    const std::string why = one_line(PQerrorMessage(connection));
    facts.message = detail::message(doing, ": ", why.empty() ? std::string("the connection was closed") : why);
    facts.retry_helps = true;
    return failure(errc::connection_lost, std::move(facts));
}

bool is_final(const failure& why) noexcept {
    switch (why.code()) {
    case errc::connection_lost:
    case errc::timeout:
    case errc::cancelled:
    case errc::store_closed: return false;
    default: return !why->retry_helps;
    }
}

} // namespace eventstore::postgres
