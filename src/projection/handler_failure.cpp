#include "projection/handler_failure.hpp"

#include "base/text.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace eventstore::projection {

namespace {

// PostgreSQL's classes of errors, and single ones: https://www.postgresql.org/docs/current/errcodes-appendix.html
constexpr std::string_view too_long[] = {
    "57014", // a statement_timeout
    "55P03", // a lock_timeout
    "25P03", // idle in its transaction for too long
    "53200", // out of memory
    "54000", // a limit of the program
};
constexpr std::string_view after_an_error = "25P02"; // the handler went on after a statement that had failed
constexpr std::string_view passing[] = {
    "08", "53", "57", "58", // the connection, resources, an operator, the system
    "40",                   // a serialization failure, a deadlock
    "25",                   // such as a standby that takes no writes
    "42",                   // a table, a column or a privilege that is missing: every event would fail
    "3D", "3F", "28",       // a database, a schema, a role
};

bool is_in(const auto& list, std::string_view state) {
    return std::ranges::any_of(list, [&](std::string_view prefix) { return state.starts_with(prefix); });
}

} // namespace

blame blame_for(const failure& why) {
    if (why.outcome_unknown()) return blame::projection;
    switch (why.code()) {
    case errc::store_closed:
    case errc::subscription_lost:
    case errc::subscription_deleted:
    case errc::subscription_ended:
    case errc::subscription_stopped:
    case errc::projection_superseded:
    case errc::log_truncated:
    case errc::schema_missing:
    case errc::schema_too_new: return blame::projection;
    case errc::timeout:
    case errc::lock_timeout: return blame::size;
    case errc::connection_lost: return is_in(too_long, why.sqlstate()) ? blame::size : blame::nobody;
    case errc::overloaded:
    case errc::server_unusable: return blame::nobody;
    default: break;
    }
    if (is_in(too_long, why.sqlstate())) return blame::size;
    if (why.sqlstate() == after_an_error) return blame::event;
    return is_in(passing, why.sqlstate()) ? blame::nobody : blame::event;
}

failure failure_of(const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const error& e) {
        return e.why();
    } catch (const boost::system::system_error& e) {
        if (e.code() == boost::asio::error::operation_aborted)
            return failure(errc::cancelled, "the handler was cancelled");
        return failure(errc::handler_failed, e.what());
    } catch (const std::exception& e) {
        return failure(errc::handler_failed, e.what());
    } catch (...) {
        return failure(errc::handler_failed, "the handler threw something that is no std::exception");
    }
}

} // namespace eventstore::projection
