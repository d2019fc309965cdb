/// \file
/// A number for the JSON form of a C++ type: it changes with the names and types of its members. Included by
/// `eventstore/json.hpp`; not for direct use.
#pragma once

#include <eventstore/json_kind.hpp>

#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace eventstore::detail {

/// FNV-1a.
class layout_hash {
public:
    constexpr void add(std::uint64_t value) noexcept {
        for (int i = 0; i < 8; ++i) add_byte(static_cast<std::uint8_t>(value >> (8 * i)));
    }
    constexpr void add(std::string_view text) noexcept {
        for (const char c : text) add_byte(static_cast<std::uint8_t>(c));
        add(text.size());
    }
    constexpr std::uint64_t value() const noexcept { return value_; }

private:
    constexpr void add_byte(std::uint8_t byte) noexcept {
        value_ ^= byte;
        value_ *= 0x100000001b3;
    }

    std::uint64_t value_ = 0xcbf29ce484222325;
};

/// \tparam Depth of members in members that are still looked at; a type may have a list of itself
template <class T, int Depth = 8>
constexpr void add_json_layout(layout_hash& to) {
    constexpr json_kind kind = json_kind_of<T>();
    to.add(static_cast<std::uint64_t>(kind));
    if constexpr (kind == json_kind::number) {
        to.add(sizeof(T));
        to.add(std::is_floating_point_v<T> ? 2 : std::is_signed_v<T> ? 1 : 0);
    } else if constexpr (Depth > 0) {
        if constexpr (kind == json_kind::optional || kind == json_kind::list) {
            add_json_layout<std::remove_cv_t<typename T::value_type>, Depth - 1>(to);
        } else if constexpr (kind == json_kind::map) {
            add_json_layout<std::remove_cv_t<typename T::key_type>, Depth - 1>(to);
            add_json_layout<std::remove_cv_t<typename T::mapped_type>, Depth - 1>(to);
        } else if constexpr (kind == json_kind::variant) {
            to.add(std::variant_size_v<T>);
            [&]<std::size_t... Index>(std::index_sequence<Index...>) {
                (add_json_layout<std::variant_alternative_t<Index, T>, Depth - 1>(to), ...);
            }
            (std::make_index_sequence<std::variant_size_v<T>>());
        } else if constexpr (kind == json_kind::tuple) {
            to.add(std::tuple_size_v<T>);
            [&]<std::size_t... Index>(std::index_sequence<Index...>) {
                (add_json_layout<std::remove_cv_t<std::tuple_element_t<Index, T>>, Depth - 1>(to), ...);
            }
            (std::make_index_sequence<std::tuple_size_v<T>>());
        } else if constexpr (kind == json_kind::object) {
            to.add(boost::mp11::mp_size<json_members<T>>::value);
            boost::mp11::mp_for_each<json_members<T>>([&](auto member) {
                to.add(std::string_view(member.name));
                using type = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
                add_json_layout<type, Depth - 1>(to);
            });
        }
    }
}

template <class T>
consteval std::uint64_t json_layout_of() {
    layout_hash hash;
    add_json_layout<T>(hash);
    return hash.value();
}

} // namespace eventstore::detail
