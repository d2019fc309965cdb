// A table of a caller's own, beside the events: what a transaction must change together with them, or not at all.
#pragma once

#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <eventstore/transaction.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace eventstore::test {

class accounts : public store_fixture {
public:
    /// Opens the store; the accounts 'ada' and 'bob' have 100 each.
    void with_accounts(
        store_options how, const store_work& body, std::source_location where = std::source_location::current()) {
        auto work = [&](store opened) -> asio::awaitable<void> {
            ask("create table eventstore.accounts (id text primary key, balance bigint not null check (balance >= 0))");
            ask("insert into eventstore.accounts values ('ada', 100), ('bob', 100)");
            co_await body(std::move(opened));
        };
        with_store(std::move(how), work, where);
    }
    void with_accounts(const store_work& body, std::source_location where = std::source_location::current()) {
        with_accounts(options(), body, where);
    }

    std::int64_t balance(const std::string& id) {
        return number("select balance from eventstore.accounts where id = " + quoted_text(id));
    }

    /// Takes from one account; `tx` lives as long as the awaitable.
    asio::awaitable<query_result> withdraw(transaction& tx, std::string id, std::int64_t amount) {
        auto work = tx.execute(
            here("update eventstore.accounts set balance = balance - $1 where id = $2 returning balance"), amount, id);
        co_return co_await std::move(work);
    }

    /// Everything or nothing: the events that were stored, and what ada has.
    void expect_stored(
        std::int64_t events, std::int64_t ada, std::source_location where = std::source_location::current()) {
        BOOST_TEST_CONTEXT("line " << where.line()) {
            BOOST_TEST(events_stored() == events);
            BOOST_TEST(balance("ada") == ada);
        }
    }
};

} // namespace eventstore::test
