// What settings of the server, of the database and of roles do to a store.
#include "base/text.hpp"
#include "maintenance/examination.hpp"
#include "storage/statements.hpp"

#include <charconv>
#include <string_view>

namespace eventstore::maintenance {

using detail::message;
using storage::quoted_identifier;

namespace {

/// A setting hurts if it has the value, or, where there is a number, one that is below it (or above it).
struct setting_rule {
    std::string_view name;
    enum kind { is, below, above, between_one_and } compare;
    std::string_view value; // of `is`
    double limit;           // in the unit of pg_settings
    eventstore::severity severity;
    std::string_view effect;
    std::string_view wanted; // as ALTER SYSTEM takes it
};

constexpr setting_rule rules[] = {
    {"fsync", setting_rule::is, "off", 0, severity::problem, "a crash of the machine may destroy the whole database",
        "on"},
    {"full_page_writes", setting_rule::is, "off", 0, severity::problem,
        "a crash of the machine may leave pages that are half written", "on"},
    {"synchronous_commit", setting_rule::is, "off", 0, severity::problem,
        "a crash of the server may lose events that were confirmed, and open refuses it", "on"},
    {"autovacuum", setting_rule::is, "off", 0, severity::problem,
        "streams and subscriptions grow and become slow, and in the end the server takes no more writes", "on"},
    {"track_counts", setting_rule::is, "off", 0, severity::problem, "autovacuum does not know what to do", "on"},
    {"zero_damaged_pages", setting_rule::is, "on", 0, severity::problem,
        "a page that cannot be read is taken for an empty one: its events are lost without an error", "off"},
    {"ignore_checksum_failure", setting_rule::is, "on", 0, severity::problem, "damaged pages are read without an error",
        "off"},
    {"default_transaction_read_only", setting_rule::is, "on", 0, severity::problem, "appends are refused", "off"},
    {"default_transaction_isolation", setting_rule::is, "serializable", 0, severity::note,
        "the library asks for read committed, but appends by other programs are refused", "'read committed'"},
    {"default_transaction_isolation", setting_rule::is, "repeatable read", 0, severity::note,
        "the library asks for read committed, but appends by other programs are refused", "'read committed'"},
    {"client_min_messages", setting_rule::is, "error", 0, severity::warning,
        "the server would not say that a commit did not reach its standby; behind a pooler open refuses it", "notice"},
    {"work_mem", setting_rule::below, "", 4096, severity::warning,
        "large appends and pages are written to temporary files", "'16MB'"},
    {"shared_buffers", setting_rule::below, "", 16384, severity::warning,
        "reads and appends go to the operating system for most pages; needs a restart", "'1GB'"},
    {"max_wal_size", setting_rule::below, "", 1024, severity::warning,
        "checkpoints come often, and after each of them appends write whole pages", "'8GB'"},
    {"checkpoint_timeout", setting_rule::below, "", 300, severity::warning,
        "checkpoints come often, and after each of them appends write whole pages", "'15min'"},
    {"random_page_cost", setting_rule::above, "", 2, severity::note,
        "is meant for rotating disks: on others your own SQL is planned with scans of whole tables; the library's is "
        "not",
        "1.1"},
    {"idle_in_transaction_session_timeout", setting_rule::is, "0", 0, severity::note,
        "a session that forgets its transaction holds back vacuum, and the log if it has appended, for as long as it "
        "lives",
        "'10min'"},
    {"jit", setting_rule::is, "on", 0, severity::note,
        "short statements of your own may take hundreds of milliseconds to compile; the library's have it off", "off"},
    {"statement_timeout", setting_rule::between_one_and, "", 1000, severity::warning,
        "reads of large pages are cancelled", "0"},
    {"enable_indexscan", setting_rule::is, "off", 0, severity::warning, "statements scan whole tables", "on"},
    {"enable_indexonlyscan", setting_rule::is, "off", 0, severity::warning, "statements read more than they need",
        "on"},
    {"enable_nestloop", setting_rule::is, "off", 0, severity::warning,
        "pages of events are read with whole-table joins", "on"},
    {"data_checksums", setting_rule::is, "off", 0, severity::note,
        "a page that the disk has changed is read as it is; pg_checksums turns them on, while the server is stopped",
        ""},
};

/// In the unit of pg_settings. What is set for roles may have a unit of its own.
double number_of(std::string_view name, std::string_view value) {
    double number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc()) return 0;
    std::string_view unit(end, std::size_t(value.data() + value.size() - end));
    while (unit.starts_with(' ')) unit.remove_prefix(1);
    struct factor {
        std::string_view unit;
        double of_kilobytes; // or of milliseconds
    };
    constexpr factor factors[] = {{"B", 1.0 / 1024}, {"kB", 1}, {"MB", 1024}, {"GB", 1024 * 1024},
        {"TB", 1024.0 * 1024 * 1024}, {"us", 0.001}, {"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000},
        {"d", 86'400'000}};
    for (const factor& known : factors) {
        if (unit != known.unit) continue;
        number *= known.of_kilobytes;
        if (name == "max_wal_size") number /= 1024;       // MB
        if (name == "shared_buffers") number /= 8;        // pages
        if (name == "checkpoint_timeout") number /= 1000; // s
    }
    return number;
}

bool hurts(const setting_rule& rule, std::string_view value) {
    const double number = number_of(rule.name, value);
    switch (rule.compare) {
    case setting_rule::is: return value == rule.value || (rule.value == "0" && number == 0);
    case setting_rule::below: return number < rule.limit;
    case setting_rule::above: return number > rule.limit;
    case setting_rule::between_one_and: return number >= 1 && number < rule.limit;
    }
    return false;
}

bool is_one_of(std::string_view value, std::initializer_list<std::string_view> list) {
    for (const std::string_view one : list)
        if (one == value) return true;
    return false;
}

/// A role may have been told "false", "0" or "no" for what pg_settings calls off.
std::string normalised(const std::string& value) {
    if (is_one_of(value, {"off", "false", "no", "0"})) return "off";
    if (is_one_of(value, {"on", "true", "yes", "1"})) return "on";
    return value;
}

} // namespace

void examination::judge_setting(
    const std::string& name, const std::string& value, const role_setting_row* scope, bool needs_restart) {
    for (const setting_rule& rule : rules) {
        if (rule.name != name) continue;
        const bool is_switch = rule.value == "on" || rule.value == "off";
        if (!hurts(rule, is_switch ? normalised(value) : value)) continue;
        std::string where;
        std::string command;
        if (scope != nullptr) {
            const bool is_both = !scope->role.empty() && !scope->database.empty();
            if (scope->role.empty()) {
                where = message(" for the database ", detail::quoted_for_message(scope->database));
                command = message("alter database ", quoted_identifier(scope->database), " reset ", name, ";");
            } else {
                where = message(" for the role ", detail::quoted_for_message(scope->role));
                if (is_both) where += " in this database";
                command = message("alter role ", quoted_identifier(scope->role),
                    is_both ? message(" in database ", quoted_identifier(scope->database)) : std::string(), " reset ",
                    name, ";");
            }
        } else if (!rule.wanted.empty()) {
            command = message("alter system set ", name, " = ", rule.wanted, "; select pg_reload_conf();");
        }
        std::string advice = "change it";
        if (scope == nullptr)
            advice = rule.wanted.empty() ? "turn them on"
                : needs_restart          ? "change it as a superuser, and restart the server"
                                         : "change it as a superuser";
        add(rule.severity, name, scope == nullptr ? name : message(name, where),
            message(name, " is ", value.empty() ? "empty" : value, where, ": ", rule.effect), std::move(advice),
            std::move(command));
    }
    if (name == "synchronous_commit" && !server_.standby_names.empty() && (value == "local" || value == "remote_write"))
        add(severity::warning, name, name,
            message("synchronous_commit is ", value,
                ", though synchronous_standby_names names standbys: a commit is confirmed "
                "before it is durable on them, and a fail-over may lose it"),
            "set it to on", "alter system set synchronous_commit = on; select pg_reload_conf();");
}

void examination::take(const setting_row& row) {
    // What is set for a database or a role comes with the other statement; what the url sets is the session's own.
    if (is_one_of(row.source, {"user", "database", "database user", "client", "session"})) return;
    judge_setting(row.name, row.value, nullptr, row.context == "postmaster");
}

void examination::take(const role_setting_row& row) { judge_setting(row.name, row.value, &row, false); }

} // namespace eventstore::maintenance
