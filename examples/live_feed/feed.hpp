// The live feed: Server-Sent Events, which any browser follows by `new EventSource(url)`.
#pragma once

#include "requests.hpp"

#include <eventstore/store.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include <chrono>

namespace live_feed {

struct feed_times {
    std::chrono::milliseconds heartbeat{15'000}; ///< a comment, when there is nothing else to send for so long
    std::chrono::milliseconds write{10'000};     ///< what is sent must be taken within this time
};

/// True if the request asks for a feed: GET /feed?from=, or GET /feed?stream=NAME&from=
bool is_feed(const request& asked);

/// Sends what is stored, then what is appended, until it is cancelled, the store is closed, or the client goes away or
/// does not read: each event once, in order. The `id:` of an event is its place in what is read, a position in the log
/// of all streams, or a version in one stream; a client that comes again with it as `Last-Event-ID` goes on right after
/// it. That wins over `from`, which is the first place to send, 1 by default.
///
/// \throws refusal if nothing was sent yet; else whatever ends the connection
asio::awaitable<void> send_feed(
    es::store store, boost::beast::tcp_stream& client, const request& asked, feed_times times);

} // namespace live_feed
