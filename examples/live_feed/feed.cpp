#include "feed.hpp"

#include "event_json.hpp"
#include "target.hpp"

#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace live_feed {

namespace {

constexpr std::size_t buffer_bytes = 64 << 10;
constexpr const char* header = "HTTP/1.1 200 OK\r\n"
                               "Content-Type: text/event-stream\r\n"
                               "Cache-Control: no-store\r\n"
                               "X-Content-Type-Options: nosniff\r\n"
                               "Connection: close\r\n\r\n" // its end is the end of the connection
                               "retry: 1000\n\n";          // ms until a browser tries again

class feed {
public:
    feed(es::store store, boost::beast::tcp_stream& client, std::string stream, std::int64_t next, feed_times times)
        : store_(std::move(store)), client_(client), stream_(std::move(stream)), next_(next), times_(times) {}

    /// What can be refused, as long as nothing is sent.
    asio::awaitable<void> prepare() {
        // The listener comes before the reading, so that nothing falls between the two. What it has to keep for a slow
        // client is little: what it drops is in storage.
        live_.emplace(co_await store_.listen(stream_, es::listen_options().max_queued(100)));
        co_await check_place();
    }

    asio::awaitable<void> run() {
        text_ = header;
        co_await catch_up();
        for (;;) {
            const std::optional<es::event_page> page = co_await live_->next(times_.heartbeat);
            if (!page) co_return; // the store was closed
            if (page->empty()) {
                text_ = ": still here\n\n";
                co_await flush();
                continue;
            }
            // The listener has dropped something (missed() tells how much), or something was no event, but a link.
            if (place_of(page->front()) > next_) co_await catch_up();
            co_await send(*page);
        }
    }

private:
    bool is_of_all() const { return stream_ == "$all"; }

    std::int64_t place_of(const es::recorded_event& event) const {
        return is_of_all() ? event.position() : event.link_version();
    }

    /// A place beyond the end is one of another store, whose events this client has seen.
    asio::awaitable<void> check_place() {
        std::int64_t end = 0;
        try {
            const es::stream_info info = co_await store_.stream_info(stream_);
            end = info.version;
        } catch (const es::error& e) {
            if (e.code() != es::errc::stream_not_found) throw; // it may yet come
        }
        if (next_ > end + 1)
            throw refusal(http::status::conflict,
                "nothing comes after " + std::to_string(next_ - 1) + " here: the last event is " + std::to_string(end));
    }

    /// Sends what is stored and was not sent.
    asio::awaitable<void> catch_up() {
        es::read_options options;
        options.from(next_).max_bytes(4 * buffer_bytes);
        es::event_scan scan = store_.scan(stream_, options);
        try {
            while (const std::optional<es::event_page> page = co_await scan.next_page()) co_await send(*page);
        } catch (const es::error& e) {
            if (e.code() != es::errc::stream_not_found) throw;
        }
        co_await flush(); // the header, if nothing else
    }

    asio::awaitable<void> send(const es::event_page& page) {
        for (const es::recorded_event& event : page) {
            const std::int64_t place = place_of(event);
            if (place < next_) continue; // it was read from storage already
            text_ += "id: " + std::to_string(place) + "\ndata: " + to_json(event) + "\n\n";
            next_ = place + 1;
            if (text_.size() >= buffer_bytes) co_await flush();
        }
        co_await flush();
    }

    /// A client that takes nothing for so long loses its connection, and costs no more than this text and its listener
    /// until then.
    asio::awaitable<void> flush() {
        client_.expires_after(times_.write);
        co_await asio::async_write(client_, asio::buffer(text_), asio::use_awaitable);
        client_.expires_never();
        text_.clear();
    }

    es::store store_;
    boost::beast::tcp_stream& client_;
    const std::string stream_;
    std::int64_t next_; // the place that is to be sent next
    const feed_times times_;
    std::optional<es::event_listener> live_;
    std::string text_; // not sent yet
};

} // namespace

bool is_feed(const request& asked) {
    const std::string_view path = asked.target();
    return asked.method() == http::verb::get && path.substr(0, path.find('?')) == "/feed";
}

asio::awaitable<void> send_feed(
    es::store store, boost::beast::tcp_stream& client, const request& asked, feed_times times) {
    check_host(asked);
    const target wanted = parse_target(asked.target(), "stream from");
    std::string stream = "$all";
    if (const auto given = wanted.query.find("stream"); given != wanted.query.end()) stream = given->second;
    std::int64_t next = wanted.number("from", 1).value_or(1);
    if (const std::string_view last = asked["Last-Event-ID"]; !last.empty()) {
        const std::optional<std::int64_t> place = parse_number(last, 0);
        if (!place || *place == std::numeric_limits<std::int64_t>::max()) // after which nothing can come
            throw refusal(http::status::bad_request, "the Last-Event-ID is the id of an event of this feed");
        next = *place + 1;
    }

    feed running(std::move(store), client, std::move(stream), next, times);
    try {
        co_await running.prepare();
    } catch (const es::error& e) {
        throw refusal(e.why());
    }
    co_await running.run();
}

} // namespace live_feed
