// Many stores over one set of connections, each in a schema that goes with the test.
#pragma once

#include "support/session.hpp"
#include "support/store_fixture.hpp"

#include <eventstore/store_group.hpp>

#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace eventstore::test {

/// A group whose tenants have schemas of their own, which go with the test.
class group_fixture : public store_fixture {
public:
    group_fixture() = default;
    ~group_fixture() {
        for (const std::string& each : names_) drop_schema(each);
    }

    /// The schema of a tenant.
    std::string tenant(int number) {
        const std::string name = schema() + "_" + std::to_string(number);
        names_.insert(name);
        return name;
    }
    std::string in(int number, const std::string& statements) {
        std::string out = statements;
        const std::string mine = quoted_name(tenant(number)) + ".";
        for (std::size_t at = 0; (at = out.find("tenant.", at)) != out.npos; at += mine.size())
            out.replace(at, 7, mine);
        return value(out);
    }
    /// Drops the schema of a tenant whose store is open. What that has under way can make it a deadlock, and is over then.
    void drop(int number) {
        session dropping;
        std::string state;
        do state = dropping.state_of("drop schema " + quoted_name(tenant(number)) + " cascade");
        while (state == "40P01"); // deadlock_detected
        BOOST_REQUIRE_EQUAL(state, "");
    }
    asio::awaitable<std::vector<store>> open_tenants(store_group group, int count) {
        std::vector<store> all;
        for (int i = 0; i < count; ++i) {
            store next = co_await group.open(tenant(i));
            all.push_back(std::move(next));
        }
        co_return all;
    }
    std::size_t connections() { return backends().size(); }

private:
    std::set<std::string> names_;
};

/// A subscription that takes every event at once and writes down at once how far it is.
inline subscription_options quick() {
    return subscription_options().checkpoint_after(std::chrono::milliseconds(1)).group_by(grouping::none);
}

} // namespace eventstore::test
