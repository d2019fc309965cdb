#include "async/trace_source.hpp"

#include "base/text.hpp"

namespace eventstore::detail {

std::unique_ptr<trace_span> trace_source::begin(
    std::string_view operation, span_kind kind, attribute_list own, std::span<const std::string> links) const noexcept {
    try {
        const std::string name = message(operation, " ", space_);
        own.add_text("db.system.name", "postgresql");
        own.add_text("db.operation.name", operation);
        own.add_text("db.namespace", space_);
        if (!address_.empty()) own.add_text("server.address", address_);
        if (port_ != 0) own.add("server.port", port_);
        span_start start;
        start.name = name;
        start.kind = kind;
        start.attributes = own;
        start.links = links;
        return tracer_->begin(start);
    } catch (...) { // of the user's tracer, or for want of memory: the operation goes on
        return nullptr;
    }
}

void trace_source::end(std::unique_ptr<trace_span>& span, attribute_list attributes, const failure* why) noexcept {
    if (!span) return;
    try {
        if (why) attributes.add_text("error.type", name_of(why->code()));
        if (why && !why->sqlstate().empty()) attributes.add_text("db.response.status_code", why->sqlstate());
    } catch (...) { // without them
    }
    span->end(attributes, why);
    span.reset();
}

} // namespace eventstore::detail
