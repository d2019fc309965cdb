/// The events of an export.
#pragma once

#include "async/environment.hpp"
#include "maintenance/exported_lines.hpp"
#include "maintenance/exporter.hpp"

#include <eventstore/error.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace eventstore::maintenance {

/// Receives the events of a log by COPY, and makes lines of them. On the strand of the sessions.
class exported_events {
public:
    /// What an export knows of the log when it begins.
    struct kind {
        bool is_jsonb = false;
        bool has_links = false; ///< before the end of the export
    };

    exported_events(export_sessions sessions, std::string schema, detail::environment where,
        std::shared_ptr<exported_lines> lines, kind of_log)
        : sessions_(std::move(sessions)),
          schema_(std::move(schema)),
          environment_(std::move(where)),
          lines_(std::move(lines)),
          log_(of_log) {}

    /// From the last position of the lines to the end of the export.
    static asio::awaitable<result<void>> copy(std::shared_ptr<exported_events> self);

private:
    asio::awaitable<result<void>> copy_some();
    asio::awaitable<result<void>> write_window();
    asio::awaitable<result<void>> learn_names();
    void forget_names();
    void know(std::int64_t stream) {
        if (names_.try_emplace(stream).second) unknown_.push_back(stream);
    }
    struct event_row {
        event_line event;
        std::int64_t stream = 0;
        std::optional<std::int64_t> original; // of a link: the stream of its original
    };
    event_row read(std::string_view bytes) const;
    void add(event_row& row);
    bool take_row(std::string_view bytes);
    detail::steady_time deadline() const;

    const export_sessions sessions_;
    const std::string schema_;
    const detail::environment environment_;
    const std::shared_ptr<exported_lines> lines_;
    const kind log_;

    std::string window_; // rows whose streams may be unknown, each after its length
    std::int64_t rows_of_copy_ = 0;
    std::int64_t position_of_copy_ = 0;
    struct known_stream {
        std::string name; // as a JSON string; empty: there is no such stream any more
        microseconds_of_postgres created_at = 0;
    };
    std::unordered_map<std::int64_t, known_stream> names_;
    std::size_t bytes_of_known_names_ = 0;
    std::vector<std::int64_t> unknown_;
};

} // namespace eventstore::maintenance
