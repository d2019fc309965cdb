/// \file
/// A hook for distributed tracing: a store tells a `tracer` of its operations.
#pragma once

#include <eventstore/error.hpp>
#include <eventstore/export.hpp>
#include <eventstore/recorded_event.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace eventstore {

/// One attribute of a span. The names are those of OpenTelemetry's semantic conventions for databases (`db.system.name`,
/// `db.operation.name`, `db.namespace`, `error.type` ...), and `eventstore.` names:
///
/// | name | value |
/// |---|---|
/// | `eventstore.stream`, `.subscription`, `.snapshot` | names |
/// | `eventstore.expected_version` | as expected_version::value(); 0 = no_stream, -1 = any_version, -2 = stream_exists |
/// | `eventstore.event.count`, `.event.id` | the number of events, appended, read or delivered; an id that is looked for |
/// | `eventstore.version.first`, `.version.last`, `.position.first`, `.position.last` | of these events |
/// | `eventstore.already_appended` | true: an earlier attempt has stored the events |
/// | `eventstore.batch.delivery`, `.batch.outcome` | how often it was delivered; `ack`, `nack`, `transaction` (one has taken its ack), `none` |
struct span_attribute {
    std::string_view key;
    std::variant<std::int64_t, bool, std::string_view> value;
};

enum class span_kind {
    client,   ///< a call of the store
    consumer, ///< a batch of a subscription, from its delivery to ack or nack, or else to its destruction
};

/// What a span begins with. The views are valid during the call of `tracer::begin`.
struct span_start {
    std::string_view name; ///< the operation, and the database and schema: `append shop|eventstore`
    span_kind kind = span_kind::client;
    std::span<const span_attribute> attributes;
    /// Of a batch: the spans of the appends of its events, each once, as `traceparent` texts; at most 128.
    std::span<const std::string> links;
};

/// One span. Destroyed without end(), its operation was abandoned: cancelled, or destroyed with its execution context.
///
/// Thread safety: used by one thread at a time, which may change.
class EVENTSTORE_EXPORT trace_span {
public:
    virtual ~trace_span();

    /// The context of this span as the W3C text `00-<trace id>-<span id>-<flags>`, to be stored with events; empty: none.
    virtual std::string traceparent() const = 0;

    /// The operation has ended; called once at most.
    /// \param attributes known only now; valid during the call
    /// \param why null: it has succeeded
    virtual void end(std::span<const span_attribute> attributes, const failure* why) noexcept = 0;
};

/// Receives the spans of a store: `store_options::tracing`. opentelemetry.hpp has one for OpenTelemetry.
///
/// A span begins when its call is awaited, on the thread of the caller: what is active there is its parent. Calls that
/// are refused for their arguments, or because the store is closed, have none, but those of transactions. Each page that
/// a scan waits for is a span. While a span has a valid `traceparent`, an
/// append stores it in the metadata of each event, as the member "traceparent" of its JSON object, unless the metadata
/// is not empty and no JSON object, has such a member, or would exceed `max_event_bytes`.
///
/// Thread safety: begin is called on any thread.
class EVENTSTORE_EXPORT tracer {
public:
    virtual ~tracer();

    /// Null: this operation is not traced. An exception counts as that.
    virtual std::unique_ptr<trace_span> begin(const span_start& start) = 0;
};

/// The `traceparent` in the metadata of an event: the span of its append. Empty if there is none, or none that is valid.
EVENTSTORE_EXPORT std::string traceparent_of(const recorded_event& event);

/// True if the text is a valid `traceparent` of version 00.
EVENTSTORE_EXPORT bool is_traceparent(std::string_view text) noexcept;

} // namespace eventstore
