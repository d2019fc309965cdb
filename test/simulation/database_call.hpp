// What a store asks of its database, as values, and the answers: of the model, or of the real one.
#pragma once

#include "append/append_plan.hpp"
#include "read/reader.hpp"
#include "simulation/virtual_time.hpp"
#include "storage/log_mark.hpp"
#include "subscription/beat_watch.hpp"
#include "subscription/lease_table.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace eventstore::test::simulation {

struct stored_event {
    std::int64_t position = 0;
    std::int64_t version = 0;
    std::int64_t stream_id = 0;
    std::string_view stream; ///< as long as the model
    uuid id{};
    std::string_view type; ///< the same
};

/// A transaction of appends: what append_event or append_events is called with.
struct append_call {
    std::vector<std::shared_ptr<append::append_request>> appends;
    std::shared_ptr<const append::append_plan> plan; ///< of these
    std::vector<bool> retries;                       ///< of each append, when it was sent
    bool is_lone = false;
    append::append_care care = append::append_care::none;
    storage::log_mark seen;
};
struct append_reply {
    append::append_plan::answer values;
    std::string sqlstate;    ///< nothing was stored
    bool is_of_lone = false; ///< it is what append_event itself returns
};

struct claim_call {
    std::string stream;
    std::string name;
    uuid owner{};
    milliseconds lease{};
    std::optional<std::int64_t> start;
    std::optional<delivery::beat_watch::sight> stalled;
};
struct claim_reply {
    bool is_taken = false;
    bool is_truncated = false;
    bool replays = false;
    delivery::beat_watch::sight there;
    delivery::place checkpoint;
    milliseconds owners_lease{};
    std::int64_t stream_id = 0;
    std::optional<uuid> event;
    delivery::subscription_state::announcement handed_out;

    friend bool operator==(const claim_reply&, const claim_reply&) = default;
};

struct settle_call {
    std::vector<delivery::lease_write> rows;
    uuid owner{};
};

struct page_reply {
    std::vector<const stored_event*> events;
    std::int64_t head = 0; ///< of the log, or of the stream
    std::int64_t stream_id = 0;
    std::optional<uuid> head_event; ///< of the log only
    std::optional<uuid> seen_event; ///< at the place that was seen
    bool is_missing = false;        ///< there is no such stream
};

struct look_reply {
    storage::log_mark head;
    bool is_held = true;

    friend bool operator==(const look_reply&, const look_reply&) = default;
};

struct park_call {
    std::int64_t id = 0;
    std::int64_t epoch = 0;
    std::vector<std::int64_t> positions;
    std::vector<int> counts;
};
struct unpark_call {
    std::int64_t id = 0;
    std::int64_t epoch = 0;
    std::vector<std::int64_t> positions;
    bool is_checked = false; ///< unpark_or_fail
};
struct release_call {
    std::string stream;
    std::string name;
};
struct replays_call {
    std::int64_t id = 0;
    std::vector<std::int64_t> known;
    std::int64_t most = 0;
};
struct page_call {
    std::string stream; ///< "$all" = the log
    std::int64_t from = 0;
    std::size_t count = 0;
    std::int64_t seen = 0;
};
struct look_call {
    storage::log_mark seen;
};
struct administer_call {
    std::string stream;
    std::string name;
    std::optional<std::int64_t> checkpoint; ///< that it is reset to; nothing: it is deleted
};
struct checkpoint_call {
    delivery::lease_write row;
    uuid owner{};
};
using database_call = std::variant<append_call, claim_call, settle_call, park_call, unpark_call, release_call,
    replays_call, page_call, look_call, administer_call, checkpoint_call>;

using replay_list = std::vector<std::pair<std::int64_t, int>>;

// Answers as text, but for times, histories and the ids of streams, which are another server's own.

std::string text_of(const append_reply& answer);
std::string text_of(const claim_reply& answer);
std::string text_of(const std::vector<std::int64_t>& codes);
std::string text_of(bool answer);
std::string text_of(const std::string& sqlstate);
std::string text_of(const std::optional<std::int64_t>& count);
std::string text_of(const replay_list& answer);
std::string text_of(const page_reply& answer);
std::string text_of(const look_reply& answer);
/// Of a call.
std::string text_of(const database_call& call);

} // namespace eventstore::test::simulation
