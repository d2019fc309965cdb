/// \file
/// Converts C++ values to JSON and back, with messages that name the place of an error. Included by
/// `eventstore/json.hpp`, which describes the use.
#pragma once

#include <eventstore/event_data.hpp>
#include <eventstore/export.hpp>
#include <eventstore/json_kind.hpp>
#include <eventstore/uuid.hpp>

#include <boost/describe/enum_to_string.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>
#include <boost/mp11/algorithm.hpp>
#include <boost/system/result.hpp>

#include <cmath>
#include <cstddef>
#include <exception>
#include <iterator>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace eventstore::detail {

/// A place in a JSON value, and where to report an error there. The reporting functions return false.
class EVENTSTORE_EXPORT json_place {
public:
    explicit json_place(std::string& problem) noexcept : problem_(&problem) {}
    json_place(const json_place& above, std::string_view member) noexcept
        : above_(&above), member_(member), problem_(above.problem_) {}
    json_place(const json_place& above, std::size_t element) noexcept
        : above_(&above), element_(element), problem_(above.problem_) {}

    bool wrong(std::string_view problem) const;
    bool expected(std::string_view wanted, const boost::json::value& found) const;
    bool missing(std::string_view member) const;
    /// True if a value made by foreign code can be written and read back: UTF-8, finite numbers.
    bool writable(const boost::json::value& value) const;

private:
    std::string path() const;

    const json_place* above_ = nullptr;
    std::string_view member_;
    std::size_t element_ = 0;
    std::string* problem_;
};

/// A JSON value for the time of writing or reading an event; small ones need no allocation.
class EVENTSTORE_EXPORT json_document {
public:
    json_document() noexcept : memory_(space_, sizeof(space_)), root_(boost::json::storage_ptr(&memory_)) {}
    json_document(const json_document&) = delete;
    json_document& operator=(const json_document&) = delete;
    ~json_document();

    boost::json::value& root() noexcept { return root_; }
    bool parse(std::string_view text, const json_place& at);
    std::string text() const;

private:
    unsigned char space_[2048];
    boost::json::monotonic_resource memory_;
    boost::json::value root_;
};

EVENTSTORE_EXPORT std::string time_to_text(timestamp when); // empty if the year has more than four digits
EVENTSTORE_EXPORT std::optional<timestamp> time_from_text(std::string_view text);
EVENTSTORE_EXPORT bool is_json_text(std::string_view text) noexcept; // UTF-8
[[noreturn]] EVENTSTORE_EXPORT void throw_unwritable(std::string_view subject, std::string_view problem);
template <class T>
constexpr std::string_view name_of_number() {
    if constexpr (std::is_floating_point_v<T>)
        return "a number";
    else if constexpr (std::is_signed_v<T>)
        return sizeof(T) == 8 ? "a whole number that fits 64 bits"
            : sizeof(T) == 4  ? "a whole number that fits 32 bits"
            : sizeof(T) == 2  ? "a whole number that fits 16 bits"
                              : "a whole number that fits 8 bits";
    else
        return sizeof(T) == 8 ? "a whole number from 0 that fits 64 bits"
            : sizeof(T) == 4  ? "a whole number from 0 that fits 32 bits"
            : sizeof(T) == 2  ? "a whole number from 0 that fits 16 bits"
                              : "a whole number from 0 that fits 8 bits";
}

/// Writes `from` to `out`, whose storage is kept.
template <class T>
bool write_json(const T& from, boost::json::value& out, const json_place& at) {
    constexpr json_kind kind = json_kind_of<T>();
    if constexpr (!require_json_kind<T>()) {
        return false;
    } else if constexpr (kind == json_kind::optional) {
        if (from) return write_json(*from, out, at);
        out.emplace_null();
    } else if constexpr (kind == json_kind::variant) {
        return std::visit([&](const auto& each) { return write_json(each, out, at); }, from);
    } else if constexpr (kind == json_kind::number) {
        if constexpr (std::is_floating_point_v<T>)
            if (!std::isfinite(from)) return at.wrong("is no finite number");
        out = from;
    } else if constexpr (kind == json_kind::null) {
        out.emplace_null();
    } else if constexpr (kind == json_kind::uuid) {
        out.emplace_string() = eventstore::to_string(from);
    } else if constexpr (kind == json_kind::time) {
        const std::string text = time_to_text(from);
        if (text.empty()) return at.wrong("is no time of the years 0 to 9999");
        out.emplace_string() = text;
    } else if constexpr (kind == json_kind::text) {
        const boost::json::string_view text(from);
        if (!is_json_text(std::string_view(text.data(), text.size()))) return at.wrong("is no UTF-8");
        out.emplace_string().assign(text);
    } else if constexpr (kind == json_kind::map) {
        boost::json::object& object = out.emplace_object();
        for (const auto& [key, value] : from) {
            const boost::json::string_view name(key);
            const json_place here(at, std::string_view(name.data(), name.size()));
            if (!is_json_text(std::string_view(name.data(), name.size())))
                return at.wrong("has a key that is no UTF-8");
            if (!write_json(value, object[name], here)) return false;
        }
    } else if constexpr (kind == json_kind::list) {
        boost::json::array& array = out.emplace_array();
        if constexpr (requires { from.size(); }) array.reserve(from.size());
        std::size_t index = 0;
        for (const auto& each : from) {
            using element = typename std::iterator_traits<decltype(std::begin(from))>::value_type;
            if (!write_json<element>(each, array.emplace_back(nullptr), json_place(at, index++))) return false;
        }
    } else if constexpr (kind == json_kind::tuple) {
        boost::json::array& array = out.emplace_array();
        return std::apply(
            [&](const auto&... each) {
                std::size_t index = 0;
                return (write_json(each, array.emplace_back(nullptr), json_place(at, index++)) && ...);
            },
            from);
    } else if constexpr (kind == json_kind::object) {
        boost::json::object& object = out.emplace_object();
        object.reserve(boost::mp11::mp_size<json_members<T>>::value);
        bool good = true;
        boost::mp11::mp_for_each<json_members<T>>([&](auto member) {
            good = good && write_json(from.*member.pointer, object[member.name], json_place(at, member.name));
        });
        return good;
    } else if constexpr (kind == json_kind::enumerator) {
        const char* const name = boost::describe::enum_to_string(from, nullptr);
        if (!name) return at.wrong("is none of the described values of its enum");
        out.emplace_string() = name;
    } else {
        out = boost::json::value_from(from, out.storage());
        return at.writable(out);
    }
    return true;
}

template <class T>
bool read_json(const boost::json::value& from, T& out, const json_place& at);

template <class... Alternatives>
bool read_first_that_fits(const boost::json::value& from, std::variant<Alternatives...>& out, const json_place& at) {
    std::string unused;
    const auto fits = [&]<class Alternative>(std::type_identity<Alternative>) {
        Alternative read{};
        if (!read_json(from, read, json_place(unused))) return false;
        out = std::move(read);
        return true;
    };
    return (fits(std::type_identity<Alternatives>()) || ...) || at.expected("one of several types", from);
}

template <class T>
bool read_json_custom(const boost::json::value& from, T& out, const json_place& at) {
    if constexpr (has_json_result_reader<T>) {
        auto read = boost::json::try_value_to<T>(from);
        if (!read) return at.wrong("does not fit: " + read.error().message());
        out = *std::move(read);
        return true;
    } else {
        static_assert(
            has_json_value_reader<T>, "the type has a tag_invoke overload for value_from, but none for value_to");
        try {
            out = boost::json::value_to<T>(from);
            return true;
        } catch (const std::bad_alloc&) {
            throw;
        } catch (const std::exception& why) {
            return at.wrong(std::string("does not fit: ") + why.what());
        }
    }
}

template <class T>
bool read_json_list(const boost::json::value& from, T& out, const json_place& at) {
    const boost::json::array* const array = from.if_array();
    if (!array) return at.expected("a list", from);
    using element = typename std::iterator_traits<decltype(std::begin(out))>::value_type;
    std::size_t index = 0;
    if constexpr (boost::json::is_tuple_like<T>::value) { // std::array
        if (array->size() != std::size(out))
            return at.wrong("has another number of elements than " + std::to_string(std::size(out)));
        for (element& each : out) {
            if (!read_json((*array)[index], each, json_place(at, index))) return false;
            ++index;
        }
    } else {
        out.clear();
        if constexpr (requires { out.reserve(index); }) out.reserve(array->size());
        for (const boost::json::value& each : *array) {
            if constexpr (is_made_from<element, std::pair>) { // whose key may be const
                std::pair<std::remove_const_t<typename element::first_type>, typename element::second_type> read{};
                if (!read_json(each, read, json_place(at, index++))) return false;
                out.insert(out.end(), std::move(read));
            } else {
                element read{};
                if (!read_json(each, read, json_place(at, index++))) return false;
                out.insert(out.end(), std::move(read));
            }
        }
    }
    return true;
}

template <class T>
bool read_json_object(const boost::json::value& from, T& out, const json_place& at) {
    const boost::json::object* const object = from.if_object();
    if (!object) return at.expected("an object", from);
    bool good = true;
    boost::mp11::mp_for_each<json_members<T>>([&](auto member) {
        using type = std::remove_reference_t<decltype(out.*member.pointer)>;
        static_assert(!std::is_const_v<type>, "a const member cannot be read: remove the const");
        if (!good) return;
        if (const boost::json::value* const found = object->if_contains(member.name))
            good = read_json(*found, out.*member.pointer, json_place(at, member.name));
        else if constexpr (is_made_from<type, std::optional>)
            (out.*member.pointer).reset();
        else
            good = at.missing(member.name);
    });
    return good;
}

template <class T>
bool read_json(const boost::json::value& from, T& out, const json_place& at) {
    constexpr json_kind kind = json_kind_of<T>();
    if constexpr (!require_json_kind<T>()) {
        return false;
    } else if constexpr (kind == json_kind::optional) {
        if (!from.is_null()) return read_json(from, out.emplace(), at);
        out.reset();
    } else if constexpr (kind == json_kind::variant) {
        return read_first_that_fits(from, out, at);
    } else if constexpr (kind == json_kind::json) {
        if constexpr (std::is_same_v<T, boost::json::value>) {
            out = from;
        } else {
            boost::system::result<T> read = boost::json::try_value_to<T>(from);
            if (!read) return at.wrong("does not fit: " + read.error().message());
            out = *std::move(read);
        }
    } else if constexpr (kind == json_kind::boolean) {
        const bool* const read = from.if_bool();
        if (!read) return at.expected("true or false", from);
        out = *read;
    } else if constexpr (kind == json_kind::number) {
        boost::system::error_code failed;
        out = from.to_number<T>(failed);
        if constexpr (std::is_floating_point_v<T>)
            if (!std::isfinite(out)) return at.expected("a number that the type can hold", from);
        if (failed) return at.expected(name_of_number<T>(), from);
    } else if constexpr (kind == json_kind::null) {
        if (!from.is_null()) return at.expected("null", from);
    } else if constexpr (kind == json_kind::uuid) {
        const boost::json::string* const text = from.if_string();
        const std::optional<uuid> read = text ? parse_uuid(std::string_view(text->data(), text->size())) : std::nullopt;
        if (!read) return at.expected("a UUID", from);
        out = *read;
    } else if constexpr (kind == json_kind::time) {
        const boost::json::string* const text = from.if_string();
        const auto read = text ? time_from_text(std::string_view(text->data(), text->size())) : std::nullopt;
        if (!read) return at.expected("a time such as \"2025-06-24T14:36:25.5Z\"", from);
        out = *read;
    } else if constexpr (kind == json_kind::text) {
        static_assert(!std::is_trivially_copyable_v<T>, "text that is read must be owned: make it a std::string");
        const boost::json::string* const text = from.if_string();
        if (!text) return at.expected("a string", from);
        out = T(text->data(), text->size());
    } else if constexpr (kind == json_kind::map) {
        const boost::json::object* const object = from.if_object();
        if (!object) return at.expected("an object", from);
        out.clear();
        for (const auto& [key, value] : *object) {
            typename T::mapped_type read{};
            const std::string_view name(key.data(), key.size());
            if (!read_json(value, read, json_place(at, name))) return false;
            out.emplace(typename T::key_type(name), std::move(read));
        }
    } else if constexpr (kind == json_kind::list) {
        return read_json_list(from, out, at);
    } else if constexpr (kind == json_kind::tuple) {
        const boost::json::array* const array = from.if_array();
        if (!array) return at.expected("a list", from);
        if (array->size() != std::tuple_size_v<T>)
            return at.wrong("has another number of elements than " + std::to_string(std::tuple_size_v<T>));
        return std::apply(
            [&](auto&... each) {
                std::size_t index = 0;
                const auto read = [&](auto& target) {
                    const json_place here(at, index);
                    return read_json((*array)[index++], target, here);
                };
                return (read(each) && ...);
            },
            out);
    } else if constexpr (kind == json_kind::object) {
        return read_json_object(from, out, at);
    } else if constexpr (kind == json_kind::enumerator) {
        const boost::json::string* const text = from.if_string();
        if (!text) return at.expected("a string", from);
        bool found = false;
        boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto each) {
            if (found || std::string_view(each.name) != std::string_view(text->data(), text->size())) return;
            found = true;
            out = each.value;
        });
        if (!found) return at.expected("a value of the enum", from);
    } else {
        return read_json_custom(from, out, at);
    }
    return true;
}

} // namespace eventstore::detail
