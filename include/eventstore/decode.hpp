/// \file
/// Decodes recorded events into C++ types: one type, or a `std::variant` of all types that a program handles.
///
///     using account_event = std::variant<opened, deposited, withdrawn>; // each has a codec: eventstore/typed_event.hpp
///
///     for (const es::recorded_event& event : co_await store.read("account-1"))
///         std::visit(balance, es::decode<account_event>(event));
///
/// For events of other types, `decode` fails, and `decode_known` returns nothing. Each has a `try_...` variant, which
/// returns failures as values and does not throw them.
///
/// Errors: `unknown_event_type` (not from `decode_known`); `event_not_decodable`, if the type is known and the data
/// does not fit it. The message names the event's type, id, stream and version, and the member that is wrong.
///
/// The alternative is found by binary search in a compile-time table: 15 to 30 ns, for 3 types or for 100.
/// Thread safety: any threads at once, as for the codecs.
#pragma once

#include <eventstore/error.hpp>
#include <eventstore/export.hpp>
#include <eventstore/recorded_event.hpp>
#include <eventstore/typed_event.hpp>

#include <boost/system/result.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <iterator>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace eventstore {

namespace detail {

/// A current or former name of a type, and its index in the variant.
struct named_type {
    std::string_view name;
    std::size_t index = 0;
};

/// By length first, since it distinguishes most names.
constexpr bool is_before(std::string_view left, std::string_view right) noexcept {
    return left.size() != right.size() ? left.size() < right.size() : left < right;
}

template <class Event>
consteval std::size_t count_of_names() {
    if constexpr (requires { codec<Event>::former_types; })
        return 1 + std::size(codec<Event>::former_types);
    else
        return 1;
}

template <class... Events>
consteval auto table_of_names() {
    std::array<named_type, (count_of_names<Events>() + ...)> table;
    std::size_t at = 0, index = 0;
    const auto add = [&]<class Event>(std::type_identity<Event>) {
        table[at++] = {codec<Event>::type, index};
        if constexpr (requires { codec<Event>::former_types; })
            for (const auto& former : codec<Event>::former_types) table[at++] = {std::string_view(former), index};
        ++index;
    };
    (add(std::type_identity<Events>()), ...);
    std::sort(table.begin(), table.end(),
        [](const named_type& left, const named_type& right) { return is_before(left.name, right.name); });
    return table;
}

EVENTSTORE_EXPORT failure undecodable(const recorded_event& event, std::string_view why);
EVENTSTORE_EXPORT failure unknown_type(const recorded_event& event, std::span<const named_type> known);

template <class Target, std::size_t Index, class Event>
result<Target> as_target(Event&& event) {
    if constexpr (std::is_same_v<Target, Event>)
        return {boost::system::in_place_value, std::move(event)};
    else
        return {boost::system::in_place_value, std::in_place_index<Index>, std::move(event)};
}

template <class Target, std::size_t Index, class Event>
result<Target> decode_as(const recorded_event& event) {
    try {
        auto decoded = codec<Event>::decode(event);
        if constexpr (std::is_same_v<decltype(decoded), result<Event>>) {
            if (!decoded) return undecodable(event, decoded.error().message());
            return as_target<Target, Index>(*std::move(decoded));
        } else {
            static_assert(std::is_same_v<decltype(decoded), Event>,
                "codec<Event>::decode(const eventstore::recorded_event&) must return Event or "
                "eventstore::result<Event>");
            return as_target<Target, Index>(std::move(decoded));
        }
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& why) {
        return undecodable(event, why.what());
    }
}

template <class Event>
consteval bool require_codec() {
    static_assert(decodable_event<Event>,
        "this type cannot be decoded: it has no codec. Write, before its first use: "
        "template <> struct eventstore::codec<T> : eventstore::json_codec<T, \"EventType\"> {}; "
        "(eventstore/json.hpp), or a codec of your own with type, encode and decode (eventstore/typed_event.hpp)");
    return decodable_event<Event>;
}

template <class Target, class... Events>
struct decoder {
    static constexpr std::array table = table_of_names<Events...>();

    static constexpr bool each_type_is_there_once =
        std::adjacent_find(table.begin(), table.end(),
            [](const named_type& left, const named_type& right) { return left.name == right.name; }) == table.end();
    static_assert(each_type_is_there_once,
        "two types of the variant have codecs for the same event type: compare their type and former_types");

    /// Nothing if the type is unknown.
    static result<std::optional<Target>> decode(const recorded_event& event) {
        const std::string_view type = event.type();
        const auto found = std::lower_bound(table.begin(), table.end(), type,
            [](const named_type& each, std::string_view name) { return is_before(each.name, name); });
        if (found == table.end() || found->name != type) return std::optional<Target>();
        result<Target> decoded = functions[found->index](event);
        if (!decoded) return decoded.error();
        return {boost::system::in_place_value, *std::move(decoded)};
    }

private:
    using function = result<Target> (*)(const recorded_event&);

    static constexpr auto functions = []<std::size_t... Index>(std::index_sequence<Index...>) {
        return std::array<function, sizeof...(Events)>{&decode_as<Target, Index, Events>...};
    }
    (std::index_sequence_for<Events...>());
};

template <class Target>
struct decoder_of {
    static constexpr bool has_codecs = require_codec<Target>();
    using type = decoder<Target, Target>;
};
template <class... Events>
struct decoder_of<std::variant<Events...>> {
    static constexpr bool has_codecs = (require_codec<Events>() && ...);
    using type = decoder<std::variant<Events...>, Events...>;
};

} // namespace detail

/// Like decode_known, but returns failures as values.
template <class Target>
result<std::optional<Target>> try_decode_known(const recorded_event& event) {
    if constexpr (detail::decoder_of<Target>::has_codecs)
        return detail::decoder_of<Target>::type::decode(event);
    else
        return std::optional<Target>();
}

/// Like decode, but returns failures as values.
template <class Target>
result<Target> try_decode(const recorded_event& event) {
    if constexpr (detail::decoder_of<Target>::has_codecs) {
        result<std::optional<Target>> known = try_decode_known<Target>(event);
        if (!known) return known.error();
        if (!*known) return detail::unknown_type(event, detail::decoder_of<Target>::type::table);
        return {boost::system::in_place_value, **std::move(known)};
    } else {
        return failure();
    }
}

/// Decodes the event as a C++ type, or as the alternative of a variant whose codec has its type. Other types are
/// errors.
/// Errors: `unknown_event_type`, `event_not_decodable`.
template <class Target>
Target decode(const recorded_event& event) {
    return try_decode<Target>(event).value();
}

/// Like decode, but returns nothing for an event whose type no codec has: for programs that skip types they do not
/// know.
/// Errors: `event_not_decodable`.
template <class Target>
std::optional<Target> decode_known(const recorded_event& event) {
    return try_decode_known<Target>(event).value();
}

/// Combines one function for each type into a visitor for `std::visit`:
///
///     std::visit(es::overloaded{[&](const deposited& e) { cents += e.cents; }, [](const auto&) {}}, event);
///
/// Inside a `co_await` expression, give it a name first.
template <class... Functions>
struct overloaded : Functions... {
    using Functions::operator()...;
};
template <class... Functions>
overloaded(Functions...) -> overloaded<Functions...>;

} // namespace eventstore
