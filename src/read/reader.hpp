/// Reading the log.
#pragma once

#include "async/clock.hpp"
#include "async/metrics.hpp"
#include "postgres/pool.hpp"
#include "read/linked_streams.hpp"
#include "read/page_query.hpp"
#include "read/stream_names.hpp"
#include "storage/log_mark.hpp"
#include "storage/statements.hpp"

#include <eventstore/error.hpp>
#include <eventstore/event_page.hpp>
#include <eventstore/read_options.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::read {

namespace asio = boost::asio;

/// Reads pages, by one statement each where that is possible. Arguments are valid. Thread safe.
class reader : public std::enable_shared_from_this<reader> {
public:
    reader(std::shared_ptr<const detail::clock> time, std::shared_ptr<postgres::pool> pool,
        std::shared_ptr<const storage::statements> known,
        std::shared_ptr<detail::store_metrics> metrics = std::make_shared<detail::store_metrics>());

    using self_ptr = std::shared_ptr<reader>;
    template <class T>
    using task = asio::awaitable<result<T>>;

    /// A page of a stream; of the log, if the name is "$all".
    static task<event_page> read(self_ptr self, std::string stream, read_options options, detail::steady_time deadline);

    /// The same, and what the log, or stream, was like in that snapshot. Of a stream a place is a version, of the log a
    /// position.
    struct snapshot {
        event_page page;
        std::int64_t head = 0;          ///< its last position, or version
        std::int32_t timeline = 0;      ///< the history that the server is on; 0 = it did not say
        std::int64_t stream_id = 0;     ///< which of the streams that had this name; 0 for the log
        std::optional<uuid> seen_event; ///< at the place that was seen before, if one is there
        placed_event last, end;

        /// The event at a place that this page has reached, if it is known: what the next page must find again.
        std::optional<uuid> event_at(std::int64_t place) const {
            if (end.place == place && end.event) return end.event;
            return last.place == place ? last.event : std::nullopt;
        }
    };
    /// \param seen the place that an earlier page has reached; 0 = none
    static task<snapshot> read_snapshot(
        self_ptr self, std::string stream, read_options options, detail::steady_time deadline, std::int64_t seen = 0);
    /// A page of the log with the links of all streams.
    static task<snapshot> read_with_links(
        self_ptr self, read_options options, detail::steady_time deadline, std::int64_t seen = 0);

    /// How far the log goes, and whether it still holds what was seen. A standby that has not got there yet is a failure,
    /// which passes.
    struct progress {
        storage::log_mark head;
        bool is_held = true;
    };
    static task<progress> look(self_ptr self, storage::log_mark seen, detail::steady_time deadline);

    struct named_stream {
        std::int64_t id = 0;
        std::string name;
    };
    /// Those of these streams that are there, and not deleted.
    static task<std::vector<named_stream>> visible(
        self_ptr self, std::vector<std::string> streams, detail::steady_time deadline);

    static task<recorded_event> find_event(self_ptr self, uuid id, detail::steady_time deadline);

    /// The stream of this id was deleted for good.
    void forget_stream(std::int64_t id) { names_.forget(id); }

    std::uint64_t events_read() const noexcept { return events_read_.load(std::memory_order_relaxed); }

private:
    static page_query make_query(std::string stream, read_options options, detail::steady_time deadline);
    void measure(detail::steady_time begun) const noexcept { metrics_->read_page.record(clock_->now() - begun); }
    static task<event_page> read_plain(self_ptr self, page_query& query);
    static task<event_page> read_bounded(self_ptr self, page_query& query);
    static task<snapshot> read_query(self_ptr self, page_query query);
    static asio::awaitable<failure> complete(self_ptr self, page_query& query);
    static asio::awaitable<failure> follow_links(self_ptr self, page_query& query);
    static asio::awaitable<failure> name_streams(self_ptr self, page_query& query);
    static asio::awaitable<failure> check_gone(self_ptr self, std::int64_t position, detail::steady_time deadline);
    bool is_safe_without_sizes(const read_options& options) const noexcept;
    void take_anchor(page_query& query);
    void check_names(const page_query& query);
    void anchor_names(const page_query& query);

    const std::shared_ptr<const detail::clock> clock_;
    const std::shared_ptr<postgres::pool> pool_;
    const std::shared_ptr<const storage::statements> statements_;
    const std::shared_ptr<detail::store_metrics> metrics_;
    stream_names names_;
    std::mutex mutex_;
    placed_event anchor_; // while the log holds it, the names are right
    linked_streams linked_;
    std::atomic<std::uint64_t> events_read_{0};
    std::atomic<std::int64_t> largest_event_{4096}; // as far as this reader has found out
};

} // namespace eventstore::read
