/// The inside of an aggregate_store.
#pragma once

#include "aggregate/aggregate_cache.hpp"
#include "aggregate/snapshot_writer.hpp"
#include "base/live_objects.hpp"

#include <eventstore/aggregate.hpp>
#include <eventstore/store.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::detail {

namespace asio = boost::asio;

/// What the handles share. Thread safe.
class aggregate_core final : public std::enable_shared_from_this<aggregate_core>, private live_object {
public:
    using self_ptr = std::shared_ptr<aggregate_core>;

    aggregate_core(store opened, aggregate_options options, const state_functions& functions);
    ~aggregate_core();

    static asio::awaitable<result<aggregate_data>> load(self_ptr self, std::string stream);
    static asio::awaitable<result<aggregate_data>> execute(
        self_ptr self, std::string stream, std::shared_ptr<decision> wanted);
    aggregate_stats count() const;

private:
    /// What the stream's events make of a state.
    struct tail {
        known_state known;
        bool is_another_history = false; ///< the state is not one of this stream's
        bool begins_late = false;        ///< events that should follow the state may have expired
    };
    // Reading; see load_aggregate.cpp.
    static asio::awaitable<result<known_state>> read(self_ptr self, std::string stream);
    static asio::awaitable<result<known_state>> catch_up(self_ptr self, std::string stream, known_state known);
    /// \param recorded_at of the snapshot that the state is; nothing: it is none
    static asio::awaitable<result<tail>> read_after(
        self_ptr self, std::string stream, known_state known, std::optional<timestamp> recorded_at);
    /// The same, if the event that the state ends with is not shown. \param shows_any whether later ones are
    static asio::awaitable<result<tail>> go_on_without_event(
        self_ptr self, std::string stream, known_state known, std::optional<timestamp> recorded_at, bool shows_any);
    static asio::awaitable<result<std::optional<snapshot>>> read_snapshot(self_ptr self, std::string stream);
    std::optional<failure> refuse(const std::string& stream) const;
    std::optional<failure> apply(void* state, const recorded_event& event) const;
    /// The state with what has come since.
    result<known_state> with_news(const known_state& known, const std::vector<recorded_event>& news) const;

    // Executing; see execute_decision.cpp.
    static asio::awaitable<result<known_state>> find(
        self_ptr self, std::string stream, std::shared_ptr<const aggregate_cache::found> found);
    static asio::awaitable<result<append_result>> append(
        self_ptr self, std::string stream, expected_version expected, std::vector<event_data> events);
    static asio::awaitable<result<void>> wait(std::chrono::milliseconds delay, std::string stream);
    std::optional<failure> check_times(const std::string& stream, const std::vector<event_data>& events) const;
    /// \param where null: before they are appended
    result<known_state> with_events(const known_state& known, const std::string& stream,
        const std::vector<event_data>& events, const append_result* where) const;

    void keep(const std::string& stream, const aggregate_cache::watch& since, const known_state& known);
    /// Notes the snapshot, if one is due, in what is passed.
    void note_snapshot(const std::string& stream, known_state& known);
    static aggregate_data to_data(const known_state& known);
    static expected_version expected_of(const known_state& known);

    // Following the log; see follow_log.cpp.
    void follow();
    static asio::awaitable<void> run(std::weak_ptr<aggregate_core> weak);
    void follow_ended();
    void take(const event_page& page);

    const store store_;
    const aggregate_options options_;
    const state_functions& functions_;
    const std::optional<failure> refusal_; // of the options
    const std::shared_ptr<aggregate_cache> cache_;
    const std::shared_ptr<snapshot_writer> snapshots_;
    std::mutex mutex_;
    std::optional<event_listener> listener_; // ended with this
    bool is_following_ = false;
    std::chrono::steady_clock::time_point next_follow_{}; // not before, after it ended with a failure
    std::atomic<std::uint64_t> hits_{0}, loads_{0}, catch_ups_{0}, conflicts_{0}, unfit_{0};
};

} // namespace eventstore::detail
