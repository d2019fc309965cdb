/// The session of one maintenance operation: plain statements, each a transaction of its own unless it says otherwise.
#pragma once

#include "async/environment.hpp"
#include "base/live_objects.hpp"
#include "postgres/answer.hpp"
#include "postgres/connector.hpp"
#include "storage/inspection.hpp"

#include <eventstore/error.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace eventstore::maintenance {

namespace asio = boost::asio;

/// All calls but stop() come on the strand that it was made with.
class session : private detail::live_object {
public:
    /// \param kind administration, or listening: a plain session with the settings that its role has
    session(store_options options, postgres::session_kind kind, postgres::connection::strand strand,
        detail::environment where);

    /// Runs a script, and returns its last result. If the connection is lost, it is made anew, twice at most, and the script
    /// runs again: it must be one that may, and changes nothing.
    static asio::awaitable<result<postgres::answer>> ask(std::shared_ptr<session> self, std::string script);
    /// Runs a script that must not run twice.
    static asio::awaitable<result<postgres::answer>> run(
        std::shared_ptr<session> self, std::string script, detail::steady_time deadline);

    /// What there is of the schema, and on the server: known after connect().
    static asio::awaitable<result<storage::inspected>> connect(std::shared_ptr<session> self);

    /// A statement for the schema of the options, with values in the place of its parameters.
    std::string statement(std::string_view sql, std::initializer_list<std::string> values = {}) const;

    const store_options& options() const noexcept { return options_; }
    detail::environment where() const { return where_; }

    /// The next statement fails, and so ends the work. Any thread.
    void stop() noexcept { is_stopped_ = true; }
    bool is_stopped() const noexcept { return is_stopped_; }

private:
    asio::awaitable<result<void>> open(detail::steady_time deadline);

    const store_options options_;
    const postgres::connection::strand strand_;
    const detail::environment where_;
    const std::shared_ptr<postgres::connector> connector_;
    std::shared_ptr<postgres::connection> connection_;
    std::atomic<bool> is_stopped_{false};
};

/// Ends the work of a session when the caller goes, perhaps before the work is done.
class session_end {
public:
    explicit session_end(std::shared_ptr<session> of) : of_(std::move(of)) {}
    ~session_end() { of_->stop(); }
    session_end(const session_end&) = delete;
    session_end& operator=(const session_end&) = delete;

private:
    const std::shared_ptr<session> of_;
};

} // namespace eventstore::maintenance
