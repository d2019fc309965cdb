/// \file
/// Tests of states and decisions without a database, for any test framework:
///
///     es::given<account>(opened{"Ada"}, deposited{500}).when(withdraw(200)).then(withdrawn{200});
///     es::given<account>(opened{"Ada"}).when(withdraw(200)).then_refused("has not got that much");
///     es::given<account>(opened{"Ada"}).when(withdraw(0)).then_nothing();
///
/// What does not hold throws `specification_failed`, whose what() names what was expected and what came. On the way it
/// is checked that codecs read back what they write: each typed event that is given, each event that is decided, and
/// the state, if it has a codec, are encoded, decoded and encoded again, and both texts must be the same; and that the
/// state applies the events that were decided. What is given as an event_data may have a former type or form.
#pragma once

#include <eventstore/aggregate_state.hpp>
#include <eventstore/asio_settings.hpp>
#include <eventstore/error.hpp>
#include <eventstore/event_data.hpp>
#include <eventstore/export.hpp>

#include <boost/asio/awaitable.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace eventstore {

/// A decision or a state is not what a test expects.
class EVENTSTORE_EXPORT specification_failed : public std::logic_error {
public:
    using std::logic_error::logic_error;
    specification_failed(const specification_failed&) = default;
    specification_failed& operator=(const specification_failed&) = default;
    ~specification_failed() override;
};

namespace detail {

/// What a decision has come to, as tests see it.
class tested_decision {
public:
    tested_decision() noexcept {}

    std::vector<event_data> events;
    bool is_refused = false;
    std::optional<errc> code; ///< of a refusal by a failure
    std::string reason;       ///< of a refusal
};

/// Runs a decision that waits for nothing.
EVENTSTORE_EXPORT decided run_decision(boost::asio::awaitable<decided> deciding);
/// The refusal that `throwing` throws.
EVENTSTORE_EXPORT void take_refusal(tested_decision& into, const std::exception_ptr& thrown);

EVENTSTORE_EXPORT recorded_event as_recorded(const event_data& event, std::int64_t version);
[[noreturn]] EVENTSTORE_EXPORT void fail_specification(const std::string& message);
EVENTSTORE_EXPORT void expect_events(const tested_decision& found, const std::vector<event_data>& expected);
EVENTSTORE_EXPORT void expect_refusal(
    const tested_decision& found, std::optional<errc> code, std::string_view part_of_reason);
EVENTSTORE_EXPORT void expect_same_text(
    std::string_view subject, const event_data& written, const event_data& written_again);
EVENTSTORE_EXPORT void expect_applied(const recorded_event& event, const result<bool>& applied, bool must_be_known);

/// Decoded and encoded again it is the same.
template <class State>
void expect_round_trip(const recorded_event& event, const event_data& written) {
    if constexpr (has_event_types<State>) {
        using event_type = typename State::event;
        const result<std::optional<event_type>> read = try_decode_known<event_type>(event);
        if (!read) fail_specification(read.error().message());
        if (!*read) return; // expect_applied tells
        if constexpr (is_variant<event_type>::value)
            std::visit(
                [&](const auto& typed) {
                    expect_same_text("event", written, codec<std::remove_cvref_t<decltype(typed)>>::encode(typed));
                },
                **read);
        else
            expect_same_text("event", written, codec<event_type>::encode(**read));
    }
}

} // namespace detail

/// What became of a decision; see given().
template <class State>
class decision_test {
public:
    decision_test(detail::tested_decision found, std::shared_ptr<State> state)
        : found_(std::move(found)), state_(std::move(state)) {}

    /// Exactly these events were decided, in this order: of the same types, with the same data, and with the same
    /// metadata where an event_data that has some is expected.
    /// \throws specification_failed
    template <class... Events>
    const decision_test& then(Events&&... events) const {
        std::vector<event_data> expected;
        (detail::add_events(expected, std::forward<Events>(events)), ...);
        detail::expect_events(found_, expected);
        return *this;
    }
    /// Nothing is appended, and nothing was refused. \throws specification_failed
    const decision_test& then_nothing() const {
        detail::expect_events(found_, {});
        return *this;
    }
    /// It was refused, by a result or an exception, with a message that has this text in it.
    /// \throws specification_failed
    const decision_test& then_refused(std::string_view part_of_message = "") const {
        detail::expect_refusal(found_, std::nullopt, part_of_message);
        return *this;
    }
    /// It was refused with a failure of this code. \throws specification_failed
    const decision_test& then_refused(errc code, std::string_view part_of_message = "") const {
        detail::expect_refusal(found_, code, part_of_message);
        return *this;
    }

    /// The state after what was decided, for assertions of your own.
    const State& state() const noexcept { return *state_; }
    /// What was decided.
    const std::vector<event_data>& events() const noexcept { return found_.events; }

private:
    detail::tested_decision found_;
    std::shared_ptr<State> state_;
};

/// A state, before a decision; see given().
template <class State>
class given_state {
public:
    /// \throws specification_failed if a codec or the state does not take an event
    template <class... Events>
    explicit given_state(std::in_place_t, Events&&... history) {
        (take(std::forward<Events>(history)), ...);
        check_state();
    }

    /// Decides. The decision is called once. A coroutine must not wait for anything outside.
    /// \throws specification_failed if a codec or the state does not take an event that was decided
    template <class Decision>
    decision_test<State> when(Decision&& decide) const {
        using made = detail::decision_of<State, std::decay_t<Decision>>;
        const auto wanted = std::make_shared<made>(std::forward<Decision>(decide));
        detail::tested_decision found;
        try {
            detail::decided what = detail::run_decision(wanted->decide(std::make_shared<State>(*state_)));
            found.events = std::move(what.events);
            if (what.is_refused) wanted->throw_refusal();
        } catch (...) {
            detail::take_refusal(found, std::current_exception());
        }
        given_state after(*this);
        after.state_ = std::make_shared<State>(*state_);
        for (const event_data& event : found.events) after.apply(event, true, true);
        after.check_state();
        return decision_test<State>(std::move(found), std::move(after.state_));
    }

    const State& state() const noexcept { return *state_; }

private:
    template <class Given>
    void take(Given&& given) {
        using type = std::remove_cvref_t<Given>;
        constexpr bool is_typed = !std::is_same_v<type, event_data> && !std::is_same_v<type, std::vector<event_data>>;
        std::vector<event_data> events;
        detail::add_events(events, std::forward<Given>(given));
        for (const event_data& event : events) apply(event, is_typed, false);
    }
    void apply(const event_data& event, bool is_typed, bool must_be_known) {
        const recorded_event recorded = detail::as_recorded(event, ++version_);
        if (is_typed) detail::expect_round_trip<State>(recorded, event);
        detail::expect_applied(recorded, detail::apply_event(*state_, recorded), must_be_known);
    }
    void check_state() const {
        if constexpr (decodable_event<State>) {
            const event_data written = codec<State>::encode(*state_);
            const result<State> read = try_decode<State>(detail::as_recorded(written, 1));
            if (!read) detail::fail_specification(read.error().message());
            detail::expect_same_text("state", written, codec<State>::encode(*read));
        }
    }

    std::shared_ptr<State> state_ = std::make_shared<State>();
    std::int64_t version_ = 0;
};

/// The state that these events make: typed events, event_data, and lists of them; those of unknown types are left out.
/// \throws specification_failed if a codec or the state does not take one of them
template <class State, class... Events>
given_state<State> given(Events&&... events) {
    return given_state<State>(std::in_place, std::forward<Events>(events)...);
}

} // namespace eventstore
