/// What a call of the public interface tells the tracer, and the watch for handlers.
#pragma once

#include "append/append_request.hpp"
#include "async/handler_watch.hpp"
#include "async/trace_source.hpp"
#include "runtime/store_core.hpp"
#include "typed/traceparent.hpp"

#include <eventstore/append_result.hpp>
#include <eventstore/error.hpp>
#include <eventstore/event_page.hpp>
#include <eventstore/expected_version.hpp>
#include <eventstore/read_options.hpp>
#include <eventstore/snapshot.hpp>
#include <eventstore/stream_append.hpp>
#include <eventstore/stream_info.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace eventstore::detail {

/// A public operation, as the log and its spans name it. Lives as long as the program.
struct operation_kind {
    std::string_view name;
    std::string_view first = "eventstore.stream"; ///< the attribute that the first text among its arguments is
};

/// The attributes of a call's arguments and of its outcome; most types have none.
class call_attributes {
public:
    explicit call_attributes(const operation_kind& of) : first_(of.first) {}

    template <class T>
    void argument(const T&) {}
    void argument(const std::string& text);
    void argument(const expected_version& expected);
    void argument(const append::event_list& events);
    void argument(const std::vector<stream_append>& streams);
    void argument(const std::vector<uuid>& ids);
    void argument(const uuid& id);
    void argument(const read_options& options);
    void argument(const eventstore::snapshot& recorded);

    template <class T>
    void outcome(const T&) {}
    void outcome(const append_result& result);
    void outcome(const std::vector<append_result>& results);
    void outcome(const event_page& page);
    void outcome(const recorded_event& event);
    void outcome(const eventstore::stream_info& info);
    void outcome(const eventstore::snapshot& found);

    attribute_list list;

private:
    void add_events(std::size_t count);
    void add_batch(std::size_t count);

    const std::string_view first_;
    bool has_text_ = false;
};

/// The user's text, if it is a traceparent; else empty.
std::string checked_traceparent(const trace_span& span) noexcept;
/// Has the events of an append carry its traceparent, unless that is empty; see eventstore::tracer.
void carry_traceparent(const std::string& traceparent, const store_options& options, append::event_list& events);
void carry_traceparent(
    const std::string& traceparent, const store_options& options, std::vector<stream_append>& streams);

/// The span of one call.
class call_trace {
public:
    call_trace() = default;
    /// Of a call whose arguments nobody is told. \param from null: it is not traced
    call_trace(const std::shared_ptr<const trace_source>& from, const operation_kind& of) noexcept {
        if (from) begin(*from, of, attribute_list());
    }
    template <class... Args>
    call_trace(const store_core& core, const operation_kind& of, Args&... args) {
        if (!core.tracing) return;
        call_attributes known(of);
        (known.argument(args), ...);
        begin(*core.tracing, of, std::move(known.list));
        if (span_) (carry(core.options, args), ...);
    }

    template <class T>
    void end(const operation_kind& of, const result<T>& outcome) noexcept {
        if (!span_) return;
        call_attributes known(of);
        if (!outcome) {
            const failure why = outcome.error();
            return trace_source::end(span_, std::move(known.list), &why);
        }
        if constexpr (!std::is_void_v<T>) known.outcome(*outcome);
        trace_source::end(span_, std::move(known.list), nullptr);
    }

    /// Null if it is not traced.
    const trace_span* span() const noexcept { return span_.get(); }

private:
    template <class T>
    void carry(const store_options& options, T& argument) {
        if constexpr (requires { carry_traceparent(std::string(), options, argument); })
            carry_traceparent(checked_traceparent(*span_), options, argument);
    }
    void begin(const trace_source& from, const operation_kind& of, attribute_list attributes) noexcept;

    std::unique_ptr<trace_span> span_;
};

} // namespace eventstore::detail
