/// A PostgreSQL that has a standby.
#pragma once

#include "support/store_fixture.hpp"

#include <eventstore/embedded_postgres.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace eventstore::test {

/// A server, and a standby that follows it.
class replicated_server {
public:
    replicated_server() {
        BOOST_TEST_REQUIRE(mkdtemp(name_.data()) != nullptr);
        std::filesystem::permissions(name_, std::filesystem::perms::others_exec | std::filesystem::perms::group_exec,
            std::filesystem::perm_options::add);
        primary = embedded_postgres::start_now(in("one"));
        run(append("before", 2));
        primary = embedded_postgres();
        BOOST_TEST_REQUIRE(std::system(("cp -a " + name_ + "/one " + name_ + "/two").c_str()) == 0);
        const std::filesystem::path signal = std::filesystem::path(name_) / "two" / "standby.signal";
        std::ofstream(signal).close();
        const std::string as_its_folder = "chown --reference=" + signal.parent_path().string() + " " + signal.string();
        BOOST_TEST_REQUIRE(std::system(as_its_folder.c_str()) == 0);
        primary = embedded_postgres::start_now(in("one"));
        const session there(primary.url());
        standby = embedded_postgres::start_now(
            in("two")
                .setting("primary_conninfo", "host=" + there.host() + " port=" + there.port() + " user=postgres")
                .setting("wal_retrieve_retry_interval", "100ms"));
    }
    ~replicated_server() {
        standby = embedded_postgres();
        primary = embedded_postgres();
        std::error_code ignored;
        std::filesystem::remove_all(name_, ignored);
    }
    replicated_server(const replicated_server&) = delete;
    replicated_server& operator=(const replicated_server&) = delete;

    asio::awaitable<void> append(std::string name, std::size_t count) {
        const store to = co_await open(store_options(primary.url()).create());
        co_await to.append("a", any_version, counted(count, name));
        co_await to.close();
    }
    void promote() { session(standby.url()).run("select pg_promote()"); }
    std::string on_standby(const std::string& statement) { return session(standby.url()).value(statement); }

    embedded_postgres primary, standby;

private:
    embedded_postgres_options in(const std::string& folder) const {
        embedded_postgres_options how;
        how.data_folder(std::filesystem::path(name_) / folder);
        return how;
    }

    std::string name_ = "/tmp/eventstore-standby-XXXXXX";
};

} // namespace eventstore::test
