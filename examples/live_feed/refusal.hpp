// Why a request is not carried out, as the client is told.
#pragma once

#include <eventstore/error.hpp>

#include <boost/beast/http/status.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

namespace live_feed {

namespace es = eventstore;
namespace http = boost::beast::http;

/// A status, a line for people, and for a conflict the version that the stream is at.
class refusal : public std::runtime_error {
public:
    refusal(http::status status, const std::string& line, std::optional<std::int64_t> actual_version = std::nullopt)
        : runtime_error(line), status_(status), actual_version_(actual_version) {}

    /// What the store has against it.
    explicit refusal(const es::failure& why);

    http::status status() const noexcept { return status_; }

    /// `{"error":"..."}`, one line.
    std::string json() const;

private:
    http::status status_;
    std::optional<std::int64_t> actual_version_;
};

} // namespace live_feed
