// A live feed that runs beside the test, on its io_context.
#pragma once

#include "examples/http_client.hpp"
#include "live_feed/server.hpp"
#include "support/store_fixture.hpp"

#include <boost/asio/co_spawn.hpp>

#include <exception>

namespace eventstore::test {

class live_feed_fixture : public store_fixture {
public:
    /// Runs `body(server, store)` with a server, stops it, and sees that it ends and leaves nothing open.
    template <class Body>
    void with_feed(live_feed::limits bounds, const Body& body) {
        with_store([&](store opened) -> asio::awaitable<void> {
            const asio::any_io_executor executor = co_await asio::this_coro::executor;
            live_feed::server server(executor, opened, 0, bounds);
            bool has_ended = false;
            asio::co_spawn(executor, server.run(), [&](std::exception_ptr failed) {
                has_ended = true;
                BOOST_TEST(!failed);
            });
            std::exception_ptr failed;
            try {
                co_await body(server, opened);
            } catch (...) {
                failed = std::current_exception();
            }
            server.stop();
            co_await eventually([&] { return has_ended; });
            BOOST_TEST(server.connections() == 0u);
            if (failed) std::rethrow_exception(failed);
        });
    }
    template <class Body>
    void with_feed(const Body& body) {
        with_feed(live_feed::limits(), body);
    }
};

} // namespace eventstore::test
