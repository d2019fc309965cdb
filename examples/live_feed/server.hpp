// The HTTP server: connections, their limits and their end.
#pragma once

#include "feed.hpp"

#include <eventstore/store.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>

namespace live_feed {

using asio::ip::tcp;

/// What one client may cost.
struct limits {
    std::size_t header_bytes = 8 << 10;
    std::size_t body_bytes = 1 << 20;
    std::size_t connections = 1000;                 ///< one more is closed at once
    std::chrono::milliseconds request{30'000};      ///< from the first wait for a request to its last byte
    std::chrono::milliseconds last_requests{2'000}; ///< what is being answered at the end may take so long
    feed_times feed;
};

/// Not thread-safe: the executor is that of an io_context which one thread runs, or a strand.
class server {
public:
    /// Listens at once, on 127.0.0.1 only: who may append is not asked. Port 0 is any that is free.
    /// \throws boost::system::system_error if the port is taken
    server(asio::any_io_executor executor, es::store store, std::uint16_t port, limits bounds = limits());
    ~server();

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    std::size_t connections() const noexcept { return connections_.size(); }

    /// Serves until stop(). When it returns, every connection is closed.
    asio::awaitable<void> run();

    /// Feeds and idle connections end at once; requests that came in are answered.
    void stop();

private:
    struct connection;

    void begin(tcp::socket socket);
    asio::awaitable<void> serve(std::shared_ptr<connection> client);
    asio::awaitable<void> serve_requests(std::shared_ptr<connection> client);
    asio::awaitable<void> serve_feed(std::shared_ptr<connection> client, request asked);
    asio::awaitable<void> send(connection& client, const response& said);
    asio::awaitable<void> turn_away(connection& client, const request& asked, refusal why);

    const asio::any_io_executor executor_;
    const es::store store_;
    const limits limits_;
    tcp::acceptor acceptor_;
    asio::steady_timer all_closed_;
    std::set<std::shared_ptr<connection>> connections_;
    bool stopping_ = false;
};

} // namespace live_feed
