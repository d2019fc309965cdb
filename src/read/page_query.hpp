/// A read on its way.
#pragma once

#include "async/timer_queue.hpp"
#include "postgres/answer.hpp"
#include "read/page.hpp"

#include <eventstore/read_options.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::read {

/// The event at a position of the log, or a version of a stream.
struct placed_event {
    std::int64_t place = 0; ///< 0 = none
    std::optional<uuid> event;

    bool is_refuted_by(const std::optional<uuid>& event_there) const noexcept {
        return event && event_there && *event != *event_there;
    }
};

/// What is wanted, and what has been found so far.
struct page_query {
    std::string stream; // empty = the log of all streams
    read_options options;
    detail::steady_time deadline;

    std::int64_t from = 0;
    std::int64_t bytes = 0;
    bool with_links = false; // of all streams, when reading the log
    std::vector<detail::page_row> rows;
    std::vector<std::int64_t> stream_ids; // of each row's event; 0 = the stream that is read
    struct link {
        std::size_t row = 0;
        std::int64_t original = 0;
        std::int64_t stream_id = 0; // of the link, when reading the log
    };
    std::vector<link> links;
    std::shared_ptr<std::vector<detail::link_place>> link_places; // of the links, in their order
    std::shared_ptr<std::deque<detail::link_place>> copies;       // of links that need not be followed
    std::vector<detail::page::keep_alive> storage;
    bool complete = false;
    std::int64_t head = 0;
    std::int64_t first = 1; // that is shown of a stream, or less
    std::int32_t timeline = 0;
    std::int64_t stream_id = 0;

    std::int64_t seen = 0;          // the caller's place, of an earlier page; 0 = none
    std::optional<uuid> seen_event; // what is there now
    placed_event last;              // of this page, so far: what its next statement must find again
    placed_event end;               // at the head, or where the window ends that was looked at
    placed_event anchor;            // what the names of streams that the reader remembers go back to
    std::optional<uuid> anchor_event;
    bool is_continued = false; // a statement of this page has been answered

    bool is_log() const noexcept { return stream.empty(); }
    bool is_backward() const noexcept { return options.is_backward(); }
    std::int64_t room() const noexcept { return static_cast<std::int64_t>(options.count() - rows.size()); }
    std::int64_t bytes_left() const noexcept { return static_cast<std::int64_t>(options.max_bytes()) - bytes; }
    std::int64_t place(const detail::page_row& row) const noexcept {
        if (row.link) return is_log() ? row.link->position : row.link->version;
        return is_log() ? row.position : row.version;
    }

    /// True if nothing can come after this place.
    bool is_end(std::int64_t reached) const noexcept { return is_backward() ? reached <= first : reached >= head; }
    void go_on_after(std::int64_t reached) noexcept { from = is_backward() ? reached - 1 : reached + 1; }

    struct taken {
        std::size_t rows = 0;
        bool is_cut = false;     // by max_bytes
        bool is_missing = false; // there is no such stream
        bool is_lost = false;    // the log was cut back since the statement before
    };
    /// The rows of an answer, after those that are here.
    /// \param window what was looked at; 0 = all there is
    taken take(const postgres::answer& from_server, std::int64_t window = 0);
    /// The place that the next statement asks for.
    std::int64_t place_to_prove() const noexcept { return is_continued ? last.place : seen; }
    /// Makes the row of a link, which is a copy, the row of the event that it stands for.
    void complete_copy(const postgres::answer& from, int row_there, std::int64_t original, detail::page_row& row);
    /// The views of rows point into it.
    void keep(const postgres::answer& from_server) { storage.push_back(from_server.storage()); }
    event_page make_page() &&;
};

} // namespace eventstore::read
