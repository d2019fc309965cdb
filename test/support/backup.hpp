// A backup of a test's schema, and its restore under whoever uses the store.
#pragma once

#include "support/server.hpp"
#include "support/store_fixture.hpp"

#include <string>

namespace eventstore::test {

/// The rows of all tables of a store as they are now. As after pg_restore, what was written since is gone after restore(), and
/// its positions and ids are given out again.
class backup {
public:
    explicit backup(store_fixture& of) : of_(of) {
        of_.ask("create schema " + kept());
        for (const char* table : tables)
            of_.ask("create table " + kept() + "." + table + " as select * from eventstore." + table);
        next_stream_ = of_.value("select coalesce(max(stream_id), 0) + 1 from eventstore.streams");
        next_subscription_ = of_.value("select coalesce(max(subscription_id), 0) + 1 from eventstore.subscriptions");
    }

    void restore() const {
        std::string all = "begin;";
        for (const char* table : tables) {
            const std::string name = std::string("eventstore.") + table;
            all += "alter table " + name + " disable trigger user; delete from " + name + "; insert into " + name +
                " overriding system value select * from " + kept() + "." + table + "; alter table " + name +
                " enable trigger user;";
        }
        all += "alter table eventstore.streams alter column stream_id restart with " + next_stream_ + ";";
        all += "alter table eventstore.subscriptions alter column subscription_id restart with " + next_subscription_;
        of_.ask(all + "; commit");
    }

private:
    static constexpr const char* tables[] = {
        "log_state", "forks", "streams", "events", "subscriptions", "parked_events", "snapshots"};

    std::string kept() const { return quoted_name(kept_.name()); }
    store_fixture& of_;
    fresh_schema kept_;
    std::string next_stream_;
    std::string next_subscription_;
};

} // namespace eventstore::test
