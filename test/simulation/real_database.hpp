// What a run has asked of the model, asked of the real database, by the statements and encoders of the library.
#pragma once

#include "append/append_plan.hpp"
#include "postgres/pool.hpp"
#include "read/reader.hpp"
#include "simulation/database_call.hpp"
#include "storage/statements.hpp"
#include "subscription/group_renewals.hpp"

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace eventstore::test::simulation {

/// \param time_scale leases take so many times as long: the time that the test takes does not matter then
struct real_database {
    static constexpr int time_scale = 10'000;

    std::shared_ptr<postgres::pool> pool;
    std::shared_ptr<const storage::statements> statements;
    std::shared_ptr<read::reader> reader;
    std::int32_t timeline = 0;

    asio::awaitable<std::string> ask(const append_call& call) const;
    asio::awaitable<std::string> ask(const claim_call& call) const;
    asio::awaitable<std::string> ask(const settle_call& call) const;
    asio::awaitable<std::string> ask(const park_call& call) const;
    asio::awaitable<std::string> ask(const unpark_call& call) const;
    asio::awaitable<std::string> ask(const release_call& call) const;
    asio::awaitable<std::string> ask(const replays_call& call) const;
    asio::awaitable<std::string> ask(const page_call& call) const;
    asio::awaitable<std::string> ask(const look_call& call) const;
    asio::awaitable<std::string> ask(const administer_call& call) const;
    asio::awaitable<std::string> ask(const checkpoint_call& call) const;
    asio::awaitable<std::string> ask(const database_call& call) const {
        return std::visit([this](const auto& one) { return ask(one); }, call);
    }

private:
    asio::awaitable<result<postgres::answer>> execute(
        const postgres::statement& statement, postgres::parameters arguments) const;
    delivery::lease_write of_here(delivery::lease_write row) const {
        row.progress.timeline = timeline;
        return row;
    }
};

} // namespace eventstore::test::simulation
