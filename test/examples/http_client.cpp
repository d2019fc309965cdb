#include "examples/http_client.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/parse.hpp>

#include <chrono>
#include <utility>

namespace eventstore::test {

namespace beast = boost::beast;
using boost::system::error_code;
using namespace std::chrono_literals;

boost::json::value reply::json() const { return boost::json::parse(body); }

asio::awaitable<reply> send_request(
    std::uint16_t port, http::verb method, std::string target, std::string body, headers fields) {
    raw_client client(co_await asio::this_coro::executor);
    co_await client.connect(port);
    http::request<http::string_body> request(method, target, 11);
    request.set(http::field::host, "127.0.0.1");
    request.set(http::field::connection, "close");
    for (const auto& [name, value] : fields) request.set(name, value);
    request.body() = std::move(body);
    request.prepare_payload();
    client.stream().expires_after(10s);
    co_await http::async_write(client.stream(), request, asio::use_awaitable);

    beast::flat_buffer buffer;
    http::response<http::string_body> response;
    co_await http::async_read(client.stream(), buffer, response, asio::use_awaitable);
    reply got;
    got.status = response.result_int();
    for (const auto& field : response) got.fields[std::string(field.name_string())] = field.value();
    got.body = std::move(response.body());
    co_return got;
}

asio::awaitable<reply> post(std::uint16_t port, std::string target, std::string body, headers fields) {
    fields.emplace("Content-Type", "application/json");
    return send_request(port, http::verb::post, std::move(target), std::move(body), std::move(fields));
}

asio::awaitable<void> raw_client::connect(std::uint16_t port) {
    stream_.expires_after(10s);
    const asio::ip::tcp::endpoint where(asio::ip::address_v4::loopback(), port);
    co_await stream_.async_connect(where, asio::use_awaitable);
}

asio::awaitable<void> raw_client::write(std::string text) {
    stream_.expires_after(10s);
    co_await asio::async_write(stream_, asio::buffer(text), asio::use_awaitable);
}

asio::awaitable<std::string> raw_client::read_until(std::string text) {
    stream_.expires_after(10s);
    error_code failed;
    std::size_t size = co_await asio::async_read_until(
        stream_, asio::dynamic_buffer(read_ahead_), text, asio::redirect_error(asio::use_awaitable, failed));
    if (failed == beast::error::timeout) throw boost::system::system_error(failed);
    if (failed) size = read_ahead_.size();
    std::string got = read_ahead_.substr(0, size);
    read_ahead_.erase(0, size);
    co_return got;
}

asio::awaitable<std::string> raw_client::read_to_end() { return read_until("\n\nwhat nobody says\n\n"); }

asio::awaitable<unsigned> event_source::open(std::uint16_t port, std::string target, std::int64_t last_id) {
    co_await client_.connect(port);
    std::string request = "GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n";
    if (last_id > 0) request += "Last-Event-ID: " + std::to_string(last_id) + "\r\n";
    co_await client_.write(request + "\r\n");
    const std::string header = co_await client_.read_until("\r\n\r\n");
    co_return header.size() > 12 ? unsigned(std::stoul(header.substr(9, 3))) : 0;
}

asio::awaitable<std::optional<sent_event>> event_source::next() {
    for (;;) {
        const std::string block = co_await client_.read_until("\n\n");
        if (!block.ends_with("\n\n")) co_return std::nullopt;
        if (block.starts_with(":")) ++heartbeats_;
        if (!block.starts_with("id: ")) continue;
        const std::size_t data = block.find("\ndata: ");
        sent_event event;
        event.id = std::stoll(block.substr(4));
        event.data = block.substr(data + 7, block.size() - data - 9);
        co_return event;
    }
}

asio::awaitable<std::vector<std::int64_t>> event_source::next_ids(std::size_t count) {
    std::vector<std::int64_t> ids;
    while (ids.size() < count) {
        const std::optional<sent_event> event = co_await next();
        if (!event) break;
        ids.push_back(event->id);
    }
    co_return ids;
}

} // namespace eventstore::test
