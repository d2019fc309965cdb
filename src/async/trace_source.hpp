/// Where the spans of a store come from.
#pragma once

#include <eventstore/tracing.hpp>

#include <boost/container/small_vector.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace eventstore::detail {

/// The attributes of one span. Views are kept as they are, unless they are given as own().
class attribute_list {
public:
    void add(std::string_view key, std::int64_t value) { all_.push_back({key, value}); }
    void add_flag(std::string_view key, bool value) { all_.push_back({key, value}); }
    void add_text(std::string_view key, std::string_view value) { all_.push_back({key, value}); }
    void add_own(std::string_view key, std::string value) { add_text(key, texts_.emplace_back(std::move(value))); }
    operator std::span<const span_attribute>() const noexcept { // NOLINT(google-explicit-constructor)
        return {all_.data(), all_.size()};
    }

private:
    boost::container::small_vector<span_attribute, 16> all_;
    std::deque<std::string> texts_;
};

/// The user's tracer, and what all spans of a store have in common. Thread safe. A store without a tracer has no such
/// object: the cost of tracing that is off is the question whether there is one.
class trace_source {
public:
    /// \param space the database and schema
    /// \param address, port of the server, as far as they are known; empty, 0
    trace_source(std::shared_ptr<tracer> to, std::string space, std::string address, std::int64_t port)
        : tracer_(std::move(to)), space_(std::move(space)), address_(std::move(address)), port_(port) {}

    /// Null: it is not traced.
    /// \param own the attributes of the operation; others are added
    std::unique_ptr<trace_span> begin(std::string_view operation, span_kind kind, attribute_list own,
        std::span<const std::string> links = {}) const noexcept;

    /// Ends a span, if there is one.
    static void end(std::unique_ptr<trace_span>& span, attribute_list attributes, const failure* why) noexcept;

private:
    const std::shared_ptr<tracer> tracer_;
    const std::string space_;
    const std::string address_;
    const std::int64_t port_;
};

} // namespace eventstore::detail
