/// \file
/// What an aggregate_store does with a state and with a decision, whatever their types; see aggregate.hpp. Not for
/// direct use.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/decode.hpp>
#include <eventstore/error.hpp>
#include <eventstore/event_data.hpp>
#include <eventstore/export.hpp>
#include <eventstore/recorded_event.hpp>
#include <eventstore/typed_event.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace eventstore::detail {

// ---- states

template <class State>
concept has_event_types = requires {
    typename State::event;
};

template <class State, class Event>
concept applies_recorded = requires(State& state, const Event& event, const recorded_event& recorded) {
    state.apply(event, recorded);
};

template <class State, class Event>
concept applies = applies_recorded<State, Event> || requires(State& state, const Event& event) {
    state.apply(event);
};

template <class State, class Event>
void apply_one(State& state, const Event& event, const recorded_event& recorded) {
    static_assert(applies<State, Event>,
        "the state has no apply for one of its events: void apply(const Event&), or void apply(const Event&, const "
        "eventstore::recorded_event&)");
    if constexpr (applies_recorded<State, Event>)
        state.apply(event, recorded);
    else if constexpr (applies<State, Event>)
        state.apply(event);
}

/// Of the event that a state names: one type, or a variant.
template <class State, class Event>
struct event_types_of {
    static constexpr bool see_recorded_event = applies_recorded<State, Event>;
    static void apply(State& state, const Event& event, const recorded_event& recorded) {
        apply_one(state, event, recorded);
    }
};
template <class State, class... Events>
struct event_types_of<State, std::variant<Events...>> {
    static constexpr bool see_recorded_event = (applies_recorded<State, Events> || ...);
    static void apply(State& state, const std::variant<Events...>& event, const recorded_event& recorded) {
        std::visit([&](const auto& typed) { apply_one(state, typed, recorded); }, event);
    }
};

/// False: the state does not have this type of event.
template <class State>
result<bool> apply_event(State& state, const recorded_event& event) {
    if constexpr (has_event_types<State>) {
        using event_type = typename State::event;
        const result<std::optional<event_type>> known = try_decode_known<event_type>(event);
        if (!known) return known.error();
        if (!*known) return false;
        event_types_of<State, event_type>::apply(state, **known, event);
        return true;
    } else if constexpr (requires { state.apply(event); }) {
        state.apply(event);
        return true;
    } else {
        static_assert(always_false<State>,
            "the state does not say which events it is computed from: using event = std::variant<opened, deposited>; "
            "with a void apply(const Event&) for each; or void apply(const eventstore::recorded_event&) for all");
    }
}

template <class State>
consteval bool sees_recorded_event() {
    if constexpr (has_event_types<State>)
        return event_types_of<State, typename State::event>::see_recorded_event;
    else
        return true;
}

template <class State>
failure unknown_to_state(const recorded_event& event) {
    if constexpr (has_event_types<State>)
        return unknown_type(event, decoder_of<typename State::event>::type::table);
    else
        return failure();
}

template <class State>
concept has_memory = requires(const State& state) {
    { state.memory() } -> std::convertible_to<std::size_t>;
};

template <class State>
std::size_t bytes_of_state(const State& state) {
    if constexpr (has_memory<State>)
        return sizeof(State) + static_cast<std::size_t>(state.memory());
    else
        return sizeof(state);
}

/// The format of a state's snapshots: what its codec says of it.
template <class State>
std::string snapshot_type_of_state() {
    int format = 1;
    if constexpr (requires { codec<State>::format; }) format = codec<State>::format;
    return std::string(std::string_view(codec<State>::type)) + ".v" + std::to_string(format);
}

template <class State>
consteval std::uint64_t layout_of_state() {
    if constexpr (requires { codec<State>::layout(); })
        return codec<State>::layout();
    else
        return 0;
}

/// The functions of a type of state.
struct state_functions {
    std::shared_ptr<void> (*make)();
    std::shared_ptr<void> (*copy)(const void* state);
    result<bool> (*apply)(void* state, const recorded_event& event); ///< false: the type is unknown to the state
    failure (*unknown)(const recorded_event& event);
    std::size_t (*bytes)(const void* state); ///< null: not known
    bool sees_recorded_event;                ///< apply sees positions and times
    std::string (*snapshot_type)();          ///< null, as the next two: there is no codec
    event_data (*write)(const void* state);
    result<std::shared_ptr<void>> (*read)(const recorded_event& snapshot);
    std::uint64_t snapshot_layout;
};

template <class State>
consteval state_functions make_state_functions() {
    state_functions all{};
    all.make = [] { return std::static_pointer_cast<void>(std::make_shared<State>()); };
    all.copy = [](const void* state) {
        return std::static_pointer_cast<void>(std::make_shared<State>(*static_cast<const State*>(state)));
    };
    all.apply = [](void* state, const recorded_event& event) {
        return apply_event(*static_cast<State*>(state), event);
    };
    all.unknown = &unknown_to_state<State>;
    if constexpr (has_memory<State> || std::is_trivially_copyable_v<State>)
        all.bytes = [](const void* state) { return bytes_of_state(*static_cast<const State*>(state)); };
    all.sees_recorded_event = sees_recorded_event<State>();
    if constexpr (decodable_event<State>) {
        all.snapshot_type = &snapshot_type_of_state<State>;
        all.write = [](const void* state) { return codec<State>::encode(*static_cast<const State*>(state)); };
        all.read = [](const recorded_event& snapshot) -> result<std::shared_ptr<void>> {
            result<State> state = try_decode<State>(snapshot);
            if (!state) return state.error();
            return std::static_pointer_cast<void>(std::make_shared<State>(*std::move(state)));
        };
        all.snapshot_layout = layout_of_state<State>();
    }
    return all;
}

template <class State>
inline constexpr state_functions functions_of_state = make_state_functions<State>();

// ---- decisions

/// What a decision has come to.
class decided {
public:
    decided() noexcept {} // user-declared, for g++ 12

    std::vector<event_data> events;
    bool is_refused = false; ///< the decision keeps why
};

/// One command. Called by one coroutine at a time.
class EVENTSTORE_EXPORT decision {
public:
    decision() = default;
    decision(const decision&) = delete;
    decision& operator=(const decision&) = delete;
    virtual ~decision();
    virtual boost::asio::awaitable<decided> decide(std::shared_ptr<const void> state) = 0;
};

template <class Returned>
struct awaited {
    static constexpr bool is_awaitable = false;
    using type = Returned;
};
template <class Returned>
struct awaited<boost::asio::awaitable<Returned>> {
    static constexpr bool is_awaitable = true;
    using type = Returned;
};

/// A value, or an error: eventstore::result, another boost::system::result, std::expected.
template <class Returned>
concept result_like = requires(Returned& returned) {
    returned.has_value();
    returned.error();
};

template <class Value>
struct is_optional : std::false_type {};
template <class Value>
struct is_optional<std::optional<Value>> : std::true_type {};
template <class Value>
struct is_variant : std::false_type {};
template <class... Values>
struct is_variant<std::variant<Values...>> : std::true_type {};

/// Appends what a decision returned to a list of events.
template <class Value>
void add_events(std::vector<event_data>& to, Value&& value) {
    using type = std::remove_cvref_t<Value>;
    if constexpr (std::is_same_v<type, event_data>) {
        to.push_back(std::forward<Value>(value));
    } else if constexpr (std::is_same_v<type, std::monostate>) {
        // nothing
    } else if constexpr (has_codec<type>) {
        to.push_back(codec<type>::encode(value));
    } else if constexpr (is_optional<type>::value) {
        if (value) add_events(to, *std::forward<Value>(value));
    } else if constexpr (is_variant<type>::value) {
        std::visit([&](auto&& one) { add_events(to, std::forward<decltype(one)>(one)); }, std::forward<Value>(value));
    } else if constexpr (requires {
                             value.begin();
                             value.end();
                             value.size();
                         }) {
        to.reserve(to.size() + value.size());
        for (auto&& one : value) {
            if constexpr (std::is_lvalue_reference_v<Value>)
                add_events(to, one); // it stays the caller's
            else
                add_events(to, std::move(one));
        }
    } else {
        static_assert(always_false<type>,
            "a decision returns a typed event (with a codec), an event_data, or an optional, a variant or a vector of "
            "them, or an eventstore::result or an awaitable of that");
    }
}

template <class State, class Decide>
class decision_of final : public decision {
    using returned = std::invoke_result_t<Decide&, const State&>;
    static constexpr bool is_coroutine = awaited<returned>::is_awaitable;
    using value = std::remove_cvref_t<typename awaited<returned>::type>;
    static constexpr bool may_refuse = result_like<value>;
    static_assert(!std::is_void_v<value>,
        "a decision returns what is to be appended; nothing is an empty std::vector<eventstore::event_data>");

    static consteval bool is_failure_the_error() {
        if constexpr (may_refuse)
            return std::is_same_v<std::remove_cvref_t<decltype(std::declval<value&>().error())>, failure>;
        else
            return true;
    }

public:
    static constexpr bool refuses_by_failure = is_failure_the_error();

    template <class Function>
    explicit decision_of(Function&& function) : decide_(std::forward<Function>(function)) {}

    boost::asio::awaitable<decided> decide(std::shared_ptr<const void> state) override {
        const State& seen = *static_cast<const State*>(state.get());
        if constexpr (is_coroutine) {
            auto deciding = decide_(seen);
            auto outcome = co_await std::move(deciding);
            co_return take(std::move(outcome));
        } else {
            co_return take(decide_(seen));
        }
    }

    /// Throws as the result does whose value is taken.
    void throw_refusal() {
        if constexpr (may_refuse) (void)std::move(*refusal_).value();
    }
    failure refusal() const {
        if constexpr (may_refuse && refuses_by_failure)
            return refusal_->error();
        else
            return failure();
    }

private:
    decided take(value outcome) {
        decided all;
        if constexpr (may_refuse) {
            if (!outcome.has_value()) {
                all.is_refused = true;
                refusal_.emplace(std::move(outcome));
            } else if constexpr (!std::is_void_v<typename value::value_type>) {
                add_events(all.events, *std::move(outcome));
            }
        } else {
            add_events(all.events, std::move(outcome));
        }
        return all;
    }

    struct none {};
    Decide decide_;
    std::optional<std::conditional_t<may_refuse, value, none>> refusal_;
};

} // namespace eventstore::detail
