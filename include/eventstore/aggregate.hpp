/// \file
/// Aggregates: states that are computed from the events of a stream, and changed by decisions that append events.
///
///     struct account {
///         using event = std::variant<opened, deposited, withdrawn>; // each has a codec
///         std::int64_t cents = 0;
///
///         void apply(const opened&) {}
///         void apply(const deposited& e) { cents += e.cents; }
///         void apply(const withdrawn& e) { cents -= e.cents; }
///     };
///
///     es::aggregate_store<account> accounts(store);
///     const auto withdraw = [&](const account& a) -> es::result<withdrawn> {
///         if (a.cents < cents) return es::failure(es::errc::command_refused, "the account has not got that much");
///         return withdrawn{cents};
///     };
///     const auto done = co_await accounts.execute("account-1", withdraw);
///     std::cout << done.state().cents << " at version " << done.version() << '\n';
///
/// **A state** is any copyable type with a default constructor: that is the state of a stream without events. `event`
/// names its events, one type or a std::variant. There is an `apply(const Event&)` for each of them, or an
/// `apply(const Event&, const recorded_event&)` where the version, position or time of the event counts. A state
/// without `event` has an `apply(const recorded_event&)` for all events. Same events, same state: apply reads no clock
/// and no other source. If it throws, the call that loads or decides fails with that exception.
///
/// **A decision** is called with `const State&` and returns what is to be appended: a typed event, an event_data, an
/// optional, a variant or a std::vector of them (`es::events(e1, e2)`), or an awaitable of one of these, if it is a
/// coroutine. Nothing to append (an empty optional or list) is a success that stores nothing. To refuse, it returns a
/// `result` with a failure, or throws; nothing is appended, and the caller gets that. It may be called several times,
/// each time with the newer state, when other writers are faster, so it must have no effects of its own. It is
/// called on the caller's executor, never twice at once.
///
/// **Snapshots** (`aggregate_options::snapshot_every`) need a codec for the state, as an event has one; its `type`
/// names the snapshots. If the meaning of the state changes (another `apply`, another member), give the codec another
/// `static constexpr int format`: snapshots of another format are ignored, and the stream is read from the start. A
/// json_codec notices other members by itself. A snapshot holds only what was appended or read, is stored under the
/// name of the stream, never replaces a newer one, and is not used if the stream does not have the event that the
/// snapshot was made at. It is written in the background, on the store's executor. A failure is counted in
/// `stats()` and otherwise ignored. store::close() ends the writing; the end of the last aggregate_store lets what
/// waits be written, for a second at most.
///
/// **Retention** (store::set_retention, scavenge, remove_before) of such a stream needs snapshots: a state is made of the
/// snapshot and the events that are shown after it. A snapshot counts although the event that it was made at has expired;
/// what expired after it is not in the state. So let nothing expire that is newer than the snapshot
/// (store::read_snapshot). With another `format` of the codec, what has expired is lost to the state. Without snapshots a
/// state is of the events that are shown; one in the cache may still have those that have expired.
///
/// **The cache** (`aggregate_options::cache_bytes`) keeps states in memory; a command on such a state costs the append
/// alone. A listener to the log brings in what others append. That state may be old is harmless: the append expects
/// the version and the id of the last event (`expected_version::after`), so that a decision from a state that is not
/// the stream's is never stored, even if the stream was deleted for good and made anew at the same version, or lost its
/// end in a fail-over. Such a state costs a conflict, a read and another decision. A refusal, and a decision for
/// nothing, from a cached state are confirmed by a read before they are returned.
#pragma once

#include <eventstore/aggregate_options.hpp>
#include <eventstore/aggregate_state.hpp>
#include <eventstore/append_result.hpp>
#include <eventstore/asio_settings.hpp>
#include <eventstore/error.hpp>
#include <eventstore/expected_version.hpp>
#include <eventstore/export.hpp>
#include <eventstore/store.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace eventstore {

namespace detail {

class aggregate_core;

/// A state, and its place in its stream.
class aggregate_data {
public:
    aggregate_data() noexcept {} // user-declared, for g++ 12

    std::shared_ptr<const void> state;
    std::int64_t version = 0;
    std::optional<uuid> last_event; ///< nothing: there is none, or it is a link
    append_result appended;
    int conflicts = 0;
    bool is_refused = false; ///< the decision knows why
};

EVENTSTORE_EXPORT std::shared_ptr<aggregate_core> make_aggregates(
    store opened, aggregate_options options, const state_functions& state);
EVENTSTORE_EXPORT boost::asio::awaitable<result<aggregate_data>> load_aggregate(
    std::shared_ptr<aggregate_core> core, std::string stream);
EVENTSTORE_EXPORT boost::asio::awaitable<result<aggregate_data>> execute_decision(
    std::shared_ptr<aggregate_core> core, std::string stream, std::shared_ptr<decision> wanted);
EVENTSTORE_EXPORT aggregate_stats count_aggregates(const aggregate_core& core);

} // namespace detail

/// The state of a stream at a version. A copy costs a reference count. Thread safety: immutable; distinct objects may be
/// used from any threads.
template <class State>
class aggregate {
public:
    explicit aggregate(detail::aggregate_data data) : data_(std::move(data)) {}

    const State& state() const& noexcept { return *static_cast<const State*>(data_.state.get()); }
    State state() const&& { return *static_cast<const State*>(data_.state.get()); }
    /// The version of the stream that the state is of; 0 = it has no events.
    std::int64_t version() const noexcept { return data_.version; }
    /// What an append that was decided from this state expects.
    expected_version expected() const noexcept {
        if (data_.version > 0 && data_.last_event) return expected_version::after(data_.version, *data_.last_event);
        return data_.version;
    }

protected:
    const detail::aggregate_data& data() const noexcept { return data_; }

private:
    detail::aggregate_data data_;
};

/// What a command has come to.
template <class State>
class execution : public aggregate<State> {
public:
    using aggregate<State>::aggregate;

    /// Where its events were stored; all zero if there were none.
    const append_result& appended() const noexcept { return this->data().appended; }
    /// How often another writer was faster.
    int conflicts() const noexcept { return this->data().conflicts; }
};

/// Loads aggregates, and executes commands on them. A cheap handle; copies share the cache. It keeps its store open.
/// The id of an aggregate is the name of its stream.
///
/// Each read and append takes the time limit of the store that it was made with at most (`store.within(2s)`); a command
/// that meets conflicts may take several.
///
/// Lifetime: pending calls keep it alive. Background work ends with the store; see above.
/// Thread safety: distinct handles, and const calls on one handle, may be used from any threads. `apply`, and a state's
/// copying, may be called by several threads at once, on distinct objects.
template <class State>
class aggregate_store {
    static_assert(std::is_default_constructible_v<State>,
        "a state needs a default constructor: that is the state of a stream without events");
    static_assert(std::is_copy_constructible_v<State>,
        "a state must be copyable: what a decision has seen stays as it is until its events are stored");

public:
    explicit aggregate_store(eventstore::store opened, aggregate_options options = aggregate_options())
        : core_(detail::make_aggregates(std::move(opened), std::move(options), detail::functions_of_state<State>)) {}

    /// Returns the state of a stream as it is now; version 0 if there is no such stream. With a cache, reads only what
    /// is new.
    ///
    /// Errors: `stream_deleted`, `unknown_event_type`, `event_not_decodable`, and those of every read. Cancellation:
    /// nothing is changed.
    boost::asio::awaitable<aggregate<State>> load(std::string_view id) const {
        return run_load(core_, std::string(id));
    }
    boost::asio::awaitable<result<aggregate<State>>> try_load(std::string_view id) const {
        return run_try_load(core_, std::string(id));
    }

    /// Decides from the state of a stream, and appends what was decided, expecting that state. Decides again after a
    /// conflict. Returns the state after that.
    ///
    /// An append whose outcome is unknown is sent again with the same event ids, three times at most. An event that the
    /// new state cannot apply is not stored.
    ///
    /// \param decide a decision, see above. One that owns memory is named first, and passed by its name: it is copied.
    /// Errors: those of load and append; `wrong_expected_version` or `stream_exists` when `max_retries` is exceeded;
    /// what the decision returned or threw. With `outcome_unknown()`, the events may be stored; so it is, too, if they
    /// are stored and the state after them could not be read or applied (`handler_failed`: apply has thrown).
    /// Cancellation: before the append is sent, nothing is stored; after that, as for append. Thread safety: several
    /// calls on one id exclude each other only by conflicts.
    template <class Decision>
    boost::asio::awaitable<execution<State>> execute(std::string_view id, Decision&& decide) const {
        check_decision<Decision>();
        using made = detail::decision_of<State, std::decay_t<Decision>>;
        return run_execute(core_, std::string(id), std::make_shared<made>(std::forward<Decision>(decide)));
    }

    /// Like execute, but returns every failure as a value. A decision that refuses by a result must return a
    /// `eventstore::result`. What it throws is thrown.
    template <class Decision>
    boost::asio::awaitable<result<execution<State>>> try_execute(std::string_view id, Decision&& decide) const {
        check_decision<Decision>();
        using made = detail::decision_of<State, std::decay_t<Decision>>;
        static_assert(made::refuses_by_failure,
            "try_execute returns refusals as eventstore::failure: let the decision return eventstore::result, or call "
            "execute");
        return run_try_execute(core_, std::string(id), std::make_shared<made>(std::forward<Decision>(decide)));
    }

    /// Never blocks for long.
    aggregate_stats stats() const { return detail::count_aggregates(*core_); }

private:
    using core_ptr = std::shared_ptr<detail::aggregate_core>;

    template <class Decision>
    static constexpr void check_decision() {
        static_assert(detail::is_safe_in_await<Decision>,
            "name the decision first (const auto decide = [text](const account& a) {...};) and pass that: g++ 12 frees "
            "a temporary inside co_await twice");
        static_assert(std::is_invocable_v<std::decay_t<Decision>&, const State&>,
            "a decision is called with the state: [](const account& a) {...}");
    }

    static boost::asio::awaitable<aggregate<State>> run_load(core_ptr core, std::string id) {
        auto loading = detail::load_aggregate(std::move(core), std::move(id));
        auto loaded = co_await std::move(loading);
        co_return aggregate<State>(std::move(loaded).value());
    }
    static boost::asio::awaitable<result<aggregate<State>>> run_try_load(core_ptr core, std::string id) {
        auto loading = detail::load_aggregate(std::move(core), std::move(id));
        auto loaded = co_await std::move(loading);
        if (!loaded) co_return loaded.error();
        co_return aggregate<State>(*std::move(loaded));
    }
    template <class Decision>
    static boost::asio::awaitable<execution<State>> run_execute(
        core_ptr core, std::string id, std::shared_ptr<Decision> decide) {
        auto executing = detail::execute_decision(std::move(core), std::move(id), decide);
        auto executed = co_await std::move(executing);
        if (executed && executed->is_refused) decide->throw_refusal();
        co_return execution<State>(std::move(executed).value());
    }
    template <class Decision>
    static boost::asio::awaitable<result<execution<State>>> run_try_execute(
        core_ptr core, std::string id, std::shared_ptr<Decision> decide) {
        auto executing = detail::execute_decision(std::move(core), std::move(id), decide);
        auto executed = co_await std::move(executing);
        if (!executed) co_return executed.error();
        if (executed->is_refused) co_return decide->refusal();
        co_return execution<State>(*std::move(executed));
    }

    core_ptr core_;
};

} // namespace eventstore
