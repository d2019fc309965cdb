// Appends and reads: a request in, a response out.
#pragma once

#include "refusal.hpp"

#include <eventstore/store.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <string>

namespace live_feed {

namespace asio = boost::asio;
using request = http::request<http::string_body>;
using response = http::response<http::string_body>;

/// Carries out every request but that for a feed. Throws nothing but what ends the connection: what goes wrong is told
/// to the client.
///
///     GET  /                                              the page
///     GET  /metrics                                       the statistics of the store, for Prometheus
///     GET  /events?from=&count=&backward                  a page of the log of all streams
///     GET  /streams/NAME?from=&count=&backward            a page of a stream
///     POST /streams/NAME?expected=                        appends an event or an array of events
///
/// What the stream is expected to be at comes as `?expected=` or as the header `Expected-Version`: a version,
/// `no_stream`, `stream_exists`, or `any`, the default.
asio::awaitable<response> answer(es::store store, request asked);

/// A page of another site can have its own name lead here, and then read what a browser on this machine is told: only
/// who asks this machine by its name is answered. \throws refusal
void check_host(const request& asked);

/// A response that says why not.
response refused(const request& asked, const refusal& why);

} // namespace live_feed
