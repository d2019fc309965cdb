/// What the rows of an examination mean. No I/O.
#pragma once

#include <eventstore/doctor.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace eventstore::maintenance {

// The rows of the statements doctor_*.sql; -1 where a time or an age is not known, or not to be seen.

struct server_row {
    std::int64_t version = 0; ///< 150004
    std::string version_text;
    bool is_standby = false;
    std::int64_t now = 0; ///< seconds since 1970
    std::string role;
    std::string database;
    bool sees_all = false; ///< has pg_read_all_stats
    std::int64_t max_connections = 0;
    std::int64_t reserved_connections = 0;
    std::int64_t backends = 0;
    std::int64_t database_limit = -1; ///< -1 = none
    std::int64_t database_backends = 0;
    std::int64_t role_limit = -1;
    std::int64_t role_backends = 0;
    std::int64_t xid_age = 0;
    std::int64_t multixact_age = 0;
    std::string encoding;
    std::string standby_names;
};

struct setting_row {
    std::string name;
    std::string value;
    std::string source;
    std::string context;
};

/// For a database or a role, or both; empty = for all.
struct role_setting_row {
    std::string database;
    std::string role;
    std::string name;
    std::string value;
};

struct index_row {
    std::string table;
    std::string name;
    std::string columns;
    bool is_unique = false;
    std::string predicate;
    bool is_valid = true;
    std::int64_t bytes = 0;
    std::int64_t tuples = -1; ///< -1 = not known
    std::int64_t width = 0;
};

struct table_row {
    std::string table;
    std::int64_t bytes = 0;
    std::int64_t tuples = -1;
    std::int64_t width = 0;
    std::int64_t fill = 100;
    bool is_vacuumed = true;
    std::int64_t live = 0;
    std::int64_t dead = 0;
    std::int64_t vacuumed = -1; ///< seconds ago
    std::int64_t xid_age = 0;
};

struct sequence_row {
    std::string sequence;
    std::string table;
    std::int64_t last = 0;
    std::int64_t largest = 0;
};

struct lagging_row {
    std::string stream;
    std::string name;
    bool is_owned = false;
    std::string owner;
    std::int64_t unrenewed = -1;
    std::int64_t lag = 0;
    std::int64_t lag_events = 0;
    std::int64_t parked = 0;
};

struct session_row {
    std::int64_t pid = 0;
    std::string role;
    std::string application;
    std::string state;
    std::int64_t age = -1;
    std::int64_t xmin_age = -1; ///< in transactions
    bool is_here = true;        ///< in this database
    bool holds_log = false;
    bool is_hidden = false;
    std::string waits_for;
    std::string query;
};

struct prepared_row {
    std::string id;
    std::string role;
    std::int64_t age = 0;
    bool is_here = true;
    std::int64_t xid_age = 0;
    bool holds_log = false;
};

struct slot_row {
    std::string name;
    bool is_active = false;
    std::int64_t xmin_age = -1;
    std::int64_t catalog_xmin_age = -1;
    std::int64_t kept_bytes = 0;
    std::string wal_status;
};

struct replication_row {
    std::int64_t standbys = 0;
    std::int64_t waited_for = 0;
    std::int64_t hidden = 0;
    std::int64_t waiting = 0; ///< sessions that wait for a standby
};

/// Collects findings.
class examination {
public:
    examination(std::string schema, doctor_options how);

    void take(const server_row& server);
    void take(const setting_row& setting);
    void take(const role_setting_row& setting);
    void take_checkpoints(std::int64_t timed, std::int64_t requested);
    /// All indexes of the schema. \pre it has the version of this library
    void take(const std::vector<index_row>& indexes);
    void take(const table_row& table);
    void take(const sequence_row& sequence);
    void take(const lagging_row& subscription);
    void take_tombstones(std::int64_t count);
    void take(const session_row& session);
    void take(const prepared_row& prepared);
    void take(const slot_row& slot);
    void take(const replication_row& replication);

    void add(severity how_bad, std::string check, std::string subject, std::string message, std::string advice,
        std::string command = std::string());
    void add_unseen(std::string what) { unseen_.push_back(std::move(what)); }

    doctor_report finish();

private:
    void judge_setting(
        const std::string& name, const std::string& value, const role_setting_row* scope, bool needs_restart);
    std::string database_and(const std::string& text) const;

    const std::string schema_;
    const std::string quoted_;
    const doctor_options how_;
    server_row server_;
    std::int64_t hidden_sessions_ = 0;
    std::vector<finding> findings_;
    std::vector<std::string> unseen_;
};

} // namespace eventstore::maintenance
