/// One server from its start to its end.
#pragma once

#include "base/live_objects.hpp"
#include "embedded/descriptor.hpp"
#include "embedded/server_plan.hpp"
#include "embedded/watchdog.hpp"

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

namespace eventstore::detail {

class embedded_server : private live_object {
public:
    /// Blocks until the server takes connections. Throws `error`, with `errc::cancelled` soon after `stop` was
    /// requested.
    static std::unique_ptr<embedded_server> start(const embedded_postgres_options& options, std::stop_token stop);

    void stop() noexcept;
    void restart(embedded_postgres::shutdown mode);

    const std::string& url() const noexcept { return plan_.url; }
    const std::filesystem::path& data_folder() const noexcept { return plan_.data_folder; }

private:
    embedded_server(const embedded_postgres_options& options, std::stop_token stop);

    void wait_until_ready(std::chrono::steady_clock::time_point deadline, const std::stop_token& stop) const;
    void end(std::string_view order) noexcept;
    [[noreturn]] void fail_with_log(const std::string& problem) const;

    embedded::server_plan plan_;
    embedded::descriptor log_;
    milliseconds start_timeout_;
    bool stopped_ = false;
    embedded::watchdog watchdog_; // last: while it ends, the lock is still held
};

} // namespace eventstore::detail
