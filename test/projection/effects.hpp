// A read model that tells whether each event had its effect once.
#pragma once

#include "support/concurrently.hpp"
#include "support/receive.hpp"
#include "support/store_fixture.hpp"

#include <eventstore/projection.hpp>

#include <boost/asio/cancellation_signal.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace eventstore::test {

class effects : public store_fixture {
public:
    /// Opens the store beside an empty table of effects.
    void with_effects(
        store_options how, const store_work& body, std::source_location where = std::source_location::current()) {
        auto work = [&](store opened) -> asio::awaitable<void> {
            ask("create table eventstore.effects (version integer, position bigint, is_live boolean, data text, "
                "transaction bigint default txid_current())");
            co_await body(std::move(opened));
        };
        with_store(std::move(how), work, where);
    }
    void with_effects(const store_work& body, std::source_location where = std::source_location::current()) {
        with_effects(options(), body, where);
    }

    /// Writes a row for each event. It refuses events with the data "bad".
    const projection_handler& writer() {
        const std::string sql = here("insert into eventstore.effects values ($1, $2, $3, $4)");
        writer_ = [sql](transaction& tx, const projection_batch& batch) { return write(sql, tx, batch); };
        return writer_;
    }
    static asio::awaitable<void> write(std::string sql, transaction& tx, const projection_batch& batch) {
        for (const recorded_event& event : batch) {
            if (event.data() == "bad") throw std::runtime_error("it is bad");
            co_await tx.execute(sql, batch.version(), event.position(), batch.is_live(), event.data());
        }
    }

    /// "1 2 3": the data of one version's effects, by position.
    std::string written(int version = 1) {
        return value("select coalesce(string_agg(data, ' ' order by position), '') from eventstore.effects where "
                     "version = " +
            std::to_string(version));
    }
    std::int64_t repeated() {
        return number("select count(*) from (select from eventstore.effects group by version, position having count(*) "
                      "> 1) as twice");
    }
    std::int64_t rows_of(int version = 1) {
        return number("select count(*) from eventstore.effects where version = " + std::to_string(version));
    }
    std::string checkpoint(const std::string& subscription = "effects@1") {
        return value(
            "select coalesce((select position from eventstore.subscriptions where name = '" + subscription + "'), 0)");
    }

private:
    projection_handler writer_;
};

/// What tests wait for little: retries come soon.
inline projection_options quick() {
    projection_options options;
    options.retry_after(std::chrono::milliseconds(1)).lease(std::chrono::seconds(5));
    return options;
}

} // namespace eventstore::test
