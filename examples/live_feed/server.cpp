#include "server.hpp"

#include "requests.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <array>
#include <exception>
#include <iostream>
#include <optional>
#include <utility>

namespace live_feed {

namespace beast = boost::beast;
using boost::system::error_code;

struct server::connection {
    explicit connection(tcp::socket socket) : stream(std::move(socket)) {}

    /// Ends what it waits for; the coroutine that serves it ends then.
    void end() {
        cancellation.emit(asio::cancellation_type::terminal);
        stream.cancel();
    }

    beast::tcp_stream stream;
    beast::flat_buffer buffer;
    asio::cancellation_signal cancellation;
    bool is_answering = false;
};

namespace {

/// What a client is told whose request cannot be read; nothing if there is nobody to be told.
std::optional<refusal> why_unreadable(const error_code& failed) {
    if (failed == http::error::body_limit) return refusal(http::status::payload_too_large, "the body is too large");
    if (failed == http::error::header_limit)
        return refusal(http::status::request_header_fields_too_large, "the header is too large");
    if (failed.category() != make_error_code(http::error::bad_method).category()) return std::nullopt;
    if (failed == http::error::end_of_stream || failed == http::error::partial_message) return std::nullopt;
    return refusal(http::status::bad_request, "this is not HTTP: " + failed.message());
}

} // namespace

server::server(asio::any_io_executor executor, es::store store, std::uint16_t port, limits bounds)
    : executor_(executor),
      store_(std::move(store)),
      limits_(bounds),
      acceptor_(executor, tcp::endpoint(asio::ip::address_v4::loopback(), port)),
      all_closed_(executor) {}

server::~server() = default;

asio::awaitable<void> server::run() {
    while (!stopping_) {
        error_code failed;
        tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, failed));
        if (!failed) {
            begin(std::move(socket));
        } else if (!stopping_) { // too many open files, for instance: it passes
            asio::steady_timer pause(executor_, std::chrono::milliseconds(100));
            co_await pause.async_wait(asio::use_awaitable);
        }
    }

    error_code ignored;
    all_closed_.expires_after(limits_.last_requests);
    if (!connections_.empty()) co_await all_closed_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    const auto all = connections_;
    for (const auto& each : all) each->end();
    all_closed_.expires_at(asio::steady_timer::time_point::max());
    if (!connections_.empty()) co_await all_closed_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

void server::stop() {
    if (std::exchange(stopping_, true)) return;
    acceptor_.close();
    const auto all = connections_; // a connection that ends takes itself off the list
    for (const auto& each : all)
        if (!each->is_answering) each->end();
}

void server::begin(tcp::socket socket) {
    if (stopping_ || connections_.size() >= limits_.connections) return; // closes it
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const auto client = std::make_shared<connection>(std::move(socket));
    connections_.insert(client);
    auto ended = [this, client](std::exception_ptr) {
        client->stream.close();
        connections_.erase(client);
        if (connections_.empty()) all_closed_.cancel();
    };
    asio::co_spawn(executor_, serve(client), asio::bind_cancellation_slot(client->cancellation.slot(), ended));
}

asio::awaitable<void> server::serve(std::shared_ptr<connection> client) {
    try {
        co_await serve_requests(std::move(client));
    } catch (const boost::system::system_error&) {
        // The client went away or was too slow, or the server ends.
    } catch (const std::exception& e) {
        std::cerr << "live_feed: " << e.what() << '\n';
    }
}

asio::awaitable<void> server::serve_requests(std::shared_ptr<connection> client) {
    while (!stopping_) {
        http::request_parser<http::string_body> parser;
        parser.header_limit(std::uint32_t(limits_.header_bytes));
        parser.body_limit(limits_.body_bytes);
        client->stream.expires_after(limits_.request);
        error_code failed;
        co_await http::async_read(
            client->stream, client->buffer, parser, asio::redirect_error(asio::use_awaitable, failed));
        if (failed) {
            const std::optional<refusal> why = why_unreadable(failed);
            if (why) co_await turn_away(*client, parser.get(), *why);
            co_return;
        }

        client->is_answering = true;
        request asked = parser.release();
        if (is_feed(asked)) co_return co_await serve_feed(std::move(client), std::move(asked));
        const bool goes_on = asked.keep_alive();
        response said = co_await answer(store_, std::move(asked));
        if (!goes_on || stopping_) said.keep_alive(false);
        co_await send(*client, said);
        if (!said.keep_alive()) co_return;
        client->is_answering = false;
    }
}

asio::awaitable<void> server::serve_feed(std::shared_ptr<connection> client, request asked) {
    // The client has nothing more to say: what can be read is its end.
    client->stream.socket().async_wait(tcp::socket::wait_read, [client](error_code failed) {
        if (!failed) client->end();
    });
    client->is_answering = false; // it has no end of its own, and ends with the server
    std::optional<refusal> why;
    try {
        co_await send_feed(store_, client->stream, asked, limits_.feed);
    } catch (const refusal& e) {
        why = e;
    }
    if (why) co_await turn_away(*client, asked, *why);
}

asio::awaitable<void> server::send(connection& client, const response& said) {
    client.stream.expires_after(limits_.feed.write);
    co_await http::async_write(client.stream, said, asio::use_awaitable);
}

asio::awaitable<void> server::turn_away(connection& client, const request& asked, refusal why) {
    response said = refused(asked, why);
    said.keep_alive(false);
    co_await send(client, said);
    // What the client has yet to send is read and thrown away; if it were not, the answer might be lost on its way.
    client.stream.socket().shutdown(tcp::socket::shutdown_send);
    client.stream.expires_after(limits_.last_requests);
    std::array<char, 4096> rest{};
    for (;;) co_await client.stream.async_read_some(asio::buffer(rest), asio::use_awaitable); // ends by an error
}

} // namespace live_feed
