/// \file
/// Events in JSON, with Boost.JSON and Boost.Describe.
///
/// **A typed event** is a struct, its description, and a codec that names the event type:
///
///     struct opened {
///         std::string owner;
///         std::int64_t cents = 0;
///         std::optional<std::string> branch;
///     };
///     BOOST_DESCRIBE_STRUCT(opened, (), (owner, cents, branch))
///
///     template <>
///     struct es::codec<opened> : es::json_codec<opened, "AccountOpened"> {};
///
///     const opened event{"Ada", 5000, {}};
///     co_await store.append("account-1", es::no_stream, event); // {"owner":"Ada","cents":5000,"branch":null}
///
/// Members may be bool, numbers, strings that own their characters, `es::uuid` and `es::timestamp` (as text),
/// `std::optional`, `std::vector` and similar, `std::map` and similar, `std::array`, `std::pair`, `std::tuple`,
/// `std::variant` (written without a tag; read as the first alternative that fits), described structs and enums (by
/// name), `boost::json::value`, and every type with `tag_invoke` overloads for Boost.JSON's `value_from` and
/// `value_to`.
///
/// Reading is strict for required members and tolerant otherwise: a `std::optional` may be null or missing; every other
/// member must be present and fit; members that the struct does not have are ignored. The message of a failure names
/// the place: `lines[3].price: a whole number that fits 32 bits is expected, not a string`.
///
/// Numbers are read back bit for bit, both floating point and 64-bit integers; from `jsonb`, which has no -0.0, that
/// value is read as 0.
///
/// **Schema evolution.** Stored events do not change, so the codec lists the former types, oldest first, and how to
/// convert each form to the next. An event passes through all steps from that of its own type on:
///
///     template <>
///     struct es::codec<opened> : es::json_codec<opened, "AccountOpened.3"> {
///         static constexpr es::former_type former_types[] = {
///             {"AccountCreated", [](boost::json::object& data) { es::rename_member(data, "name", "owner"); }},
///             {"AccountOpened", [](boost::json::object& data) { data["cents"] = 0; }}, // added in 2
///             {"AccountOpened.2"},                                                     // only the name changed
///         };
///     };
///
/// If the form changed without a new name, a function inspects the data itself; it runs after the steps, for each
/// event, with the recorded type:
///
///         static void upcast(std::string_view type, boost::json::object& data);
///
/// If either throws, decoding fails with `event_not_decodable`. Names without steps may be plain strings, as in any
/// codec.
///
/// **Without types**, `json_object` writes the data of an event and `json_data` reads it.
///
/// An event with three members takes about 0.2 us to encode, including its id, and 0.3 us to decode. `eventstore.hpp`
/// does not include this header, which takes half a second to compile.
#pragma once

#include <eventstore/error.hpp>
#include <eventstore/event_data.hpp>
#include <eventstore/export.hpp>
#include <eventstore/json_conversion.hpp>
#include <eventstore/json_layout.hpp>
#include <eventstore/recorded_event.hpp>
#include <eventstore/typed_event.hpp>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/json/value.hpp>
#include <boost/system/result.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace eventstore {

/// A former event type, and the conversion of its data to the next form; see `json_codec`.
struct former_type {
    std::string_view name;
    void (*upcast)(boost::json::object& data) = nullptr; ///< null = only the name changed

    constexpr operator std::string_view() const noexcept { return name; }
};

namespace detail {

template <class Codec>
concept has_upcast_steps = std::is_same_v<std::remove_cvref_t<decltype(*std::begin(Codec::former_types))>, former_type>;

/// Converts the data of an event of the type `recorded` to the current form.
template <class Codec>
bool upcast_json(std::string_view recorded, boost::json::value& data, const json_place& at) {
    const auto run = [&](const auto& step) {
        if (!data.is_object()) return at.expected("an object", data);
        step(data.get_object());
        return true;
    };
    if constexpr (has_upcast_steps<Codec>) {
        bool reached = false;
        for (const former_type& former : Codec::former_types) {
            reached = reached || former.name == recorded;
            if (reached && former.upcast && !run(former.upcast)) return false;
        }
    }
    if constexpr (requires(boost::json::object & object) { Codec::upcast(recorded, object); })
        return run([&](boost::json::object& object) { Codec::upcast(recorded, object); });
    return true;
}

/// The characters of a type's name, as a template argument.
template <std::size_t Size>
struct type_name {
    consteval type_name(const char (&text)[Size]) { // implicit, for literals
        std::copy_n(text, Size, characters);
    }
    constexpr std::string_view view() const noexcept { return std::string_view(characters, Size - 1); }

    char characters[Size];
};

} // namespace detail

/// A codec in JSON; see the head of this file.
///
/// Errors: encode throws `invalid_argument` if JSON cannot represent the event: text that is not UTF-8, a number that
/// is not finite, an enum value without a name. Thread safety: any threads at once.
template <class Event, detail::type_name Name>
struct json_codec {
    static_assert(!Name.view().empty() && Name.view().size() <= 512, "an event type has 1 to 512 bytes");

    static constexpr std::string_view type = Name.view();

    /// Changes with the names and types of the members, also those of members; an aggregate's snapshots are told by it.
    static constexpr std::uint64_t layout() noexcept { return detail::json_layout_of<Event>(); }

    static event_data encode(const Event& event) {
        std::string problem;
        detail::json_document document;
        if (!detail::write_json(event, document.root(), detail::json_place(problem)))
            detail::throw_unwritable(type, problem);
        return event_data(std::string(type), document.text());
    }

    static result<Event> decode(const recorded_event& recorded) {
        static_assert(std::is_default_constructible_v<Event>,
            "an event that is read from JSON needs a default constructor, for its members are set one by one");
        std::string problem;
        const detail::json_place whole(problem);
        detail::json_document document;
        Event event{};
        if (document.parse(recorded.data(), whole) &&
            detail::upcast_json<codec<Event>>(recorded.type(), document.root(), whole) &&
            detail::read_json(document.root(), event, whole))
            return {boost::system::in_place_value, std::move(event)};
        return failure(errc::event_not_decodable, std::move(problem));
    }
};

namespace detail {

inline bool write_json_members(boost::json::object&, const json_place&) { return true; }

template <class Name>
bool write_json_members(boost::json::object&, const json_place&, const Name&) {
    return false; // json_object has reported it
}

template <class Name, class Value, class... Rest>
bool write_json_members(
    boost::json::object& out, const json_place& at, const Name& name, const Value& value, const Rest&... rest) {
    static_assert(std::is_convertible_v<const Name&, std::string_view>,
        "names and values take turns: json_object(\"owner\", owner, \"cents\", 5000)");
    const std::string_view key(name);
    if (!is_json_text(key)) return at.wrong("has a name that is no UTF-8");
    return write_json(value, out[boost::json::string_view(key.data(), key.size())], json_place(at, key)) &&
        write_json_members(out, at, rest...);
}

} // namespace detail

/// Makes JSON text of alternating names and values, for the data or metadata of an event; also inside `co_await`:
///
///     co_await store.append("account-1", 1, es::event_data("Deposited", es::json_object("cents", 5000, "by", name)));
///
/// Values have the types that members of a typed event may have. Of two members with the same name the last one counts.
/// Errors: throws `invalid_argument` like `json_codec::encode`.
template <class... NamesAndValues>
std::string json_object(NamesAndValues&&... members) {
    static_assert(
        sizeof...(members) % 2 == 0, "names and values take turns: json_object(\"owner\", owner, \"cents\", 5000)");
    static_assert(
        ((detail::is_safe_in_await<NamesAndValues> || !std::is_aggregate_v<std::remove_cvref_t<NamesAndValues>>)&&...),
        "name the value first (const auto address = home{...};) and pass that: g++ 12 frees a temporary inside "
        "co_await "
        "twice");
    std::string problem;
    detail::json_document document;
    if (!detail::write_json_members(document.root().emplace_object(), detail::json_place(problem), members...))
        detail::throw_unwritable("json_object", problem);
    return document.text();
}

/// Parses the data of an event as JSON, with exact numbers. Errors: throws `event_not_decodable`, which names the
/// event.
EVENTSTORE_EXPORT boost::json::value json_data(const recorded_event& event);
/// Parses the metadata of an event as JSON; null if there is none. Errors: throws `event_not_decodable`.
EVENTSTORE_EXPORT boost::json::value json_metadata(const recorded_event& event);

/// Renames a member; does nothing if it does not exist. For steps of `former_types`.
EVENTSTORE_EXPORT void rename_member(boost::json::object& data, std::string_view from, std::string_view to);

} // namespace eventstore
