// A command: decide, append, and again after a conflict.
#include "aggregate/aggregate_core.hpp"

#include "async/retry.hpp"
#include "base/text.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace eventstore::detail {

namespace {

constexpr int most_repeats = 3; // of an append whose outcome is unknown; each may take the whole time limit

bool is_conflict(const failure& why) noexcept {
    return why.code() == errc::wrong_expected_version || why.code() == errc::stream_exists;
}

backoff delays_of(const aggregate_options& options) noexcept {
    constexpr int steps = 64;
    retry_policy policy{};
    policy.first = options.retry_after();
    policy.longest = options.retry_after() * steps;
    policy.begins_at_once = true;
    return backoff(policy);
}

failure with_unknown_outcome(const failure& why, std::string_view note) {
    failure::details all = why.all();
    all.message = message(all.message, "; ", note);
    all.outcome_unknown = true;
    return failure(why.code(), std::move(all));
}

/// What is thrown when the events are stored already: it must say so, whatever it is.
failure after_append(const std::string& stream, const std::exception_ptr& thrown) {
    errc code = errc::handler_failed;
    std::string text;
    try {
        std::rethrow_exception(thrown);
    } catch (const error& why) {
        return why.why();
    } catch (const boost::system::system_error& why) {
        if (why.code() == asio::error::operation_aborted) code = errc::cancelled;
        text = why.what();
    } catch (const std::exception& why) {
        text = why.what();
    } catch (...) {
        text = "apply has thrown something that is no std::exception";
    }
    return failure(
        code, {.message = message("a command for ", quoted_for_message(stream), ": ", text), .stream = stream});
}

bool is_same_place(const known_state& left, const known_state& right) noexcept {
    return left.version == right.version && left.last_event == right.last_event;
}

} // namespace

asio::awaitable<result<void>> aggregate_core::wait(std::chrono::milliseconds delay, std::string stream) {
    if (delay.count() == 0) co_return result<void>();
    const auto executor = co_await asio::this_coro::executor;
    const auto timer = std::make_shared<asio::steady_timer>(executor, delay);
    try {
        co_await timer->async_wait(asio::use_awaitable);
        co_return result<void>();
    } catch (const boost::system::system_error& thrown) {
        if (thrown.code() != asio::error::operation_aborted) throw;
    }
    co_return failure(errc::cancelled,
        {.message = message("a command for ", quoted_for_message(stream),
             " was cancelled while it waited after a conflict; nothing was stored"),
            .stream = stream});
}

// Of events without a time of their own only that of the last one is told.
std::optional<failure> aggregate_core::check_times(
    const std::string& stream, const std::vector<event_data>& events) const {
    const auto has_time = [](const event_data& event) { return event.created_at().has_value(); };
    if (!functions_.sees_recorded_event || !has_time(events.back()) || std::ranges::all_of(events, has_time))
        return std::nullopt;
    return failure(errc::invalid_argument,
        {.message = message("a command for ", quoted_for_message(stream),
             ": the last event has a created_at, and another one has none; give it to all of them, or to none"),
            .stream = stream});
}

result<known_state> aggregate_core::with_events(const known_state& known, const std::string& stream,
    const std::vector<event_data>& events, const append_result* where) const {
    known_state next = known;
    const std::shared_ptr<void> state = functions_.copy(known.state.get());
    for (const event_data& event : events) {
        ++next.version;
        next.position = where ? where->first_position + (next.version - where->first_version) : next.position + 1;
        event_data stored = event;
        if (where && !stored.created_at()) stored.created_at(where->created_at);
        const auto recorded = recorded_event::make(stream, next.version, next.position, std::move(stored));
        if (auto why = apply(state.get(), recorded)) return *why;
    }
    next.state = state;
    next.last_event = events.back().id();
    return next;
}

// What may have been stored is sent again, with the same ids: it succeeds if it was.
asio::awaitable<result<append_result>> aggregate_core::append(
    self_ptr self, std::string stream, expected_version expected, std::vector<event_data> events) {
    backoff delays = delays_of(self->options_);
    std::optional<failure> unknown; // of an attempt that may have stored them
    try {
        for (;;) {
            auto appending = self->store_.try_append(stream, expected, events);
            auto appended = co_await std::move(appending);
            // A conflict is certain: what is stored would have been found by its ids, and what is not never will be.
            if (appended || is_conflict(appended.error())) co_return appended;
            if (!appended.error().outcome_unknown()) {
                if (!unknown) co_return appended;
                co_return with_unknown_outcome(appended.error(), "an earlier attempt may have stored the events");
            }
            unknown = appended.error();
            const bool is_over = unknown->code() == errc::cancelled || unknown->code() == errc::store_closed;
            if (is_over || delays.failures() == most_repeats) co_return appended;
            auto waiting = wait(delays.failed(random_number()), stream);
            const auto waited = co_await std::move(waiting);
            if (!waited) co_return appended;
        }
    } catch (const boost::system::system_error& thrown) { // a cancellation between two attempts
        if (!unknown || thrown.code() != asio::error::operation_aborted) throw;
    }
    co_return *unknown;
}

/// The state to begin with.
asio::awaitable<result<known_state>> aggregate_core::find(
    self_ptr self, std::string stream, std::shared_ptr<const aggregate_cache::found> found) {
    if (!found->known) {
        auto reading = read(self, stream);
        co_return co_await std::move(reading);
    }
    if (found->is_behind) {
        auto reading = catch_up(self, stream, *found->known);
        co_return co_await std::move(reading);
    }
    self->hits_.fetch_add(1, std::memory_order_relaxed);
    if (!found->news.empty()) co_return self->with_news(*found->known, found->news);
    co_return *found->known;
}

asio::awaitable<result<aggregate_data>> aggregate_core::execute(
    self_ptr self, std::string stream, std::shared_ptr<decision> wanted) {
    if (const auto why = self->refuse(stream)) co_return *why;
    self->follow();
    const auto cached = std::make_shared<const aggregate_cache::found>(self->cache_->begin(stream));
    auto finding = find(self, stream, cached);
    auto from = co_await std::move(finding);
    bool is_read = !cached->known || cached->is_behind; // and not from memory alone
    backoff delays = delays_of(self->options_);
    const auto end_with = [&](const failure& why) {
        if (why.code() == errc::stream_deleted) self->cache_->forget(stream);
        return why;
    };
    if (!from) co_return end_with(from.error());
    for (;;) {
        decided what;
        std::optional<result<known_state>> next; // what cannot be applied is not stored
        std::exception_ptr thrown;
        try {
            auto deciding = wanted->decide(from->state);
            what = co_await std::move(deciding);
            if (const auto why = what.events.empty() ? std::nullopt : self->check_times(stream, what.events))
                next = *why;
            else if (!what.events.empty())
                next = self->with_events(*from, stream, what.events, nullptr);
        } catch (...) {
            thrown = std::current_exception();
        }
        if (thrown || !next || !*next) {
            // No append tells whether the state was that of the stream.
            if (!is_read) {
                auto checking = catch_up(self, stream, *from);
                auto checked = co_await std::move(checking);
                if (!checked) co_return end_with(checked.error());
                const bool is_confirmed = is_same_place(*checked, *from);
                from = std::move(checked);
                is_read = true;
                if (!is_confirmed) continue;
            }
            self->note_snapshot(stream, *from);
            self->keep(stream, cached->since, *from);
            if (thrown) std::rethrow_exception(thrown);
            if (next) co_return next->error();
            aggregate_data data = to_data(*from);
            data.is_refused = what.is_refused;
            data.conflicts = delays.failures();
            co_return data;
        }

        auto appending = append(self, stream, expected_of(*from), what.events);
        const auto appended = co_await std::move(appending);
        if (!appended && is_conflict(appended.error())) {
            self->conflicts_.fetch_add(1, std::memory_order_relaxed);
            if (delays.failures() == self->options_.max_retries()) co_return appended.error();
            auto waiting = wait(delays.failed(random_number()), stream);
            const auto waited = co_await std::move(waiting);
            if (!waited) co_return waited.error();
            const known_state before = *from;
            auto reading = catch_up(self, stream, before);
            from = co_await std::move(reading);
            if (!from) co_return end_with(from.error());
            is_read = true;
            // The last rows are gone: links, with the events that they were to. Nothing but the number can be expected.
            const auto actual = appended.error().actual();
            if (from->version > 0 && actual && *actual > from->version && is_same_place(*from, before)) {
                from->version = *actual;
                from->last_event.reset();
            }
            continue;
        }
        if (!appended) co_return end_with(appended.error());

        // An earlier call with the same ids has stored them, perhaps with other data, and others may have come after.
        const bool must_read = appended->already_appended || appended->first_version != from->version + 1;
        try {
            if (must_read) {
                auto reading = catch_up(self, stream, *from);
                auto read = co_await std::move(reading);
                next = std::move(read);
            } else if (self->functions_.sees_recorded_event) {
                next = self->with_events(*from, stream, what.events, &*appended);
            }
        } catch (...) {
            thrown = std::current_exception();
        }
        if (thrown) next = after_append(stream, thrown);
        if (!*next)
            co_return end_with(with_unknown_outcome(
                next->error(), "the events of the command are stored, but the state after them is not known"));
        if (!must_read) (*next)->position = appended->last_position;
        self->note_snapshot(stream, **next);
        self->keep(stream, cached->since, **next);
        aggregate_data data = to_data(**next);
        data.appended = *appended;
        data.conflicts = delays.failures();
        co_return data;
    }
}

} // namespace eventstore::detail
