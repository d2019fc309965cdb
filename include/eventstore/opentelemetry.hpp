/// \file
/// Spans of OpenTelemetry for the operations of a store.
#pragma once

#include <eventstore/tracing.hpp>

#include <opentelemetry/common/attribute_value.h>
#include <opentelemetry/common/key_value_iterable.h>
#include <opentelemetry/nostd/function_ref.h>
#include <opentelemetry/nostd/shared_ptr.h>
#include <opentelemetry/nostd/span.h>
#include <opentelemetry/nostd/string_view.h>
#include <opentelemetry/trace/provider.h>
#include <opentelemetry/trace/span.h>
#include <opentelemetry/trace/span_context.h>
#include <opentelemetry/trace/span_context_kv_iterable.h>
#include <opentelemetry/trace/span_startoptions.h>
#include <opentelemetry/trace/trace_flags.h>
#include <opentelemetry/trace/tracer.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace eventstore {

namespace detail::otel {

namespace api = opentelemetry;

inline api::nostd::string_view view(std::string_view text) noexcept { return {text.data(), text.size()}; }

inline api::common::AttributeValue value_of(const span_attribute& attribute) {
    if (const auto* const number = std::get_if<std::int64_t>(&attribute.value)) return *number;
    if (const auto* const flag = std::get_if<bool>(&attribute.value)) return *flag;
    return view(std::get<std::string_view>(attribute.value));
}

/// The attributes of a span, as the interface of OpenTelemetry takes them.
class attributes_of final : public api::common::KeyValueIterable {
public:
    explicit attributes_of(std::span<const span_attribute> all) noexcept : all_(all) {}

    bool ForEachKeyValue(api::nostd::function_ref<bool(api::nostd::string_view, api::common::AttributeValue)> callback)
        const noexcept override {
        for (const span_attribute& attribute : all_) {
            if (!callback(view(attribute.key), value_of(attribute))) return false;
        }
        return true;
    }
    std::size_t size() const noexcept override { return all_.size(); }

private:
    const std::span<const span_attribute> all_;
};

template <std::size_t Size>
std::array<std::uint8_t, Size> bytes_of(std::string_view hexadecimal) noexcept {
    const auto digit = [](char c) { return static_cast<std::uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10); };
    std::array<std::uint8_t, Size> bytes{};
    for (std::size_t i = 0; i < Size; ++i)
        bytes[i] = static_cast<std::uint8_t>(digit(hexadecimal[2 * i]) << 4 | digit(hexadecimal[2 * i + 1]));
    return bytes;
}

/// \param traceparent a valid one
inline api::trace::SpanContext context_of(std::string_view traceparent) noexcept {
    const auto trace = bytes_of<16>(traceparent.substr(3));
    const auto span = bytes_of<8>(traceparent.substr(36));
    const auto flags = bytes_of<1>(traceparent.substr(53));
    return {api::trace::TraceId(trace), api::trace::SpanId(span), api::trace::TraceFlags(flags[0]), true};
}

class links_of final : public api::trace::SpanContextKeyValueIterable {
public:
    explicit links_of(std::span<const std::string> all) noexcept : all_(all) {}

    bool ForEachKeyValue(
        api::nostd::function_ref<bool(api::trace::SpanContext, const api::common::KeyValueIterable&)> callback)
        const noexcept override {
        const attributes_of none{std::span<const span_attribute>()};
        for (const std::string& link : all_) {
            if (!callback(context_of(link), none)) return false;
        }
        return true;
    }
    std::size_t size() const noexcept override { return all_.size(); }

private:
    const std::span<const std::string> all_;
};

class span final : public trace_span {
public:
    explicit span(api::nostd::shared_ptr<api::trace::Span> inside) : inside_(std::move(inside)) {}
    ~span() override { inside_->End(); } // a second end does nothing

    std::string traceparent() const override {
        const api::trace::SpanContext context = inside_->GetContext();
        if (!context.IsValid()) return {};
        std::array<char, 55> text{};
        text.fill('-');
        text[0] = text[1] = '0';
        context.trace_id().ToLowerBase16(api::nostd::span<char, 32>(text.data() + 3, 32));
        context.span_id().ToLowerBase16(api::nostd::span<char, 16>(text.data() + 36, 16));
        context.trace_flags().ToLowerBase16(api::nostd::span<char, 2>(text.data() + 53, 2));
        return std::string(text.data(), text.size());
    }

    void end(std::span<const span_attribute> attributes, const failure* why) noexcept override {
        for (const span_attribute& attribute : attributes)
            inside_->SetAttribute(view(attribute.key), value_of(attribute));
        if (why) inside_->SetStatus(api::trace::StatusCode::kError, view(why->message()));
        inside_->End();
    }

private:
    const api::nostd::shared_ptr<api::trace::Span> inside_;
};

} // namespace detail::otel

/// Makes spans by the API of OpenTelemetry, 1.8 or later. Header-only: the program links to opentelemetry-cpp.
///
///     es::store_options options(url);
///     options.tracing(std::make_shared<es::opentelemetry_tracer>());
///
/// The parent of a span is the span that is active in the thread which awaits the call; see `eventstore::tracer`. In a
/// coroutine a `Scope` must not live across a co_await, after which another coroutine may run in the thread.
class opentelemetry_tracer final : public tracer {
public:
    /// The tracer named `eventstore` of the global provider.
    opentelemetry_tracer()
        : opentelemetry_tracer(opentelemetry::trace::Provider::GetTracerProvider()->GetTracer("eventstore")) {}
    explicit opentelemetry_tracer(opentelemetry::nostd::shared_ptr<opentelemetry::trace::Tracer> inside)
        : inside_(std::move(inside)) {}

    std::unique_ptr<trace_span> begin(const span_start& start) override {
        namespace api = opentelemetry;
        api::trace::StartSpanOptions options;
        options.kind =
            start.kind == span_kind::client ? api::trace::SpanKind::kClient : api::trace::SpanKind::kConsumer;
        const detail::otel::attributes_of attributes(start.attributes);
        const detail::otel::links_of links(start.links);
        return std::make_unique<detail::otel::span>(
            inside_->StartSpan(detail::otel::view(start.name), attributes, links, options));
    }

private:
    const opentelemetry::nostd::shared_ptr<opentelemetry::trace::Tracer> inside_;
};

} // namespace eventstore
