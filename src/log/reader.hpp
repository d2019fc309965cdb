/// Reading the log.
#pragma once

#include "log/linked_streams.hpp"
#include "log/statements.hpp"
#include "log/stream_names.hpp"
#include "postgres/pool.hpp"

#include <eventstore/error.hpp>
#include <eventstore/event_page.hpp>
#include <eventstore/read_options.hpp>
#include <eventstore/stream_info.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace eventstore::log {

namespace asio = boost::asio;

struct page_query;

/// Reads pages, by one statement each where that is possible. Arguments are valid. Thread safe.
class reader : public std::enable_shared_from_this<reader> {
public:
    reader(std::shared_ptr<postgres::pool> pool, std::shared_ptr<const statements> statements);

    using self_ptr = std::shared_ptr<reader>;
    template <class T>
    using task = asio::awaitable<result<T>>;

    /// A page of a stream; of the log, if the name is "$all".
    static task<event_page> read(self_ptr self, std::string stream, read_options options, detail::steady_time deadline);

    /// The same, and what the log, or stream, was like in that snapshot.
    struct snapshot {
        event_page page;
        std::int64_t head = 0;      ///< its last position, or version
        std::int32_t timeline = 0;  ///< the history that the server is on; 0 = it did not say
        std::int64_t stream_id = 0; ///< which of the streams that had this name; 0 for the log
    };
    static task<snapshot> read_snapshot(
        self_ptr self, std::string stream, read_options options, detail::steady_time deadline);
    /// A page of the log with the links of all streams.
    static task<snapshot> read_with_links(self_ptr self, read_options options, detail::steady_time deadline);

    /// How far the log goes, and whether it still holds what was seen. See sql/migrations/0001_tables.sql.
    struct progress {
        std::int64_t head = 0;
        std::int32_t timeline = 0;
        bool is_held = true;
    };
    /// What a row says from this column on.
    static result<progress> progress_of(const postgres::rows& rows, int row, int column);
    static task<progress> look(
        self_ptr self, std::int32_t seen_timeline, std::int64_t seen_position, detail::steady_time deadline);

    static task<recorded_event> find_event(self_ptr self, uuid id, detail::steady_time deadline);
    static task<eventstore::stream_info> info(self_ptr self, std::string stream, detail::steady_time deadline);
    static task<std::vector<eventstore::stream_info>> streams(
        self_ptr self, stream_query query, detail::steady_time deadline);

    /// The stream of this id was deleted for good.
    void forget_stream(std::int64_t id) { names_.forget(id); }

    std::uint64_t events_read() const noexcept { return events_read_.load(std::memory_order_relaxed); }

private:
    static page_query make_query(std::string stream, read_options options, detail::steady_time deadline);
    static task<event_page> read_plain(self_ptr self, page_query& query);
    static task<event_page> read_bounded(self_ptr self, page_query& query);
    static task<snapshot> read_query(self_ptr self, page_query query);
    static asio::awaitable<failure> complete(self_ptr self, page_query& query);
    static asio::awaitable<failure> follow_links(self_ptr self, page_query& query);
    static asio::awaitable<failure> name_streams(self_ptr self, page_query& query);
    bool is_safe_without_sizes(const read_options& options) const noexcept;

    const std::shared_ptr<postgres::pool> pool_;
    const std::shared_ptr<const statements> statements_;
    stream_names names_;
    linked_streams linked_;
    std::atomic<std::uint64_t> events_read_{0};
    std::atomic<std::int64_t> largest_event_{4096}; // as far as this reader has found out
};

} // namespace eventstore::log
