#include "requests.hpp"

#include "event_json.hpp"
#include "page.hpp"
#include "target.hpp"

#include <eventstore/prometheus.hpp>

#include <boost/beast/core/string.hpp>

#include <optional>
#include <utility>

namespace live_feed {

namespace {

constexpr std::string_view streams = "/streams/";
constexpr std::int64_t most_asked_for = 1000;

response make(const request& asked, http::status status, const char* type, std::string body) {
    response made(status, asked.version());
    made.set(http::field::content_type, type);
    made.set(http::field::cache_control, "no-store");
    made.set("X-Content-Type-Options", "nosniff");
    made.body() = std::move(body);
    made.keep_alive(asked.keep_alive());
    made.prepare_payload();
    return made;
}

response page(const request& asked) {
    response made = make(asked, http::status::ok, "text/html; charset=utf-8", page_html);
    made.set("Content-Security-Policy",
        "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'");
    return made;
}

void require(const request& asked, http::verb method) {
    if (asked.method() != method)
        throw refusal(
            http::status::method_not_allowed, "this takes " + std::string(http::to_string(method)) + " requests only");
}

es::expected_version expected_by(const request& asked, const target& wanted) {
    std::string text(asked["Expected-Version"]);
    if (const auto given = wanted.query.find("expected"); given != wanted.query.end()) text = given->second;
    if (text.empty() || text == "any") return es::any_version;
    if (text == "no_stream") return es::no_stream;
    if (text == "stream_exists") return es::stream_exists;
    const std::optional<std::int64_t> version = parse_number(text, 0);
    if (!version)
        throw refusal(http::status::bad_request,
            "the expected version is a number, no_stream, stream_exists or any, not '" + text + "'");
    return *version;
}

asio::awaitable<response> append(es::store store, request asked, std::string stream) {
    // Pages of other sites can make a browser post a form or plain text to here, but not JSON.
    if (!asked[http::field::content_type].starts_with("application/json"))
        throw refusal(http::status::unsupported_media_type, "the Content-Type must be application/json");
    const es::expected_version expected = expected_by(asked, parse_target(asked.target(), "expected"));
    std::vector<es::event_data> events = parse_events(asked.body());
    const es::result<es::append_result> result = co_await store.try_append(stream, expected, std::move(events));
    if (!result) {
        // What is not there was expected to be there, which is a conflict, and not a wrong URL.
        if (result.error().code() == es::errc::stream_not_found)
            throw refusal(http::status::conflict, result.error().message(), 0);
        throw refusal(result.error());
    }
    const http::status status = result->already_appended ? http::status::ok : http::status::created;
    co_return make(asked, status, "application/json", to_json(stream, *result) + '\n');
}

/// A page of a stream, or of `$all`.
asio::awaitable<response> read(es::store store, request asked, std::string stream) {
    const target wanted = parse_target(asked.target(), "from count backward");
    es::read_options options;
    options.count(std::size_t(wanted.number("count", 1).value_or(100))).max_bytes(std::size_t{1} << 20);
    if (options.count() > most_asked_for)
        throw refusal(http::status::bad_request, "'count' is at most " + std::to_string(most_asked_for));
    if (const std::optional<std::int64_t> from = wanted.number("from", 0)) options.from(*from);
    if (wanted.has("backward")) options.backward();
    const es::event_page page = co_await store.read(stream, options);

    std::string body = "{\"events\":[";
    for (const es::recorded_event& event : page) {
        if (body.back() == '}') body += ",\n";
        body += to_json(event);
    }
    body += page.is_complete() ? "],\"complete\":true" : "],\"complete\":false";
    // Forward there may always be more to come.
    if (!page.is_complete() || !options.is_backward()) {
        std::string next = wanted.path + "?from=" + std::to_string(page.next_from());
        next += "&count=" + std::to_string(options.count()) + (options.is_backward() ? "&backward" : "");
        body += ",\"next\":" + json_string(next);
    }
    co_return make(asked, http::status::ok, "application/json", body + "}\n");
}

asio::awaitable<response> route(es::store store, const request& asked) {
    check_host(asked);
    const std::string path(std::string_view(asked.target()).substr(0, asked.target().find('?')));
    if (path == "/") {
        require(asked, http::verb::get);
        co_return page(asked);
    }
    if (path == "/metrics") {
        require(asked, http::verb::get);
        co_return make(asked, http::status::ok, "text/plain; version=0.0.4", es::prometheus_text(store.stats()));
    }
    if (path == "/events") {
        require(asked, http::verb::get);
        co_return co_await read(std::move(store), asked, "$all");
    }
    if (!path.starts_with(streams))
        throw refusal(
            http::status::not_found, "there is /, /feed, /events, /metrics and /streams/NAME, but no " + path);
    std::string stream = percent_decoded(path.substr(streams.size()));
    if (asked.method() == http::verb::post) co_return co_await append(std::move(store), asked, std::move(stream));
    require(asked, http::verb::get);
    co_return co_await read(std::move(store), asked, std::move(stream));
}

} // namespace

asio::awaitable<response> answer(es::store store, request asked) {
    std::optional<refusal> why;
    try {
        co_return co_await route(std::move(store), asked);
    } catch (const refusal& e) {
        why = e;
    } catch (const es::error& e) {
        why.emplace(e.why());
    }
    co_return refused(asked, *why);
}

void check_host(const request& asked) {
    const std::string_view given = asked[http::field::host];
    const std::string_view name = given.substr(0, given.starts_with('[') ? given.find(']') + 1 : given.find(':'));
    if (name == "127.0.0.1" || name == "[::1]" || boost::beast::iequals(name, "localhost")) return;
    throw refusal(
        http::status::misdirected_request, "the Host is 127.0.0.1 or localhost; nobody else is answered here");
}

response refused(const request& asked, const refusal& why) {
    response made = make(asked, why.status(), "application/json", why.json() + '\n');
    if (why.status() == http::status::method_not_allowed)
        made.set(http::field::allow, asked.target().starts_with(streams) ? "GET, POST" : "GET");
    return made;
}

} // namespace live_feed
