// What subscribers in tests do.
#pragma once

#include "support/concurrently.hpp"
#include "support/stepping.hpp"
#include "support/store_fixture.hpp"

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>

namespace eventstore::test {

/// Takes and acknowledges batches until `count` events have come; then nothing more may come for a while.
inline asio::awaitable<texts> receive(subscription& from, std::size_t count) {
    using namespace std::chrono_literals;
    texts all;
    while (all.size() < count) {
        auto batch = co_await from.next(5s);
        if (!batch || batch->empty()) break;
        for (const recorded_event& each : *batch) all.emplace_back(each.data());
        batch->ack();
    }
    const auto more = co_await from.next(50ms);
    if (more)
        for (const recorded_event& each : *more) all.push_back("and too much: " + std::string(each.data()));
    co_return all;
}

/// The data of counted(last), without those before `first`.
inline texts data_of_counted(std::size_t first, std::size_t last) {
    texts all;
    for (std::size_t i = first; i <= last; ++i) all.push_back(std::to_string(i));
    return all;
}

/// A subscription that hands out each event by itself, ten at once.
inline subscription_options one_by_one() {
    subscription_options options;
    options.group_by(grouping::none).max_batch(1).max_in_flight(10);
    return options;
}

/// The io_context that a coroutine of a test runs on.
inline asio::io_context& context_of(const asio::any_io_executor& executor) {
    return static_cast<asio::io_context&>(asio::query(executor, asio::execution::context));
}

/// That a plain call throws an error with this code.
template <class Call>
void expect_code(errc code, const Call& call) {
    try {
        call();
    } catch (const error& thrown) {
        BOOST_TEST((thrown.why().code() == code), thrown.what());
        return;
    }
    BOOST_ERROR("expected the error '" << category().message(int(code)) << "'");
}

} // namespace eventstore::test
