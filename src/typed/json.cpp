#include <eventstore/json.hpp>

#include <eventstore/decode.hpp>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "typed/json_parser.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/serializer.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace eventstore {

namespace detail {

namespace {

std::string_view view_of(const boost::json::string& text) { return std::string_view(text.data(), text.size()); }

/// What was found, for a message. Texts are left out: they may be long, or nobody else's business.
std::string described(const boost::json::value& found) {
    switch (found.kind()) {
    case boost::json::kind::string: return found.get_string().empty() ? "an empty string" : "a string";
    case boost::json::kind::array: return "a list";
    case boost::json::kind::object: return "an object";
    default: return boost::json::serialize(found);
    }
}

bool is_plain_name(std::string_view name) {
    return std::all_of(name.begin(), name.end(),
        [](char c) { return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

boost::json::value read_json_text(const recorded_event& event, std::string_view subject, std::string_view text) {
    boost::json::value read;
    if (const auto failed = parse_json(text, read))
        throw error(undecodable(event, message("the ", subject, " is no JSON: ", failed.message())));
    return read;
}

} // namespace

std::string json_place::path() const {
    std::string text;
    if (above_) text = above_->path();
    if (!member_.empty())
        text += message(
            text.empty() ? "" : ".", is_plain_name(member_) ? std::string(member_) : quoted_for_message(member_));
    else if (above_)
        text += message("[", std::to_string(element_), "]");
    return text;
}

bool json_place::wrong(std::string_view problem) const {
    const std::string place = path();
    *problem_ = message(place.empty() ? "the data" : place, " ", problem);
    return false;
}

bool json_place::expected(std::string_view wanted, const boost::json::value& found) const {
    const std::string place = path();
    *problem_ = message(place.empty() ? "the data" : place, ": ", wanted, " is expected, not ", described(found));
    return false;
}

bool json_place::missing(std::string_view member) const { return json_place(*this, member).wrong("is missing"); }

bool json_place::writable(const boost::json::value& value) const {
    switch (value.kind()) {
    case boost::json::kind::double_: return std::isfinite(value.get_double()) || wrong("is no finite number");
    case boost::json::kind::string: return is_json_text(view_of(value.get_string())) || wrong("is no UTF-8");
    case boost::json::kind::array: {
        std::size_t index = 0;
        for (const boost::json::value& element : value.get_array())
            if (!json_place(*this, index++).writable(element)) return false;
        return true;
    }
    case boost::json::kind::object:
        for (const auto& [key, member] : value.get_object()) {
            const std::string_view name(key.data(), key.size());
            if (!is_json_text(name)) return wrong("has a name that is no UTF-8");
            if (!json_place(*this, name).writable(member)) return false;
        }
        return true;
    default: return true;
    }
}

json_document::~json_document() = default;

bool json_document::parse(std::string_view text, const json_place& at) {
    const auto failed = parse_json(text, root_);
    return !failed || at.wrong("is no JSON: " + failed.message());
}

std::string json_document::text() const { return boost::json::serialize(root_); }

std::string time_to_text(timestamp when) {
    using namespace std::chrono;
    const bool has_text = when >= sys_days(year(0) / January / 1) && when < sys_days(year(10000) / January / 1);
    return has_text ? to_text(when) : std::string();
}

std::optional<timestamp> time_from_text(std::string_view text) { return parse_time(text); }

bool is_json_text(std::string_view text) noexcept {
    while (true) { // JSON can write NUL, other than PostgreSQL
        const std::size_t end = text.find('\0');
        if (!is_storable_text(text.substr(0, end))) return false;
        if (end == text.npos) return true;
        text.remove_prefix(end + 1);
    }
}

void throw_unwritable(std::string_view subject, std::string_view problem) {
    throw error(failure(errc::invalid_argument, message(subject, " cannot be written as JSON: ", problem)));
}

} // namespace detail

boost::json::value json_data(const recorded_event& event) {
    return detail::read_json_text(event, "data", event.data());
}

boost::json::value json_metadata(const recorded_event& event) {
    if (event.metadata().empty()) return nullptr;
    return detail::read_json_text(event, "metadata", event.metadata());
}

void rename_member(boost::json::object& data, std::string_view from, std::string_view to) {
    const auto found = data.find(boost::json::string_view(from.data(), from.size()));
    if (found == data.end() || from == to) return;
    boost::json::value value = std::move(found->value());
    data.erase(found);
    data[boost::json::string_view(to.data(), to.size())] = std::move(value);
}

} // namespace eventstore
