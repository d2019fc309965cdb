/// Snapshots that are written in the background.
#pragma once

#include "aggregate/aggregate_cache.hpp"
#include "base/live_objects.hpp"

#include <eventstore/aggregate_state.hpp>
#include <eventstore/snapshot.hpp>
#include <eventstore/store.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace eventstore::detail {

namespace asio = boost::asio;

/// The type, and the metadata, of a snapshot that fits.
class snapshot_format {
public:
    explicit snapshot_format(const state_functions& state);

    const std::string& type() const noexcept { return type_; }
    /// What a snapshot says of the event that it was made at, and of the form of its data.
    std::string metadata(const uuid& last_event) const;
    snapshot write(const std::string& stream, const known_state& known) const;
    /// The state, if it is of this format. Where it stands in the log is not known.
    std::optional<known_state> read(const snapshot& from) const;

private:
    const state_functions& state_;
    std::string type_;
    std::string layout_;
};

/// Writes one after the other, of each stream the newest that waits. Thread safe.
class snapshot_writer final : public std::enable_shared_from_this<snapshot_writer>, private live_object {
public:
    explicit snapshot_writer(const state_functions& state) : format_(state) {}

    /// \param replaces the stored one is of another history, whatever its version is: it is deleted first
    /// False: too many wait.
    bool add(const store& into, const std::string& stream, const known_state& known, bool replaces);
    /// Begins none after this time.
    void end_by(std::chrono::steady_clock::time_point when);

    const snapshot_format& format() const noexcept { return format_; }
    std::uint64_t written() const noexcept { return written_.load(std::memory_order_relaxed); }
    std::uint64_t failed() const noexcept { return failed_.load(std::memory_order_relaxed); }

private:
    struct waiting {
        known_state known;
        bool replaces = false;
    };
    static asio::awaitable<void> run(std::shared_ptr<snapshot_writer> self, store into);
    std::optional<std::pair<std::string, waiting>> take();
    void stop() noexcept;

    const snapshot_format format_;
    std::mutex mutex_;
    std::map<std::string, waiting> waiting_;
    bool is_running_ = false;
    std::optional<std::chrono::steady_clock::time_point> end_;
    std::atomic<std::uint64_t> written_{0};
    std::atomic<std::uint64_t> failed_{0};
};

} // namespace eventstore::detail
