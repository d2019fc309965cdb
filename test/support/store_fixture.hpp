// A store in a schema of its own, and what a test asks about it behind its back.
#pragma once

#include "support/coroutines.hpp"
#include "support/server.hpp"
#include "support/session.hpp"

#include <eventstore/store.hpp>

#include <boost/uuid/uuid_io.hpp>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

namespace eventstore::test {

/// A session that holds locks until it is told to let go.
class blocker {
public:
    explicit blocker(const std::string& locks) { holder_.run("begin;" + locks); }

    void release() { holder_.run("rollback"); }
    void commit() { holder_.run("commit"); }
    int pid() const { return holder_.pid(); }
    /// The backends that wait for it.
    std::vector<int> blocked() { return pids("select pid from pg_locks where not granted and " + mine()); }
    bool blocks(std::size_t backends = 1) { return blocked().size() >= backends; }

private:
    std::string mine() const { return std::to_string(holder_.pid()) + " = any (pg_blocking_pids(pid))"; }
    std::vector<int> pids(const std::string& statement) {
        std::vector<int> out;
        for (const auto& row : observer_.run(statement)) out.push_back(std::stoi(row[0]));
        return out;
    }

    session holder_;
    session observer_;
};

inline constexpr std::size_t megabyte = std::size_t{1} << 20;

/// What a test does with its store.
using store_work = std::function<asio::awaitable<void>(store)>;

/// When the test case ends in order, teardown() checks what must be true after every test: the log has no holes, no
/// connection is left on the server, and no object of the library is left in memory.
class store_fixture {
public:
    store_fixture();
    void teardown();

    const std::string& schema() const noexcept { return schema_.name(); }
    /// Connections made with it can be told from those of others: see backends().
    const std::string& url() const noexcept { return url_; }
    store_options options() const { return options(url_); }
    /// By another way to the same database, or to another one.
    store_options options(const std::string& url) const;

    /// Opens the store, and runs `body(store)` and whatever it leaves behind to the end.
    void with_store(const store_work& body, std::source_location where = std::source_location::current());
    void with_store(
        store_options how, const store_work& body, std::source_location where = std::source_location::current());

    /// Plain SQL in which `eventstore.` stands for the schema of the test.
    std::string here(const std::string& statements) const;
    rows ask(const std::string& statements) { return observer_.run(here(statements)); }
    std::string value(const std::string& statements) { return observer_.value(here(statements)); }
    std::int64_t number(const std::string& statements) { return std::stoll(value(statements)); }
    std::int64_t events_stored() { return number("select count(*) from eventstore.events"); }
    std::int64_t events_stored(const uuid& id) {
        return number("select count(*) from eventstore.events where event_id = '" + eventstore::to_string(id) + "'");
    }
    /// The data of a stream's events, in order; empty if there is no such stream.
    std::vector<std::string> stored_in(const std::string& stream);
    void delete_stream_softly(const std::string& stream);
    /// The test deletes streams for good: the log has holes from then on.
    void expect_holes() noexcept { has_holes_ = true; }
    /// Removes events for good; the log has holes from then on.
    void delete_events(const std::string& condition);

    /// Everything that appends waits for it.
    blocker hold_log() const;
    /// Everything that reads waits for it, and what appends, too.
    blocker hold_tables() const;

    /// The server's processes that serve connections made with url().
    std::vector<int> backends();
    void terminate(int pid) { observer_.run("select pg_terminate_backend(" + std::to_string(pid) + ", 10000)"); }
    void terminate_backends() {
        for (const int pid : backends()) terminate(pid);
    }

private:
    fresh_schema schema_;
    std::string url_;
    session observer_;
    long objects_before_;
    bool has_holes_ = false;
};

/// `count` events of type "Counted" with the data "<name>1", "<name>2" and so on.
std::vector<event_data> counted(std::size_t count, const std::string& name = "");
inline event_data counted_one(const std::string& data) { return event_data("Counted", data); }

template <class Events>
std::vector<std::string> data_of(const Events& events) {
    std::vector<std::string> out;
    for (const auto& each : events) out.emplace_back(each.data());
    return out;
}
inline std::vector<std::int64_t> versions_of(const event_page& page) {
    std::vector<std::int64_t> out;
    for (const recorded_event& each : page) out.push_back(each.version());
    return out;
}
inline std::vector<std::int64_t> positions_of(const event_page& page) {
    std::vector<std::int64_t> out;
    for (const recorded_event& each : page) out.push_back(each.position());
    return out;
}
inline std::vector<uuid> ids_of(const event_page& page) {
    std::vector<uuid> out;
    for (const recorded_event& each : page) out.push_back(each.id());
    return out;
}
using numbers = std::vector<std::int64_t>;
using texts = std::vector<std::string>;

/// The names of streams, as they come.
inline texts names_of(const std::vector<stream_info>& infos) {
    texts out;
    for (const stream_info& each : infos) out.push_back(each.name);
    return out;
}

/// From `first` to `last`, downwards if last is smaller.
numbers from_to(std::int64_t first, std::int64_t last);

} // namespace eventstore::test

/// Two lists, element by element, with a message that says where they differ.
#define TEST_SAME(left, right) BOOST_TEST((left) == (right), boost::test_tools::per_element())
