// Tables and indexes: what is missing, and what is larger than it should be.
#include "base/text.hpp"
#include "maintenance/examination.hpp"
#include "maintenance/number_text.hpp"
#include "storage/statements.hpp"

#include <algorithm>
#include <string_view>

namespace eventstore::maintenance {

using detail::message;
using storage::quoted_identifier;

namespace {

struct known_index {
    std::string_view table;
    std::string_view name;
    std::string_view columns;
    bool is_unique;
    std::string_view predicate; // as the server writes it
    severity missing;
};

constexpr known_index known_indexes[] = {
    {"events", "events_pkey", "position", true, "", severity::problem},
    {"events", "events_stream_version_key", "stream_id,stream_version", true, "", severity::problem},
    {"events", "events_event_id_key", "event_id", true, "", severity::problem},
    {"events", "events_link_key", "link_to,stream_id", true, "(link_to IS NOT NULL)", severity::problem},
    {"streams", "streams_pkey", "stream_id", true, "", severity::problem},
    {"streams", "streams_name_key", "name", true, "", severity::problem},
    {"streams", "streams_deletion_key", "deletion", false, "(deletion IS NOT NULL)", severity::warning},
    {"streams", "deleted_streams_by_name", "name", false, "(deleted_at IS NOT NULL)", severity::warning},
    {"streams", "deleted_streams_by_age", "stream_id", false, "(deleted_at IS NOT NULL)", severity::warning},
    {"subscriptions", "subscriptions_pkey", "subscription_id", true, "", severity::problem},
    {"subscriptions", "subscriptions_stream_name_key", "stream,name", true, "", severity::problem},
    {"parked_events", "parked_events_pkey", "subscription_id,position", true, "", severity::problem},
    {"parked_events", "parked_events_to_replay", "subscription_id,position", false, "replay", severity::warning},
    {"parked_events", "parked_events_by_position", "position", false, "", severity::warning},
    {"projections", "projections_pkey", "name,version", true, "", severity::problem},
    {"retentions", "retentions_pkey", "is_prefix,name", true, "", severity::problem},
    {"snapshots", "snapshots_pkey", "source", true, "", severity::problem},
    {"forks", "forks_pkey", "timeline", true, "", severity::problem},
    {"log_state", "log_state_pkey", "only_row", true, "", severity::problem},
};

/// The bytes that a page has for rows, of 8,192.
constexpr double usable = 8100;

/// What the rows would take, the pages filled as they are after a while.
std::int64_t expected_bytes(std::int64_t rows, std::int64_t row_bytes, double fill) {
    return static_cast<std::int64_t>(double(rows) * double(row_bytes) / (usable * fill) * 8192) + 8192;
}

} // namespace

void examination::take(const std::vector<index_row>& indexes) {
    for (const known_index& known : known_indexes) {
        const auto fits = [&](const index_row& one) {
            return one.table == known.table && one.columns == known.columns && one.is_unique == known.is_unique &&
                one.predicate == known.predicate;
        };
        if (std::any_of(
                indexes.begin(), indexes.end(), [&](const index_row& one) { return fits(one) && one.is_valid; }))
            continue;
        const bool is_broken = std::any_of(indexes.begin(), indexes.end(), fits);
        std::string columns;
        for (const char c : known.columns) columns += c == ',' ? std::string(", ") : std::string(1, c);
        add(known.missing, "missing_index", std::string(known.name),
            message("the table ", known.table, is_broken ? " has only an invalid index by " : " has no index by ",
                columns,
                known.is_unique ? ": what must be unique may be there twice, and statements are slow"
                                : ": some statements are slow"),
            known.is_unique ? "make it anew; if that fails, `eventstore verify` tells what is there twice"
                            : "make it anew",
            message("create ", known.is_unique ? "unique " : "", "index concurrently ",
                is_broken ? message(known.name, "_new") : std::string(known.name), " on ", quoted_, ".", known.table,
                " (", columns, ")", known.predicate.empty() ? std::string() : message(" where ", known.predicate),
                ";"));
    }
    for (const index_row& one : indexes) {
        const std::string name = message(quoted_, ".", quoted_identifier(one.name));
        if (!one.is_valid) {
            add(severity::warning, "invalid_index", one.name,
                message("the index ", one.name, " of ", one.table,
                    " is not valid: making it was broken off; each append keeps it up, and nothing uses it"),
                "drop it, then make it anew", message("drop index concurrently ", name, ";"));
            continue;
        }
        if (one.tuples < 0) continue;      // never counted
        constexpr std::int64_t entry = 12; // the head of an index row, and the pointer to it
        const std::int64_t expected = expected_bytes(one.tuples, (one.width + 7) / 8 * 8 + entry, 0.7);
        if (one.bytes < expected * 2 || one.bytes - expected < 64 * megabyte) continue;
        add(severity::warning, "index_bloat", one.name,
            message("the index ", one.name, " of ", one.table, " has ", megabytes(one.bytes), "; its ",
                std::to_string(one.tuples), " rows should take about ", megabytes(expected)),
            "make it anew, while appends go on", message("reindex index concurrently ", name, ";"));
    }
}

void examination::take(const table_row& row) {
    const std::string name = message(quoted_, ".", quoted_identifier(row.table));
    if (!row.is_vacuumed)
        add(severity::problem, "autovacuum", row.table,
            message("autovacuum is off for the table ", row.table,
                ": it grows and becomes slow, and in the end the server "
                "takes no more writes"),
            "turn it on", message("alter table ", name, " reset (autovacuum_enabled);"));
    const std::string when =
        row.vacuumed < 0 ? std::string("never vacuumed") : message("vacuumed ", duration_text(row.vacuumed), " ago");
    constexpr std::int64_t many_rows = 10'000;
    if (row.dead > many_rows && row.dead > row.live)
        add(severity::warning, "dead_rows", row.table,
            message("the table ", row.table, " has ", std::to_string(row.dead), " dead rows and ",
                std::to_string(row.live), " live ones, and was ", when, ": appends and checkpoints become slow"),
            "find out what holds vacuum back (see the other findings), then vacuum it; for many writes let autovacuum "
            "come "
            "sooner",
            message("vacuum (verbose, analyze) ", name, ";"));
    constexpr std::int64_t row_head = 28;
    if (row.tuples >= 0 && row.table != "events" && row.table != "snapshots") { // whose payloads are elsewhere
        const std::int64_t expected = expected_bytes(
            row.tuples, row_head + (row.width + 7) / 8 * 8, double(std::max<std::int64_t>(row.fill, 10)) / 100);
        if (row.bytes > expected * 4 && row.bytes - expected > 16 * megabyte)
            add(severity::warning, "table_bloat", row.table,
                message("the table ", row.table, " has ", megabytes(row.bytes), "; its ", std::to_string(row.tuples),
                    " rows should take about ", megabytes(expected)),
                "write it anew: that takes an exclusive lock, so stop the writers, or use pg_repack",
                message("vacuum full ", name, ";"));
    }
    constexpr std::int64_t old = 1'000'000'000;
    if (row.xid_age > old && row.xid_age < 2'147'483'647)
        add(severity::warning, "wraparound", row.table,
            message("the table ", row.table, " has not been frozen for ", std::to_string(row.xid_age), " transactions"),
            "freeze it", message("vacuum (freeze, verbose) ", name, ";"));
}

} // namespace eventstore::maintenance
