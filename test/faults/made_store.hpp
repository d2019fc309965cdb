// A store in memory that does what the real one promises, for histories on which the checker must find nothing.
#pragma once

#include "faults/log_facts.hpp"
#include "faults/record.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace eventstore::test::faults {

class made_random {
public:
    explicit made_random(unsigned seed) : engine_(seed) {}

    /// From 0 to below `count`.
    std::size_t below(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(engine_); }
    /// In one of so many cases.
    bool one_in(std::size_t count) { return below(count) == 0; }
    uuid id() {
        uuid made;
        for (auto& byte : made.data) byte = static_cast<std::uint8_t>(below(256));
        return made;
    }

private:
    std::mt19937 engine_;
};

/// What a store may do wrong, now and then.
enum class made_bug {
    none,
    lost_event,         ///< an event is told and not stored
    doubled_event,      ///< a retry stores its events once more
    swapped_pair,       ///< two events are handed out the wrong way round
    checkpoint_too_far, ///< the checkpoint is written one event ahead
    second_owner,       ///< an owner hands out events long after its lease has gone to another
};

struct made_event {
    std::int64_t position = 0;
    std::int64_t version = 0;
    std::string stream;
    uuid id{};
    std::int64_t stream_id = 0;
    bool is_removed = false;
};

/// What an append or a change has come to on the server: refused, or done (with the places of an append).
struct made_answer {
    bool is_done = false;
    errc refusal = errc::wrong_expected_version;
    std::vector<told_place> places;
};

class made_store {
public:
    explicit made_store(std::string schema) : schema_(std::move(schema)) {}

    made_answer append(const std::vector<part_to_append>& parts);
    made_answer change(const std::string& stream, stream_change change);
    /// A hard delete whose process dies in between: some of the events are left.
    void half_delete(const std::string& stream, made_random& random);

    // What goes wrong.
    void lose(std::int64_t position);
    void forget(const std::vector<part_to_append>& parts);

    const std::string& schema() const noexcept { return schema_; }
    const std::vector<made_event>& log() const noexcept { return log_; } ///< with those that were removed
    std::int64_t version_of(const std::string& stream) const;
    bool is_deleted(const std::string& stream) const;
    std::optional<std::int64_t> id_of(const std::string& stream) const;

    /// The log and the streams.
    log_facts facts() const;

private:
    struct made_stream {
        std::int64_t id = 0;
        std::int64_t version = 0;
        bool is_deleted = false;
    };

    const made_event* find(const uuid& id) const;

    std::string schema_;
    std::vector<made_event> log_;
    std::map<std::string, made_stream> streams_;
    std::map<std::int64_t, std::string> half_deleted_; // by the id of the stream
    std::map<uuid, std::size_t> ids_;                  // places in the log
    std::int64_t last_stream_id_ = 0;
    std::int64_t floor_ = 0;
};

} // namespace eventstore::test::faults
