/// \file
/// The JSON form of a C++ type. Included by `eventstore/json.hpp`, which describes the use.
#pragma once

#include <eventstore/event_data.hpp>
#include <eventstore/uuid.hpp>

#include <boost/describe/bases.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/json/conversion.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>
#include <boost/mp11/list.hpp>

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace eventstore::detail {

template <class, template <class...> class>
inline constexpr bool is_made_from = false;
template <template <class...> class Template, class... Arguments>
inline constexpr bool is_made_from<Template<Arguments...>, Template> = true;

template <class T>
using json_members = boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>;

template <class T>
concept described_with_secrets = !boost::mp11::mp_empty<
    boost::describe::describe_members<T, boost::describe::mod_private | boost::describe::mod_protected>>::value;

/// Boost.JSON's customisations for converting a type.
template <class T>
concept has_json_writer = requires(boost::json::value& out, const T& from) {
    tag_invoke(boost::json::value_from_tag(), out, from);
};
template <class T>
concept has_json_value_reader = requires(const boost::json::value& from) {
    tag_invoke(boost::json::value_to_tag<T>(), from);
};
template <class T>
concept has_json_result_reader = requires(const boost::json::value& from) {
    tag_invoke(boost::json::try_value_to_tag<T>(), from);
};

enum class json_kind {
    none,
    optional,
    variant,
    json,
    custom,
    boolean,
    number,
    uuid,
    time,
    null,
    text,
    map,
    list,
    tuple,
    object,
    enumerator
};

template <class T>
consteval json_kind json_kind_of() {
    if constexpr (is_made_from<T, std::optional>)
        return json_kind::optional;
    else if constexpr (is_made_from<T, std::variant>)
        return json_kind::variant;
    else if constexpr (std::is_same_v<T, boost::json::value> || std::is_same_v<T, boost::json::object> ||
        std::is_same_v<T, boost::json::array> || std::is_same_v<T, boost::json::string>)
        return json_kind::json;
    else if constexpr (has_json_writer<T> || has_json_value_reader<T> || has_json_result_reader<T>)
        return json_kind::custom;
    else if constexpr (std::is_same_v<T, bool>)
        return json_kind::boolean;
    else if constexpr (std::is_arithmetic_v<T>)
        return json_kind::number;
    else if constexpr (std::is_same_v<T, uuid>)
        return json_kind::uuid;
    else if constexpr (std::is_same_v<T, timestamp>)
        return json_kind::time;
    else if constexpr (boost::json::is_null_like<T>::value)
        return json_kind::null;
    else if constexpr (boost::json::is_string_like<T>::value)
        return json_kind::text;
    else if constexpr (std::is_array_v<T>)
        return json_kind::none;
    else if constexpr (boost::json::is_map_like<T>::value)
        return json_kind::map;
    else if constexpr (boost::json::is_sequence_like<T>::value)
        return json_kind::list;
    else if constexpr (boost::json::is_tuple_like<T>::value)
        return json_kind::tuple;
    else if constexpr (boost::describe::has_describe_members<T>::value)
        return json_kind::object;
    else if constexpr (boost::describe::has_describe_enumerators<T>::value)
        return json_kind::enumerator;
    else
        return json_kind::none;
}

struct anything {
    template <class T>
    operator T() const;
};

/// True if the struct has more members than were described: the others would be lost silently.
template <class T>
consteval bool has_forgotten_members() {
    if constexpr (std::is_aggregate_v<T> &&
        boost::mp11::mp_empty<boost::describe::describe_bases<T, boost::describe::mod_any_access>>::value)
        return []<std::size_t... Index>(std::index_sequence<Index...>) {
            return requires { T{(static_cast<void>(Index), anything())...}; };
        }
    (std::make_index_sequence<boost::mp11::mp_size<json_members<T>>::value + 1>());
    else return false;
}

/// Reports once why a type has no JSON form.
template <class T>
consteval bool require_json_kind() {
    constexpr json_kind kind = json_kind_of<T>();
    static_assert(kind != json_kind::none,
        "this type has no JSON form: describe it by BOOST_DESCRIBE_STRUCT(type, (), (members...)) or "
        "BOOST_DESCRIBE_ENUM(type, values...), or give it tag_invoke overloads for value_from and value_to of "
        "Boost.JSON");
    if constexpr (kind == json_kind::object) {
        static_assert(!described_with_secrets<T>,
            "only public members are written: make the others public, or give the type tag_invoke overloads for "
            "value_from and value_to of Boost.JSON");
        static_assert(!has_forgotten_members<T>(),
            "the type has more members than its BOOST_DESCRIBE_STRUCT names: those would not be stored");
    }
    return kind != json_kind::none;
}

} // namespace eventstore::detail
