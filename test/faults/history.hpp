// The records of all processes, read back.
#pragma once

#include "faults/record.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace eventstore::test::faults {

inline constexpr instant never = std::numeric_limits<instant>::max();

struct uuid_hash {
    std::size_t operator()(const uuid& id) const noexcept;
};

/// Names as small numbers: millions of records name the same few streams.
class name_table {
public:
    using number = std::uint32_t;

    name_table() = default;
    name_table(name_table&&) = default;
    name_table& operator=(name_table&&) = default;

    number number_of(std::string_view text);
    const std::string& name_of(number at) const { return *names_[at]; }
    std::size_t size() const noexcept { return names_.size(); }

private:
    struct text_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
    };
    std::unordered_map<std::string, number, text_hash, std::equal_to<>> numbers_;
    std::vector<const std::string*> names_;
};

using name_number = name_table::number;

enum class outcome : std::uint8_t { unknown, done, refused };

struct append_part {
    name_number stream = 0;
    std::int64_t expected = -1;
    std::vector<uuid> ids;
    told_place told;
};

struct append_attempt {
    name_number process = 0;
    name_number store = 0;
    outcome end = outcome::unknown; // also of a process that was killed
    instant begun = 0;
    instant ended = never;
    std::vector<append_part> parts;
};

struct change_attempt {
    name_number process = 0;
    name_number store = 0;
    name_number stream = 0;
    stream_change change = stream_change::soft_delete;
    outcome end = outcome::unknown;
    instant begun = 0;
    instant ended = never;
};

/// What an owner did, in the order of its records.
struct owner_step {
    enum class kind : std::uint8_t { delivered, acking, acking_through, nacking, leaving, durable };

    kind done = kind::delivered;
    std::uint32_t consumer = 0;
    std::uint32_t batch = 0;
    name_number stream = 0;
    instant at = 0;
    std::int64_t position = 0;
    std::int64_t version = 0;
    uuid id{};
};

/// A process that has a subscription, from one claim to its end; all consumers in it.
struct ownership {
    name_number process = 0;
    name_number store = 0;
    name_number stream = 0; // "$all"
    name_number subscription = 0;
    std::int64_t epoch = 0;
    std::int64_t from = 0;
    instant begun = 0;
    instant ended = never; // it was killed, perhaps
    std::vector<owner_step> steps;
};

/// The handler of a projection gets a batch.
struct handler_call {
    name_number store = 0;
    name_number projection = 0;
    instant at = 0;
    std::int64_t first = 0; // positions
    std::int64_t last = 0;
};

/// It fails by itself, with a batch of one event.
struct handler_rejection {
    name_number store = 0;
    name_number projection = 0;
    instant at = 0;
    std::int64_t position = 0;
};

/// A proxy has the server refuse a statement of any client.
struct refused_statement {
    name_number sqlstate = 0;
    instant at = 0;
};

struct process_pause {
    name_number process = 0;
    instant begun = 0;
    instant ended = never;
};

/// A line that a recorder does not write; names the file and the line.
class bad_record : public std::runtime_error {
public:
    using runtime_error::runtime_error;
};

class history {
public:
    /// \throws bad_record, and std::runtime_error for a file that cannot be read
    void add_file(const std::string& path);
    /// The records of one process. What follows the last end of a line is left out: the process was killed there.
    /// \param source for messages
    void add(std::string_view text, const std::string& source);

    name_table names;
    std::vector<append_attempt> appends;
    std::vector<change_attempt> changes;
    std::vector<ownership> ownerships;
    std::vector<handler_call> handler_calls;
    std::vector<handler_rejection> handler_rejections;
    std::vector<refused_statement> refused_statements;
    std::vector<process_pause> pauses;

private:
    std::set<name_number> processes_; // that were read
};

} // namespace eventstore::test::faults
