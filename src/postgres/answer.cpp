#include "postgres/answer.hpp"

#include "base/text.hpp"

#include <eventstore/error.hpp>

#include <boost/endian/conversion.hpp>
#include <libpq-fe.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <new>
#include <span>
#include <utility>

namespace eventstore::postgres {

namespace {

struct meaning {
    std::string_view state; // a whole SQLSTATE, or the two characters of its class
    errc code;
    bool retry_helps;
};

constexpr meaning meanings_to_library[] = {
    {"ES002", errc::log_truncated, false}, // raised by the append functions
    {"ES004", errc::subscription_lost, false}, {"ES005", errc::subscription_deleted, false},
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

// Of the SQL of a transaction, all of which is tried again.
constexpr meaning meanings_to_caller[] = {
    {"55P03", errc::lock_timeout, true},
    {"57014", errc::timeout, true},
    {"40", errc::database_error, true},
    {"53", errc::database_error, true},
};

failure failure_of(const answer& error, std::string text, std::span<const meaning> meanings) {
    failure::details details;
    details.sqlstate = error.sqlstate();
    details.message = std::move(text);
    if (!details.sqlstate.empty()) details.message += detail::message(" (SQLSTATE ", details.sqlstate, ")");
    const auto known =
        std::ranges::find_if(meanings, [&](const meaning& entry) { return details.sqlstate.starts_with(entry.state); });
    if (known == meanings.end()) return failure(errc::database_error, std::move(details));
    details.retry_helps = known->retry_helps;
    if (known->code == errc::schema_missing)
        details.message += "; open the store with create(true), or run `eventstore init`";
    return failure(known->code, std::move(details));
}

} // namespace

answer::answer(pg_result* owned) {
    if (owned) whole_.reset(owned, &PQclear);
}

answer answer::of_notice(const pg_result* lent) {
    answer notice;
    notice.whole_ = std::shared_ptr<pg_result>(std::shared_ptr<void>(), const_cast<pg_result*>(lent)); // never cleared
    return notice;
}

bool answer::is_error() const noexcept { return PQresultStatus(whole_.get()) == PGRES_FATAL_ERROR; }
bool answer::is_table() const noexcept { return PQresultStatus(whole_.get()) == PGRES_TUPLES_OK; }
bool answer::is_command() const noexcept { return PQresultStatus(whole_.get()) == PGRES_COMMAND_OK; }
bool answer::is_skipped() const noexcept { return PQresultStatus(whole_.get()) == PGRES_PIPELINE_ABORTED; }
bool answer::is_end_of_group() const noexcept { return PQresultStatus(whole_.get()) == PGRES_PIPELINE_SYNC; }

bool answer::is_copy() const noexcept {
    const ExecStatusType status = PQresultStatus(whole_.get());
    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

bool answer::ends_session() const noexcept {
    const std::string_view severity = field(PG_DIAG_SEVERITY_NONLOCALIZED);
    return severity == "FATAL" || severity == "PANIC";
}

std::string_view answer::sqlstate() const noexcept { return field(PG_DIAG_SQLSTATE); }
std::string_view answer::detail() const noexcept { return field(PG_DIAG_MESSAGE_DETAIL); }
std::string_view answer::source_function() const noexcept { return field(PG_DIAG_SOURCE_FUNCTION); }
std::string answer::message() const { return detail::one_line(PQresultErrorMessage(whole_.get())); }

std::string_view answer::tag() const noexcept { return whole_ ? PQcmdStatus(whole_.get()) : std::string_view(); }

std::int64_t answer::affected() const noexcept {
    const std::string_view text = PQcmdTuples(whole_.get());
    std::int64_t count = 0;
    std::from_chars(text.data(), text.data() + text.size(), count);
    return count;
}

std::string answer::describe(std::string_view doing) const {
    std::string text(field(PG_DIAG_MESSAGE_PRIMARY));
    if (text.empty()) text = message();
    for (const std::string_view more : {detail(), field(PG_DIAG_MESSAGE_HINT)}) {
        if (!more.empty()) text += detail::message("; ", more);
    }
    return detail::message(doing, ": ", detail::one_line(text));
}

failure answer::to_failure(std::string_view doing) const {
    return failure_of(*this, describe(doing), meanings_to_library);
}

failure answer::to_failure_of_caller(std::string_view doing) const {
    std::string text = describe(doing);
    if (const auto place = field(PG_DIAG_STATEMENT_POSITION); !place.empty())
        text += detail::message(", at character ", place, " of the SQL");
    return failure_of(*this, std::move(text), meanings_to_caller);
}

int answer::rows() const noexcept { return PQntuples(whole_.get()); }
int answer::columns() const noexcept { return PQnfields(whole_.get()); }
std::string_view answer::name(int column) const noexcept { return PQfname(whole_.get(), column); }
type_oid answer::type(int column) const noexcept { return static_cast<type_oid>(PQftype(whole_.get(), column)); }

bool answer::is_null(int row, int column) const noexcept { return PQgetisnull(whole_.get(), row, column) != 0; }

std::string_view answer::bytes(int row, int column) const noexcept {
    const int length = PQgetlength(whole_.get(), row, column);
    return {PQgetvalue(whole_.get(), row, column), static_cast<std::size_t>(length)};
}

uuid answer::id(int row, int column) const noexcept {
    uuid id;
    std::memcpy(id.data, value(row, column), sizeof id.data);
    return id;
}

std::optional<uuid> answer::optional_id(int row, int column) const noexcept {
    if (is_null(row, column)) return std::nullopt;
    return id(row, column);
}

std::vector<std::optional<std::int64_t>> answer::int8_array(int row, int column) const {
    return decode_int8_array(bytes(row, column)).value_or(std::vector<std::optional<std::int64_t>>());
}

std::vector<std::byte> answer::unescaped(int row, int column) const {
    std::size_t size = 0;
    const std::unique_ptr<unsigned char, decltype(&PQfreemem)> bytes(
        PQunescapeBytea(value(row, column), &size), &PQfreemem);
    if (!bytes) throw std::bad_alloc();
    const auto* const first = reinterpret_cast<const std::byte*>(bytes.get());
    return {first, first + size};
}

std::string_view answer::field(int code) const noexcept {
    const char* const text = PQresultErrorField(whole_.get(), code);
    return text ? text : std::string_view();
}

const unsigned char* answer::value(int row, int column) const noexcept {
    return reinterpret_cast<const unsigned char*>(PQgetvalue(whole_.get(), row, column));
}

std::optional<std::vector<std::optional<std::int64_t>>> decode_int8_array(std::string_view bytes) {
    const auto take4 = [&]() -> std::optional<std::int32_t> {
        if (bytes.size() < 4) return std::nullopt;
        const auto value = boost::endian::load_big_s32(reinterpret_cast<const unsigned char*>(bytes.data()));
        bytes.remove_prefix(4);
        return value;
    };
    const auto dimensions = take4();
    const auto flags = take4();
    const auto type = take4();
    if (!dimensions || !flags || !type || *type != static_cast<std::int32_t>(type_oid::int8)) return std::nullopt;
    std::vector<std::optional<std::int64_t>> elements;
    if (*dimensions == 0) return bytes.empty() ? std::optional(elements) : std::nullopt;
    const auto count = take4();
    const auto lower_bound = take4();
    if (*dimensions != 1 || !count || !lower_bound || *count < 0) return std::nullopt;
    for (std::int32_t i = 0; i < *count; ++i) {
        const auto length = take4();
        if (!length || (*length != 8 && *length != -1) || (*length == 8 && bytes.size() < 8)) return std::nullopt;
        if (*length < 0) {
            elements.emplace_back();
            continue;
        }
        elements.emplace_back(boost::endian::load_big_s64(reinterpret_cast<const unsigned char*>(bytes.data())));
        bytes.remove_prefix(8);
    }
    if (!bytes.empty()) return std::nullopt;
    return elements;
}

} // namespace eventstore::postgres
