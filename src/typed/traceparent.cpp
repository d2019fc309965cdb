#include "typed/traceparent.hpp"

#include "base/text.hpp"
#include "typed/json_parser.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <algorithm>

namespace eventstore {

namespace {

constexpr std::string_view member = "traceparent";
constexpr std::string_view white_space = " \t\r\n";

bool is_hexadecimal(std::string_view text) noexcept {
    return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) noexcept { return text.find_first_not_of('0') == std::string_view::npos; }

} // namespace

trace_span::~trace_span() = default;
tracer::~tracer() = default;

bool is_traceparent(std::string_view text) noexcept {
    if (text.size() != 55 || !text.starts_with("00-") || text[35] != '-' || text[52] != '-') return false;
    const std::string_view trace = text.substr(3, 32);
    const std::string_view span = text.substr(36, 16);
    return is_hexadecimal(trace) && !is_zero(trace) && is_hexadecimal(span) && !is_zero(span) &&
        is_hexadecimal(text.substr(53));
}

std::string traceparent_of(const recorded_event& event) { return detail::find_traceparent(event.metadata()); }

namespace detail {

std::optional<std::string> with_traceparent(std::string_view metadata, std::string_view traceparent) {
    const auto begin = metadata.find_first_not_of(white_space);
    if (metadata.empty()) return message("{\"", member, "\":\"", traceparent, "\"}");
    if (begin == std::string_view::npos || metadata[begin] != '{') return std::nullopt;
    boost::json::value parsed;
    if (parse_json(metadata, parsed) || parsed.as_object().contains({member.data(), member.size()}))
        return std::nullopt;
    const std::string_view rest = metadata.substr(begin + 1);
    return message(metadata.substr(0, begin + 1), "\"", member, "\":\"", traceparent,
        parsed.as_object().empty() ? "\"" : "\",", rest);
}

std::string find_traceparent(std::string_view metadata) {
    if (metadata.find(member) == std::string_view::npos) return {}; // most have none, and are not parsed
    boost::json::value parsed;
    if (parse_json(metadata, parsed) || !parsed.is_object()) return {};
    const boost::json::value* const found = parsed.as_object().if_contains({member.data(), member.size()});
    if (!found || !found->is_string()) return {};
    const boost::json::string& text = found->as_string();
    const std::string_view value(text.data(), text.size());
    return is_traceparent(value) ? std::string(value) : std::string();
}

} // namespace detail

} // namespace eventstore
