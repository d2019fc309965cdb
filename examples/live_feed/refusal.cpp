#include "refusal.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace live_feed {

namespace {

http::status status_of(es::errc code) {
    switch (code) {
    case es::errc::invalid_argument:
    case es::errc::reserved_stream: return http::status::bad_request;
    case es::errc::stream_not_found:
    case es::errc::event_not_found: return http::status::not_found;
    case es::errc::wrong_expected_version:
    case es::errc::stream_exists:
    case es::errc::duplicate_event: return http::status::conflict;
    case es::errc::stream_deleted: return http::status::gone;
    case es::errc::overloaded:
    case es::errc::connection_lost:
    case es::errc::lock_timeout:
    case es::errc::timeout:
    case es::errc::store_closed: return http::status::service_unavailable; // the same request may succeed later
    default: return http::status::internal_server_error;
    }
}

} // namespace

refusal::refusal(const es::failure& why) : runtime_error(why.message()), status_(status_of(why.code())) {
    actual_version_ = why.actual();
}

std::string refusal::json() const {
    std::string line = what();
    std::replace(line.begin(), line.end(), '\n', ' ');
    boost::json::object body;
    body["error"] = line;
    if (actual_version_) body["actual_version"] = *actual_version_;
    return boost::json::serialize(body);
}

} // namespace live_feed
