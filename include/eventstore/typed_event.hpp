/// \file
/// Typed events: how a C++ type is appended as an event, and read back (`eventstore/decode.hpp`).
#pragma once

#include <eventstore/event_data.hpp>
#include <eventstore/recorded_event.hpp>

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace eventstore {

namespace detail {

template <class>
inline constexpr bool always_false = false;

/// g++ 12 frees an owning temporary twice if it is made inside `co_await`.
template <class Argument>
inline constexpr bool is_safe_in_await =
    std::is_lvalue_reference_v<Argument> || std::is_trivially_destructible_v<std::remove_cvref_t<Argument>>;

} // namespace detail

/// How a type is written to events and read from them. Specialise it; `eventstore/json.hpp` provides one for types
/// described with Boost.Describe:
///
///     template <>
///     struct es::codec<account_opened> : es::json_codec<account_opened, "AccountOpened"> {};
///
/// **A custom codec**, in any format (examples/10_typed_events.cpp has a binary one):
///
///     template <>
///     struct es::codec<account_opened> {
///         static constexpr std::string_view type = "AccountOpened";
///         static es::event_data encode(const account_opened& event);
///         static account_opened decode(const es::recorded_event& event); // or es::result<account_opened>
///         static constexpr std::string_view former_types[] = {"AccountCreated"}; // optional
///     };
///
/// - `type`: the event type, unique within a variant.
/// - `encode`: returns an event_data with that type. Appending needs nothing else.
/// - `decode`: throws a `std::exception`, or returns a failure, if the data does not fit. The event's type, id, stream
///   and version precede its message, so it need only state the reason: "3 bytes are too few". It is called only with
///   events of the types that the codec names; `event.type()` tells which one.
/// - `former_types`: former names of the type. Events with these names are decoded, too.
/// - Bytes written by encode are read as long as the store exists: choose a format that can be extended.
///
/// All of them may be called from any threads at once. Specialise before the first use of the type.
template <class Event>
struct codec {
    using missing = void; // there is no specialisation

    static event_data encode(const Event&) {
        static_assert(detail::always_false<Event>,
            "this type is no event: it has no codec. Write, before its first use: "
            "template <> struct eventstore::codec<T> : eventstore::json_codec<T, \"EventType\"> {}; "
            "(eventstore/json.hpp), or a codec of your own (eventstore/typed_event.hpp)");
        return event_data(std::string(), std::string());
    }
};

/// A type with a codec that can encode: enough to append it.
template <class Event>
concept has_codec = !requires {
    typename codec<std::remove_cvref_t<Event>>::missing;
}
&&requires(const std::remove_cvref_t<Event>& event) {
    { codec<std::remove_cvref_t<Event>>::encode(event) } -> std::same_as<event_data>;
};

/// A type whose codec can also decode: required by `decode`.
template <class Event>
concept decodable_event = has_codec<Event> && requires(const recorded_event& event) {
    { codec<Event>::type } -> std::convertible_to<std::string_view>;
    codec<Event>::decode(event);
};

/// A typed event, as `append` accepts it: anything other than an event_data or a list of them. A missing codec is
/// checked later, for a readable compiler error; to select an overload by it, use `has_codec`.
template <class Event>
concept typed_event = !std::is_convertible_v<Event, event_data> &&
    !std::is_convertible_v<Event, std::vector<event_data>> && requires(const std::remove_cvref_t<Event>& event) {
    { codec<std::remove_cvref_t<Event>>::encode(event) } -> std::same_as<event_data>;
};

/// Makes the event_data of a typed event, to complete with its setters:
///
///     auto event = es::to_event_data(opened).causation_id(command).metadata(es::json_object("user", user));
///
/// Errors: those that the codec throws. Like every event_data it has its own id: append a copy to retry.
template <typed_event Event>
event_data to_event_data(Event&& event) {
    static_assert(detail::is_safe_in_await<Event>,
        "name the event first (const auto event = opened{...};) and pass that: g++ 12 frees a temporary inside "
        "co_await twice");
    return codec<std::remove_cvref_t<Event>>::encode(event);
}

namespace detail {

template <class Event>
event_data any_event_data(Event&& event) {
    if constexpr (typed_event<Event>)
        return to_event_data(std::forward<Event>(event));
    else
        return std::forward<Event>(event);
}

} // namespace detail

/// A list of events, some or all of them typed: `co_await store.append("account-1", 2, es::events(opened, deposited))`.
template <class... Events>
    requires(typed_event<Events> || ...)
std::vector<event_data> events(Events&&... event) {
    std::vector<event_data> list;
    list.reserve(sizeof...(event));
    (list.push_back(detail::any_event_data(std::forward<Events>(event))), ...);
    return list;
}

} // namespace eventstore
