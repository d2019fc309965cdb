// What the processes of a fault test write down while they work: lines of text, each process in a file of its own. The
// order is what makes them evidence. What a process is about to do is written before it does it, and what it was told
// before it goes on; so whoever was killed has at most done what it has announced, and nothing more.
#pragma once

#include <eventstore/error.hpp>
#include <eventstore/uuid.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::test::faults {

/// Nanoseconds of CLOCK_MONOTONIC, which the processes of a machine share.
using instant = std::int64_t;
instant monotonic_now();

/// Takes whole lines, one or several at a time.
using line_sink = std::function<void(std::string_view)>;

/// Appends to a new file. Each call is one write(2), so that a process that is killed loses at most the end of its last
/// lines. \throws std::runtime_error if there is such a file, or a write fails
line_sink append_to_file(const std::string& path);

/// Data of an event of this size (64 bytes or more) that proves itself: a JSON string of its id and the size, over and
/// over. load_facts() compares.
std::string payload_of(const uuid& id, std::size_t size);

/// The events of an append for one stream, in order.
struct part_to_append {
    std::string stream;
    std::int64_t expected = -1; ///< expected_version::value()
    std::vector<uuid> ids;
};

/// Where a part was stored, as append_result tells it.
struct told_place {
    std::int64_t first_version = 0;
    std::int64_t last_version = 0;
    std::int64_t first_position = 0;
    std::int64_t last_position = 0;
};

enum class stream_change { soft_delete, hard_delete, restore };

/// An event as a subscription delivers it.
struct delivered_event {
    std::int64_t position = 0;
    std::int64_t version = 0;
    std::string stream;
    uuid id{};
};

/// Writes the records of one process. Stores are told apart by their schemas.
///
/// Thread safety: any thread; a record is written when the call returns.
class recorder {
public:
    /// \param process a name that no other process of the run has, and none before it after a restart
    recorder(std::string_view process, line_sink sink, std::function<instant()> clock = monotonic_now);

    /// Before an append: of one stream, of several, or of a transaction. Returns its number in this process. A retry with
    /// the same ids is another attempt.
    std::uint64_t appending(std::string_view store, std::span<const part_to_append> parts);
    /// After it: the place of each part.
    void stored(std::uint64_t attempt, std::span<const told_place> places);
    /// Before a stream is deleted or restored.
    std::uint64_t changing(std::string_view store, std::string_view stream, stream_change change);
    void changed(std::uint64_t attempt);
    /// After an append or a change: it has failed, and has certainly stored nothing; or `failure::outcome_unknown()`.
    void refused(std::uint64_t attempt, errc code);
    void left_unknown(std::uint64_t attempt, errc code);

    /// After subscribe(): the subscription's epoch(), and its position() before anything was taken from it. Consumers
    /// that share a subscription have the same epoch: each tells it, or one for all. Returns its number in this process.
    std::uint64_t owns(
        std::string_view store, std::string_view stream, std::string_view name, std::int64_t epoch, std::int64_t from);
    /// After next(), before the events are handled; of a batch that has some. Returns the number of the batch.
    std::uint64_t delivered(std::uint64_t ownership, unsigned consumer, std::span<const delivered_event> events);
    /// Before ack(), or before the commit that acknowledges.
    void acking(std::uint64_t ownership, std::uint64_t batch);
    /// Before ack_through().
    void acking_through(std::uint64_t ownership, unsigned consumer, std::int64_t position);
    /// Before nack(): of the batch, or of its event at this position.
    void nacking(std::uint64_t ownership, std::uint64_t batch, std::optional<std::int64_t> position = std::nullopt);
    /// Before a consumer is destroyed or unsubscribed.
    void leaving(std::uint64_t ownership, unsigned consumer);
    /// After `co_await checkpoint()`: the position() that it had before that.
    void durable(std::uint64_t ownership, std::int64_t position);
    /// When next() has failed or returned nothing: this process takes no more of it.
    void ended(std::uint64_t ownership);

    /// Before the handler of a projection does anything: the positions of the first and of the last event of its batch.
    void projecting(std::string_view store, std::string_view projection, std::int64_t first, std::int64_t last);
    /// Before the handler fails by itself, with a batch of this one event. Of a larger batch it is no event's refusal.
    void rejecting(std::string_view store, std::string_view projection, std::int64_t position);

    /// By a proxy, before it has the server refuse a statement of a client.
    void statement_refused(std::string_view sqlstate);

    /// By whoever stops a process (SIGSTOP), before it does, and continues it (SIGCONT), after it has.
    void paused(std::string_view process);
    void resumed(std::string_view process);

private:
    std::string begin(std::string_view kind) const;
    void finish(std::string line);

    line_sink sink_;
    std::function<instant()> clock_;
    std::atomic<std::uint64_t> attempts_{0};
    std::atomic<std::uint64_t> ownerships_{0};
    std::atomic<std::uint64_t> batches_{0};
};

/// A name as one word of a line, and back; nothing if it is none.
std::string as_word(std::string_view name);
std::optional<std::string> name_of_word(std::string_view word);

} // namespace eventstore::test::faults
