/// Storing events that were stored elsewhere before.
#pragma once

#include "async/environment.hpp"
#include "async/operation.hpp"
#include "maintenance/import_batch.hpp"
#include "maintenance/import_streams.hpp"
#include "postgres/connection.hpp"

#include <eventstore/error.hpp>
#include <eventstore/event_file.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::maintenance {

namespace asio = boost::asio;

/// A statement of an import, with its arguments.
struct import_statement {
    std::string_view text;
    std::vector<postgres::type_oid> types;
    postgres::parameters arguments;
};

/// A transaction of an import that goes on.
struct import_transaction {
    struct placed_event {
        std::int64_t position;
        uuid id;
    };

    std::int64_t first = 0; // position of what it has stored; 0 = nothing yet
    std::int64_t largest = 0;
    std::int64_t last_missing = 0;
    bool was_empty = false;           // the log before it
    std::optional<placed_event> next; // what the log holds behind the place of the import
    import_streams streams;
};

/// Stores batches in a log, in order, one or more in a transaction under the log's lock. What is there already is compared
/// and left out. On the strand of its connection, of which nothing else makes use.
class importer {
public:
    enum class transaction_end {
        now,
        later // others follow in the same transaction, unless the batch has more than events
    };

    /// \param lock_limit how long a transaction waits for the log's lock
    importer(std::shared_ptr<postgres::connection> session, std::string schema, detail::environment where,
        std::chrono::milliseconds lock_limit);

    /// Looks at the log. Events are imported that come after this position.
    static asio::awaitable<result<void>> begin(std::shared_ptr<importer> self, std::int64_t after_position);
    /// Instead of begin(): events are imported that come after those that are there.
    static asio::awaitable<result<void>> begin_at_head(std::shared_ptr<importer> self);
    bool is_jsonb() const noexcept { return is_jsonb_; }
    /// The end of the log before the import.
    std::int64_t head_at_first() const noexcept { return head_at_first_; }

    static asio::awaitable<result<void>> store(std::shared_ptr<importer> self, std::shared_ptr<import_batch> batch,
        transaction_end end = transaction_end::now);
    /// Memory that a transaction takes that goes on, about.
    std::size_t transaction_bytes() const noexcept { return open_ ? open_->streams.bytes() : 0; }

    /// After the last batch: the log ends at this position, even if nothing is there any more; and up to the floor,
    /// positions may be missing.
    static asio::awaitable<result<void>> end(
        std::shared_ptr<importer> self, std::int64_t through_position, std::int64_t floor);

    /// With those of the transaction that goes on.
    std::int64_t stored_events() const noexcept { return stored_; }
    /// Of what is not in the log, what was left out, since the log has its own.
    std::int64_t left_out() const noexcept { return left_out_; }
    /// Of the last event that was stored, or found there.
    std::int64_t last_position() const noexcept { return last_position_; }
    std::optional<uuid> last_id() const noexcept { return has_last_ ? std::optional(last_id_) : std::nullopt; }
    /// After begin_at_head(): the last event there that is no link.
    std::optional<uuid> last_original() const noexcept { return last_original_; }

    /// A statement for the log that is imported into.
    asio::awaitable<result<postgres::answer>> ask(
        std::string_view text, std::vector<postgres::type_oid> types, postgres::parameters arguments);

private:
    postgres::statement statement(std::string_view text, std::vector<postgres::type_oid> types) const;
    detail::steady_time deadline() const;
    asio::awaitable<result<postgres::answer>> ask(import_statement asked);
    asio::awaitable<result<void>> run(std::string text);
    asio::awaitable<result<void>> compare(std::shared_ptr<import_batch> batch);
    asio::awaitable<result<void>> lock();
    asio::awaitable<result<void>> open_transaction();
    asio::awaitable<result<void>> store_events(std::shared_ptr<import_batch> batch);
    result<void> look_whether_free(const import_batch& batch) const;
    asio::awaitable<result<void>> find_streams(std::shared_ptr<import_batch> batch);
    asio::awaitable<result<void>> make_streams(std::shared_ptr<import_batch> batch, std::vector<std::size_t> missing);
    asio::awaitable<result<void>> copy_rows(std::shared_ptr<import_batch> batch);
    asio::awaitable<result<void>> store_links(std::shared_ptr<import_batch> batch);
    void note_missing(const import_batch& batch);
    asio::awaitable<result<void>> end_events();
    asio::awaitable<result<void>> store_state(std::shared_ptr<import_batch> batch);
    asio::awaitable<result<void>> close_transaction();
    asio::awaitable<result<void>> commit();
    static std::string described(std::int64_t position, const uuid& id);
    failure refused(std::string_view why) const;
    failure in_batch(const failure& why, const import_batch& batch) const;
    failure in_transaction(const failure& why) const;
    failure in_events(const failure& why, std::int64_t first, std::int64_t last) const;

    const std::shared_ptr<postgres::connection> session_;
    const std::string schema_;
    const detail::environment environment_;
    const std::chrono::milliseconds lock_limit_;

    bool is_jsonb_ = false;
    std::int64_t head_at_first_ = 0;
    std::int64_t last_position_ = 0; // that is imported
    uuid last_id_{};
    bool has_last_ = false;
    std::optional<uuid> last_original_;
    bool may_hold_more_ = false; // the log may hold what comes next
    std::optional<import_transaction> open_;
    std::int64_t stored_ = 0;
    std::int64_t left_out_ = 0;
};

/// Stores what is not in the log.
std::vector<import_statement> statements_of_state(const import_batch& batch);
import_statement statement_of_originals(const import_batch& batch);
import_statement statement_of_links(import_batch& batch);

/// Imports a file.
/// \param is_stopped nobody waits for it any more
asio::awaitable<result<event_file_summary>> import_file(std::shared_ptr<postgres::connection> session,
    std::string schema, std::string path, import_options options, detail::environment where,
    std::chrono::milliseconds lock_limit, asio::any_io_executor strand,
    std::shared_ptr<const std::atomic<bool>> is_stopped);

} // namespace eventstore::maintenance
