/// A log of another event store, as an import reads it.
#pragma once

#include "async/environment.hpp"
#include "maintenance/exported_rows.hpp"
#include "maintenance/importer.hpp"
#include "postgres/connection.hpp"

#include <eventstore/import_source.hpp>

#include <boost/asio/awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::maintenance {

/// What an import from another store works with.
struct foreign_parts {
    std::shared_ptr<importer> into;
    std::shared_ptr<postgres::connection> source;
    std::string schema; ///< of the source
    detail::environment where;
    std::shared_ptr<const std::atomic<bool>> is_stopped; ///< the caller does not wait any more
};

inline constexpr std::size_t bytes_of_foreign_batch = std::size_t{8} << 20;

/// How many rows a COPY is asked for. Those behind a full batch are sent in vain, and come again: where events are large,
/// it is asked for less.
class copy_count {
public:
    std::int64_t next(std::int64_t most) const noexcept { return std::min(count_, most); }
    /// \param taken rows that a COPY has brought before the batch was full, if it was
    void learn(std::int64_t taken, bool is_full) noexcept {
        count_ = std::clamp(is_full ? taken + 1 : 2 * count_, std::int64_t{1}, usual);
    }

private:
    static constexpr std::int64_t usual = 2'000;
    std::int64_t count_ = usual;
};

/// All calls on the strand of the sessions, one after the other.
class foreign_log {
public:
    explicit foreign_log(foreign_parts parts) : parts_(std::move(parts)) {}
    virtual ~foreign_log() = default;
    foreign_log(const foreign_log&) = delete;
    foreign_log& operator=(const foreign_log&) = delete;

    /// Finds the place after what is stored already.
    virtual asio::awaitable<result<void>> begin() = 0;
    /// Looks how far the log goes now.
    virtual asio::awaitable<result<void>> look() = 0;
    /// Adds what comes next; nothing: there is no more at the moment.
    virtual asio::awaitable<result<void>> fill(std::shared_ptr<import_batch> batch, std::int64_t most) = 0;
    /// Stores what is not in the log: states of streams, snapshots, subscriptions.
    virtual asio::awaitable<result<void>> store_state() = 0;

protected:
    asio::awaitable<result<postgres::answer>> ask(
        std::string_view text, std::vector<postgres::type_oid> types, postgres::parameters arguments);
    /// Passes on the rows of a COPY.
    asio::awaitable<result<void>> copy(
        std::string_view text, std::vector<std::int64_t> numbers, std::function<void(copied_row&)> take);
    /// What cannot be stored, if it is so.
    static std::optional<failure> check(const event_line& event);

    const foreign_parts parts_;
    copy_count copy_count_;
};

std::unique_ptr<foreign_log> make_message_db_log(foreign_parts parts);
std::unique_ptr<foreign_log> make_elixir_log(foreign_parts parts);

/// Imports a log, and goes on with it if the options say so.
asio::awaitable<result<event_file_summary>> import_foreign(
    foreign_parts parts, foreign_store kind, import_options options);

} // namespace eventstore::maintenance
