// Events that the tests share: an account, in JSON, and a binary one.
#pragma once

#include <eventstore/decode.hpp>
#include <eventstore/json.hpp>

#include <boost/endian/buffers.hpp>

#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>

namespace eventstore::test {

struct opened {
    std::string owner;
    std::int64_t cents = 0;
    std::optional<std::string> branch;

    friend bool operator==(const opened&, const opened&) = default;
};
BOOST_DESCRIBE_STRUCT(opened, (), (owner, cents, branch))

struct deposited {
    std::int64_t cents = 0;

    friend bool operator==(const deposited&, const deposited&) = default;
};
BOOST_DESCRIBE_STRUCT(deposited, (), (cents))

struct closed {
    friend bool operator==(const closed&, const closed&) = default;
};
BOOST_DESCRIBE_STRUCT(closed, (), ())

/// Not in JSON: eight bytes for the time, four for the temperature.
struct measured {
    std::int64_t at = 0;
    std::int32_t millikelvin = 0;

    friend bool operator==(const measured&, const measured&) = default;
};

} // namespace eventstore::test

namespace eventstore {

template <>
struct codec<test::opened> : json_codec<test::opened, "AccountOpened"> {
    static constexpr former_type former_types[] = {
        {"AccountCreated", [](boost::json::object& data) { rename_member(data, "name", "owner"); }},
        {"AccountOpened.1", [](boost::json::object& data) { data["cents"] = data.at("euros").to_number<int>() * 100; }},
        {"AccountOpened.2"},
    };
};

template <>
struct codec<test::deposited> : json_codec<test::deposited, "MoneyDeposited"> {
    /// Once the amount stood under another name.
    static void upcast(std::string_view, boost::json::object& data) { rename_member(data, "amount", "cents"); }
};

template <>
struct codec<test::closed> : json_codec<test::closed, "AccountClosed"> {};

template <>
struct codec<test::measured> {
    struct layout {
        boost::endian::little_int64_buf_t at;
        boost::endian::little_int32_buf_t millikelvin;
    };
    static_assert(sizeof(layout) == 12);

    static constexpr std::string_view type = "Measured";
    static constexpr std::string_view former_types[] = {"Measurement"};

    static event_data encode(const test::measured& event) {
        const layout bytes{
            boost::endian::little_int64_buf_t(event.at), boost::endian::little_int32_buf_t(event.millikelvin)};
        std::string data(sizeof(bytes), '\0');
        std::memcpy(data.data(), &bytes, sizeof(bytes));
        return event_data(std::string(type), std::move(data));
    }

    static test::measured decode(const recorded_event& event) {
        if (event.data().size() < sizeof(layout))
            throw std::runtime_error(std::to_string(event.data().size()) + " bytes are too few");
        layout bytes;
        std::memcpy(&bytes, event.data().data(), sizeof(bytes));
        return {bytes.at.value(), bytes.millikelvin.value()};
    }
};

} // namespace eventstore

namespace eventstore::test {

using account_event = std::variant<opened, deposited, closed, measured>;

/// An event as it would come from a store: version 3 of the stream `account-1`.
inline recorded_event recorded(event_data event) { return recorded_event::make("account-1", 3, 17, std::move(event)); }
inline recorded_event recorded(std::string type, std::string data) {
    return recorded(event_data(std::move(type), std::move(data)));
}

} // namespace eventstore::test
