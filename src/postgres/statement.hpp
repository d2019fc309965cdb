/// Statements that connections prepare when they first need them.
#pragma once

#include "postgres/parameters.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace eventstore::postgres {

/// What a set of statements has in common: who sends one keeps the set, and a pool counts what was sent of it.
class statement_set : public std::enable_shared_from_this<statement_set> {
public:
    statement_set() = default;
    statement_set(const statement_set&) = delete;
    statement_set& operator=(const statement_set&) = delete;

    mutable std::atomic<std::uint64_t> reads{0};
    mutable std::atomic<std::uint64_t> others{0}; ///< statements that write
    mutable std::atomic<std::size_t> reads_in_flight{0};

protected:
    ~statement_set() = default;
};

/// One SQL statement with the types of its parameters. Statements live as long as the connections that use them, or belong
/// to a set that is kept while they are under way; `index` is unique among those of a pool and tells which of them a
/// connection has prepared.
struct statement {
    std::size_t index = 0;
    std::string name; ///< of the prepared statement; the connection adds a number
    std::string text;
    std::vector<type_oid> types;
    bool writes = false;                ///< has a transaction of its own, at whose end it is told how it ended
    std::string doing;                  ///< for messages: "reading a stream"
    bool is_prepared = true;            ///< false: sent whole each time
    bool answers_in_text = false;       ///< every type can be read so; else in binary, whose types the reader must know
    const statement_set* set = nullptr; ///< that it is a member of
};

/// A statement that is a set by itself: made for one use, and sent whole. It reads, unless `query` is told otherwise.
class lone_statement final : public statement_set {
public:
    lone_statement(std::string text, std::vector<type_oid> types, std::string doing) {
        query.text = std::move(text);
        query.types = std::move(types);
        query.doing = std::move(doing);
        query.is_prepared = false;
        query.set = this;
    }

    statement query;
};

} // namespace eventstore::postgres
