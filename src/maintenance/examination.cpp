#include "maintenance/examination.hpp"

#include "base/text.hpp"
#include "maintenance/advice.hpp"
#include "maintenance/number_text.hpp"
#include "storage/statements.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::maintenance {

using detail::message;
using detail::quoted_for_message;
using storage::quoted_identifier;

namespace {

/// What was the newest minor version of each major one when this library was released, and until when it is maintained.
struct server_release {
    std::int64_t major;
    std::int64_t minor;
    std::int64_t maintained_until; // seconds since 1970
    const char* date;
};
constexpr server_release releases[] = {
    {14, 23, 1794441600, "November 12, 2026"},
    {15, 18, 1825891200, "November 11, 2027"},
    {16, 14, 1857340800, "November 9, 2028"},
    {17, 10, 1888704000, "November 8, 2029"},
    {18, 4, 1920844800, "November 14, 2030"},
};

/// Of the pids that a session can be ended by.
std::string terminate(std::int64_t pid) { return message("select pg_terminate_backend(", text(pid), ");"); }

} // namespace

examination::examination(std::string schema, doctor_options how)
    : schema_(std::move(schema)), quoted_(quoted_identifier(schema_)), how_(how) {}

void examination::add(severity how_bad, std::string check, std::string subject, std::string message, std::string advice,
    std::string command) {
    finding one;
    one.severity = how_bad;
    one.check = std::move(check);
    one.subject = std::move(subject);
    one.message = std::move(message);
    one.advice = std::move(advice);
    one.command = std::move(command);
    findings_.push_back(std::move(one));
}

void examination::take(const server_row& server) {
    server_ = server;
    const std::int64_t major = server.version / 10000;
    const std::int64_t minor = server.version % 10000;
    if (major < 14)
        add(severity::problem, "server_version", server.version_text,
            message("the server is PostgreSQL ", server.version_text, "; a store needs 14 or later"),
            "upgrade the server");
    for (const server_release& release : releases) {
        if (release.major != major) continue;
        if (minor < release.minor)
            add(severity::warning, "server_version", server.version_text,
                message("the server is PostgreSQL ", server.version_text, "; ", text(major), ".", text(release.minor),
                    " and later correct errors of it, some of which lose data"),
                "install the newest minor version, and restart the server; the data stays as it is",
                message("apt-get install --only-upgrade postgresql-", text(major)));
        if (server.now > release.maintained_until)
            add(severity::warning, "server_version", server.version_text,
                message("PostgreSQL ", text(major), " has not been maintained since ", release.date),
                "upgrade to a newer major version (pg_upgrade, or a dump)");
    }
    if (server.encoding != "UTF8")
        add(severity::problem, "encoding", server.database,
            message("the encoding of the database is ", server.encoding, ": open refuses it"),
            "move the store into a database in UTF8",
            message("create database ", quoted_identifier(server.database + "_utf8"),
                " encoding 'UTF8' template template0;"));
    if (server.is_standby)
        add(severity::note, "standby", server.database,
            "the server is a standby: it can be read, and what was found holds for it, not for its primary",
            "examine the primary, too");

    const std::int64_t usable = server.max_connections - server.reserved_connections;
    if (server.backends * 10 >= usable * 8)
        add(server.backends * 20 >= usable * 19 ? severity::problem : severity::warning, "connections",
            "max_connections", message(text(server.backends), " of ", text(usable), " connections are in use"),
            "use fewer (a store_group, a smaller pool_size, a pooler), or allow more; needs a restart",
            message("alter system set max_connections = ", text(server.max_connections * 2), ";"));
    if (server.role_limit >= 0 && server.role_backends * 10 >= server.role_limit * 8)
        add(severity::warning, "connections", server.role,
            message("the role ", quoted_for_message(server.role), " has ", text(server.role_backends), " of ",
                text(server.role_limit), " connections that it may have"),
            "allow more",
            message("alter role ", quoted_identifier(server.role), " connection limit ",
                text(std::max<std::int64_t>(server.role_limit * 2, 10)), ";"));
    if (server.database_limit >= 0 && server.database_backends * 10 >= server.database_limit * 8)
        add(severity::warning, "connections", server.database,
            message("the database ", quoted_for_message(server.database), " has ", text(server.database_backends),
                " of ", text(server.database_limit), " connections that it may have"),
            "allow more",
            message("alter database ", quoted_identifier(server.database), " connection limit ",
                text(std::max<std::int64_t>(server.database_limit * 2, 10)), ";"));

    // The server stops at about 2.1 thousand million.
    constexpr std::int64_t much = 1'000'000'000;
    constexpr std::int64_t nearly_all = 1'600'000'000;
    for (const auto& [age, kind] :
        {std::pair(server.xid_age, "transaction ids"), std::pair(server.multixact_age, "multixact ids")}) {
        if (age < much) continue;
        add(age < nearly_all ? severity::warning : severity::problem, "wraparound", server.database,
            message("the oldest of the ", kind, " of the database is ", text(age),
                " behind: at 2,100,000,000 the server takes no more writes"),
            "find out what holds vacuum back (see the other findings), then freeze the database",
            message("vacuumdb --freeze --dbname=", quoted_for_shell(server.database)));
    }
}

void examination::take_checkpoints(std::int64_t timed, std::int64_t requested) {
    if (requested < 20 || requested <= timed) return;
    add(severity::warning, "max_wal_size", "max_wal_size",
        message(text(requested), " of ", text(timed + requested),
            " checkpoints came because WAL had piled up, and not by time: each makes the next appends write whole "
            "pages"),
        "let more WAL pile up between checkpoints", "alter system set max_wal_size = '8GB'; select pg_reload_conf();");
}

void examination::take(const sequence_row& row) {
    if (row.sequence.empty() || row.last >= row.largest) return;
    // An append finds a free id by itself; a new subscription does not.
    const bool is_streams = row.table == "streams";
    add(is_streams ? severity::note : severity::problem, "sequence", row.sequence,
        message("the sequence of the ids of ", row.table, " is at ", text(row.last), ", but the largest id is ",
            text(row.largest), ": rows were copied without it",
            is_streams ? "; the next new stream sets it right" : "; new subscriptions fail"),
        "set it behind the largest id",
        message("select setval(", literal(row.sequence), ", ", text(row.largest), ");"));
}

void examination::take(const lagging_row& row) {
    const std::string name =
        message("the subscription ", quoted_for_message(row.name), " to ", quoted_for_message(row.stream));
    const std::string both = message(quoted_for_shell(row.stream), " ", quoted_for_shell(row.name));
    const std::int64_t idle = row.is_owned ? 0 : std::max(row.unrenewed, row.lag);
    if (idle > how_.abandoned().count()) {
        add(severity::warning, "abandoned_subscription", row.name,
            message("nobody has had ", name, " for ", duration_text(idle), "; ", text(row.lag_events),
                " events wait for it"),
            "start the program that it belongs to, or delete it",
            program_command(message("subscriptions delete ", both), schema_));
    } else if (row.lag > how_.lag().count()) {
        add(severity::warning, "lag", row.name,
            message(name, " is ", text(row.lag_events), " events behind, the oldest of which has waited for ",
                duration_text(row.lag), row.is_owned ? message("; its owner is ", row.owner) : "; it has no owner"),
            row.is_owned ? "see whether its owner works, and how fast" : "start the program that it belongs to",
            program_command("subscriptions --watch", schema_));
    }
    if (row.parked > 0)
        add(severity::warning, "parked_events", row.name,
            message(name, " has parked ", text(row.parked), row.parked == 1 ? " event" : " events",
                ", which it has refused too often"),
            "see why, then replay or discard them", program_command(message("subscriptions parked ", both), schema_));
}

void examination::take_tombstones(std::int64_t count) {
    if (count == 0) return;
    add(severity::warning, "unfinished_delete", "streams",
        message(text(count), count == 1 ? " stream is" : " streams are",
            " hard-deleted, but not all of the events are removed: the program that did it has ended before"),
        "remove the rest; repeat this until it returns 0 for each",
        message("select s.stream_id, ", quoted_, ".purge_stream(s.stream_id, 1000) from ", quoted_,
            ".streams as s where s.deletion is not null and starts_with(s.name, '$deleted ');"));
}

void examination::take(const session_row& row) {
    if (row.is_hidden) ++hidden_sessions_;
    const std::string who = message("session ", text(row.pid), " of the role ", quoted_for_message(row.role),
        row.application.empty() ? std::string() : message(" (", quoted_for_message(row.application), ")"));
    const std::string doing =
        row.query.empty() || row.is_hidden ? std::string() : message("; its statement: ", row.query);
    const std::string since =
        row.age < 0 ? "for a time that this role may not see" : message("for ", duration_text(row.age));
    constexpr std::int64_t longest_append = 10;
    constexpr std::int64_t many_transactions = 1'000'000;
    if (row.holds_log && (row.age < 0 || row.age > longest_append)) {
        add(row.age < 0 ? severity::warning : severity::problem, "log_lock", text(row.pid),
            message(who, " holds the lock of the log ", since, ", in state ", row.state.empty() ? "unknown" : row.state,
                ": appends wait for it", doing),
            "end its transaction, or the session", terminate(row.pid));
    } else if (!row.is_here) {
        return; // its snapshot is no concern of this database
    } else if (row.age > how_.long_transaction().count()) {
        const bool is_idle = row.state.starts_with("idle in transaction");
        add(severity::warning, is_idle ? "idle_in_transaction" : "long_transaction", text(row.pid),
            message(who, " has had a transaction open ", since, is_idle ? ", and does nothing" : "",
                ": vacuum cannot remove what has changed since, and busy streams and subscriptions become slow", doing),
            "end its transaction, or the session", terminate(row.pid));
    } else if (row.xmin_age > many_transactions) {
        add(severity::warning, "old_snapshot", text(row.pid),
            message(who, " has a snapshot that is ", text(row.xmin_age),
                " transactions old: vacuum cannot remove what has "
                "changed since",
                doing),
            "end its transaction, or the session", terminate(row.pid));
    }
}

void examination::take(const prepared_row& row) {
    const std::string who =
        message("the prepared transaction ", quoted_for_message(row.id), " of the role ", quoted_for_message(row.role));
    const std::string roll_back = message("rollback prepared ", literal(row.id), ";");
    if (row.holds_log)
        add(severity::problem, "log_lock", row.id,
            message(who, " holds the lock of the log for ", duration_text(row.age), ": appends wait for it"),
            "commit it, or roll it back", roll_back);
    else if (row.is_here && row.age > how_.long_transaction().count())
        add(severity::warning, "prepared_transaction", row.id,
            message(who, " has waited for its commit for ", duration_text(row.age),
                ": vacuum cannot remove what has changed since"),
            "commit it, or roll it back", roll_back);
}

void examination::take(const slot_row& row) {
    constexpr std::int64_t many_transactions = 10'000'000;
    constexpr std::int64_t much_wal = 1024 * megabyte;
    const std::string name = message("the replication slot ", quoted_for_message(row.name));
    const std::string drop = message("select pg_drop_replication_slot(", literal(row.name), ");");
    if (row.wal_status == "lost") {
        add(severity::warning, "replication_slot", row.name,
            message(name, " is lost: the WAL that it needs is removed"), "make its standby or subscriber anew", drop);
    } else if (!row.is_active && (row.kept_bytes > much_wal || row.xmin_age >= 0)) {
        add(severity::warning, "replication_slot", row.name,
            message(name, " is used by nobody, and keeps ", megabytes(row.kept_bytes), " of WAL",
                row.xmin_age >= 0
                    ? message(" and all that has changed within the last ", text(row.xmin_age), " transactions")
                    : std::string()),
            "start its standby or subscriber, or drop the slot", drop);
    } else if (row.xmin_age > many_transactions) {
        add(severity::warning, "replication_slot", row.name,
            message(name, " keeps vacuum from removing what has changed within the last ", text(row.xmin_age),
                " transactions"),
            "see why its standby lags (hot_standby_feedback), or drop the slot", drop);
    }
}

void examination::take(const replication_row& row) {
    if (server_.is_standby || server_.standby_names.empty()) return; // no commit waits on a standby, whatever it copied
    const std::string give_up = "alter system set synchronous_standby_names = ''; select pg_reload_conf();";
    if (row.standbys == 0 || (row.waited_for == 0 && row.hidden == 0)) {
        add(severity::problem, "synchronous_standby", "synchronous_standby_names",
            message("synchronous_standby_names is ", quoted_for_message(server_.standby_names),
                ", but no such standby is connected: no commit ends; ", text(row.waiting), " sessions wait"),
            "start the standby; or go on without it, and without its safety", give_up);
    } else if (row.hidden > 0 && row.waited_for == 0) {
        add_unseen(message("whether one of the standbys is synchronous: grant pg_read_all_stats to ",
            quoted_identifier(server_.role), ";"));
    }
}

doctor_report examination::finish() {
    if (hidden_sessions_ > 0 && !server_.sees_all)
        add_unseen(message("what ", text(hidden_sessions_), hidden_sessions_ == 1 ? " session" : " sessions",
            " of other roles do, and since when: grant pg_read_all_stats to ", quoted_identifier(server_.role), ";"));
    doctor_report report;
    std::stable_sort(
        findings_.begin(), findings_.end(), [](const finding& a, const finding& b) { return a.severity > b.severity; });
    report.findings = std::move(findings_);
    report.unseen = std::move(unseen_);
    return report;
}

} // namespace eventstore::maintenance
