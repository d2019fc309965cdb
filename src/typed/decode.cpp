#include <eventstore/decode.hpp>

#include "base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace eventstore::detail {

namespace {

failure about(const recorded_event& event, errc code, const std::string& problem) {
    return failure(code,
        {.message = message("event ", quoted_for_message(event.type()), " ", to_string(event.id()), " (stream ",
             quoted_for_message(event.stream()), ", version ", std::to_string(event.version()), ") ", problem),
            .stream = std::string(event.stream())});
}

} // namespace

failure undecodable(const recorded_event& event, std::string_view why) {
    return about(event, errc::event_not_decodable, message("cannot be decoded: ", why));
}

failure unknown_type(const recorded_event& event, std::span<const named_type> known) {
    constexpr std::size_t most = 20;
    std::string names;
    for (const named_type& type : known.first(std::min(known.size(), most)))
        names += message(names.empty() ? "" : ", ", quoted_for_message(type.name));
    if (known.size() > most) names += message(" and ", std::to_string(known.size() - most), " more");
    return about(event, errc::unknown_event_type,
        message("is of none of the types asked for: ", names, "; decode_known passes over such events"));
}

} // namespace eventstore::detail
