// The database in plain C++: what the functions of the schema do to its tables, one for one.
#pragma once

#include "append/append_plan.hpp"
#include "simulation/database_call.hpp"
#include "simulation/planted.hpp"
#include "simulation/virtual_time.hpp"
#include "storage/log_mark.hpp"
#include "subscription/beat_watch.hpp"
#include "subscription/lease_table.hpp"

#include <boost/uuid/uuid_hash.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace eventstore::test::simulation {

struct stream_row {
    std::int64_t id = 0;
    std::string name;
    std::int64_t version = 0;
};

struct subscription_row {
    std::int64_t id = 0;
    std::string stream;
    std::string name;
    std::int64_t position = 0;
    std::int64_t version = 0;
    std::optional<std::int64_t> stream_id;
    std::optional<uuid> event;
    std::int64_t epoch = 0;
    std::optional<uuid> owner;
    std::int64_t beat = 0;
    std::optional<moment> renewed_at;
    milliseconds lease{};
    int deliveries = 0;
    std::int64_t delivered = 0;
    std::int64_t announced = 0;
};

struct parked_row {
    int deliveries = 0;
    bool replay = false;
};

/// What is told to all who listen.
struct word {
    std::string_view kind;
    std::int64_t first = 0;
    std::int64_t second = 0;
};

/// Streams are not deleted, and there is one history. Each call is a transaction, which is committed when it returns.
class database_model {
public:
    static constexpr std::int32_t timeline = 1;

    explicit database_model(bug planted = bug::none) : planted_(planted) {}

    append_reply append(const append_call& call);
    claim_reply claim(const claim_call& call, moment clock);
    /// \return the codes of settle_subscriptions
    std::vector<std::int64_t> settle(const settle_call& call, moment clock);
    bool park(
        std::int64_t id, std::int64_t epoch, std::span<const std::int64_t> positions, std::span<const int> counts);
    bool unpark(std::int64_t id, std::int64_t epoch, std::span<const std::int64_t> positions);
    std::optional<std::int64_t> release_parked(const std::string& stream, const std::string& name);
    std::vector<std::pair<std::int64_t, int>> parked_to_replay(
        std::int64_t id, std::span<const std::int64_t> known, std::size_t most) const;
    bool delete_subscription(const std::string& stream, const std::string& name);
    bool reset_subscription(const std::string& stream, const std::string& name, std::int64_t checkpoint);
    /// \return the SQLSTATE that rolls the transaction back; empty if it is done
    std::string checkpoint_or_fail(const delivery::lease_write& row, const uuid& owner, moment clock);
    std::string unpark_or_fail(std::int64_t id, std::int64_t epoch, std::span<const std::int64_t> positions);

    page_reply read_all(std::int64_t from, std::size_t count, std::int64_t seen) const;
    page_reply read_stream(const std::string& name, std::int64_t from, std::size_t count, std::int64_t seen) const;
    look_reply look(const storage::log_mark& seen) const;

    /// For whoever observes: of each call, after it.
    std::function<void(const database_call& call, const std::string& answer)> on_call;
    /// After the change.
    std::function<void(const word&)> on_word;
    std::function<void(const subscription_row& before, const subscription_row& now, std::int64_t writers_epoch)>
        on_settled;

    /// How close a claim was to the end of a lease: a real clock may see it otherwise.
    duration closest_claim() const noexcept { return closest_claim_; }

    std::int64_t head() const noexcept { return static_cast<std::int64_t>(log_.size()); }
    const std::deque<stored_event>& log() const noexcept { return log_; }
    const stored_event* find(const uuid& id) const;
    const std::map<std::int64_t, subscription_row>& subscriptions() const noexcept { return subscriptions_; }
    const std::map<std::pair<std::int64_t, std::int64_t>, parked_row>& parked() const noexcept { return parked_; }
    const stream_row* find_stream(std::string_view name) const;
    const subscription_row* find_subscription(std::string_view stream, std::string_view name) const;

private:
    template <class Answer>
    Answer told(const database_call& call, Answer answer) const {
        if (on_call) on_call(call, text_of(answer));
        return answer;
    }
    append_reply append_event(const append_call& call);
    append_reply append_events(const append_call& call, append::append_care care);
    append_reply append_carefully(const append_call& call);
    bool is_any_stored(const append_call& call) const;
    bool refuses_history(const storage::log_mark& seen) const;
    stream_row& stream_of(std::string_view name);
    void store(stream_row& stream, const event_data& event);
    bool fits_streams(const append_call& call) const;
    std::string repeated_id(const append_call& call) const;
    page_reply page_of_log(const page_call& call) const;
    page_reply page_of_stream(const page_call& call) const;
    claim_reply take(const claim_call& call, moment clock);
    std::vector<std::int64_t> settle_rows(const settle_call& call, moment clock);
    void take_out(std::int64_t id, std::span<const std::int64_t> positions);
    std::string write_checkpoint(const delivery::lease_write& row, const uuid& owner, moment clock);
    bool is_held(std::int64_t position, const std::optional<uuid>& event) const;
    subscription_row* owned(std::int64_t id, std::int64_t epoch);
    bool has_replays(std::int64_t id) const;
    subscription_row make_subscription(const claim_call& call);
    void say(std::string_view kind, std::int64_t first, std::int64_t second = 0) const {
        if (on_word) on_word({kind, first, second});
    }

    const bug planted_;
    std::set<std::string> types_;
    std::deque<stream_row> streams_;
    std::deque<stored_event> log_;
    std::unordered_map<uuid, std::int64_t, boost::hash<uuid>> by_id_;
    std::map<std::int64_t, subscription_row> subscriptions_;
    std::map<std::pair<std::int64_t, std::int64_t>, parked_row> parked_; // by subscription and position
    std::int64_t last_subscription_ = 0;
    std::uint64_t transactions_ = 0;
    duration closest_claim_ = duration::max();
};

} // namespace eventstore::test::simulation
