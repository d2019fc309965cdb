/// \file
/// Typed events: what a C++ type needs to be appended and read as an event.
#pragma once

#include <eventstore/event_data.hpp>
#include <eventstore/recorded_event.hpp>

#include <concepts>
#include <type_traits>

namespace eventstore {

/// How a type is written to events and read from them. Specialise it; `eventstore/json.hpp` has one ready for types
/// described by Boost.Describe:
///
///     template <>
///     struct es::codec<account_opened> : es::json_codec<account_opened, "AccountOpened"> {};
///
/// A codec of your own, in whatever format, has two static functions:
///
///     static event_data encode(const account_opened& event);
///     static account_opened decode(const recorded_event& event);
template <class Event>
struct codec;

/// A type that has a codec, and so can be given to `append`.
template <class Event>
concept typed_event = requires(const std::remove_cvref_t<Event>& event) {
    { codec<std::remove_cvref_t<Event>>::encode(event) } -> std::same_as<event_data>;
};

namespace detail {

/// A temporary that owns something, made inside `co_await`, is freed twice by g++ 12.
template <class Argument>
inline constexpr bool is_safe_in_await =
    std::is_lvalue_reference_v<Argument> || std::is_trivially_destructible_v<std::remove_cvref_t<Argument>>;

} // namespace detail

} // namespace eventstore
