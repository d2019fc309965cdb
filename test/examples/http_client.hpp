// A client of the live feed: requests, and what a browser's EventSource does.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::test {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using headers = std::map<std::string, std::string>;

struct reply {
    unsigned status = 0;
    headers fields;
    std::string body;

    boost::json::value json() const;
};

/// One request on a connection of its own, to this port of 127.0.0.1. Throws when there is no answer within 10 s.
asio::awaitable<reply> send_request(
    std::uint16_t port, http::verb method, std::string target, std::string body = "", headers fields = headers());

inline asio::awaitable<reply> get(std::uint16_t port, std::string target) {
    return send_request(port, http::verb::get, std::move(target));
}

/// Posts JSON.
asio::awaitable<reply> post(std::uint16_t port, std::string target, std::string body, headers fields = headers());

/// A connection that a test writes bytes to, and reads bytes from.
class raw_client {
public:
    explicit raw_client(asio::any_io_executor executor) : stream_(std::move(executor)) {}

    asio::awaitable<void> connect(std::uint16_t port);
    asio::awaitable<void> write(std::string text);
    /// What comes until the text has come, this included; until the end of the connection if it does not come.
    asio::awaitable<std::string> read_until(std::string text);
    /// Everything until the server ends the connection; throws if it has not within 10 s.
    asio::awaitable<std::string> read_to_end();
    boost::beast::tcp_stream& stream() noexcept { return stream_; }

private:
    boost::beast::tcp_stream stream_;
    std::string read_ahead_;
};

struct sent_event {
    std::int64_t id = 0;
    std::string data;
};

/// Follows a feed.
class event_source {
public:
    explicit event_source(asio::any_io_executor executor) : client_(std::move(executor)) {}

    /// Returns the status when the header has come. `last_id` 0 = none.
    asio::awaitable<unsigned> open(std::uint16_t port, std::string target = "/feed", std::int64_t last_id = 0);
    /// The next event, within 10 s; nothing if the server has ended the connection.
    asio::awaitable<std::optional<sent_event>> next();
    /// The ids of the next events.
    asio::awaitable<std::vector<std::int64_t>> next_ids(std::size_t count);
    int heartbeats() const noexcept { return heartbeats_; }

private:
    raw_client client_;
    int heartbeats_ = 0;
};

} // namespace eventstore::test
