#include "store/store_core.hpp"

#include "feed/own_page.hpp"
#include "log/inspection.hpp"
#include "store/context_life.hpp"

#include <boost/asio/execution.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>
#include <string>

namespace eventstore::detail {

namespace {

struct span_of_positions {
    std::int64_t first = 0;
    std::int64_t last = 0;

    void add(const append_result& result) {
        if (result.first_position == 0) return;
        first = first == 0 ? result.first_position : std::min(first, result.first_position);
        last = std::max(last, result.last_position);
    }
};

} // namespace

std::shared_ptr<store_core> store_core::make(const store_options& options, const std::shared_ptr<group_core>& group) {
    auto made = std::make_shared<store_core>(options, group);
    made->connect_parts();
    auto& context = asio::query(made->executor, asio::execution::context);
    asio::use_service<context_life>(context).add(made);
    return made;
}

void store_core::abandon() noexcept {
    for (const auto& each : take_listeners()) each->abandon();
    keeper->abandon();
    appender->abandon();
    feed->abandon();
    ended->open();
    const std::lock_guard lock(mutex_);
    timer_.reset();
}

store_core::store_core(const store_options& options_, const std::shared_ptr<group_core>& group_)
    : options(options_),
      executor(group_->executor),
      group(group_),
      timers(group->timers),
      statements(group->make_statements(options.schema())),
      pool(group->pool),
      reader(std::make_shared<log::reader>(pool, statements)),
      announcer(std::make_shared<eventstore::feed::announcer>(executor, pool, statements, options.operation_timeout())),
      feed(
          std::make_shared<eventstore::feed::feed>(options, executor, timers, reader, group->ear, group->polls, seen)) {
}

void store_core::connect_parts() {
    const auto weak = weak_from_this();
    appender = std::make_shared<log::appender>(options, executor, statements, timers, group->appending, pool, seen,
        [weak](appends which, const log::append_plan::verdict& verdict) {
            if (const auto self = weak.lock()) self->committed(which, verdict);
        });

    sessions = std::make_shared<postgres::session_client>(group->sessions);
    if (!group->is_of_many()) {
        group->sessions->inspect_with([options_ = options, seen_ = seen] {
            return log::look_around(options_, options_.schema(), seen_->latest(), log::purpose::transacting);
        });
    }

    delivery::machinery parts{executor, timers, pool, statements, reader, feed, {}, options.operation_timeout(), {},
        group->beats, options.schema()};
    if (options.on_log()) {
        parts.log = [to = options.on_log(), executor = executor](
                        std::string_view text) { asio::post(executor, [to, text = std::string(text)] { to(text); }); };
    }
    const auto shared = std::make_shared<delivery::machinery>(std::move(parts));
    keeper = std::make_shared<delivery::keeper>(shared);
    shared->leases = keeper;
    machinery = shared;
    feed->on_message([leases = std::weak_ptr(keeper)](std::string_view what, std::int64_t id) {
        if (const auto alive = leases.lock()) alive->hear(what, id);
    });
}

// What this process has stored goes to its own subscribers from memory, and word of it to other processes.
void store_core::committed(appends which, const log::append_plan::verdict& verdict) {
    const auto& outcomes = verdict.outcomes;
    if (is_abandoned()) return;
    using kind = log::append_plan::outcome::kind;
    span_of_positions appended;
    span_of_positions stored;
    for (const auto& each : outcomes) {
        if (each.what == kind::appended) appended.add(each.result);
        // Stored by an attempt whose answer was lost: nobody was told then.
        if (each.what == kind::appended || each.what == kind::already_appended) stored.add(each.result);
    }
    if (stored.last == 0) return;
    seen->note_held(log::last_stored(which, verdict)); // the server was shown what had been seen before
    if (feed->is_followed()) {
        if (appended.last != 0 && eventstore::feed::has_links(which))
            feed->hint(appended.last);
        else if (appended.last != 0)
            feed->own_commit(appended.first, appended.last, verdict.timeline,
                eventstore::feed::page_of(which, outcomes), eventstore::feed::bytes_of(which));
        if (stored.last > appended.last) feed->hint(stored.last);
    }
    announcer->announce(stored.first, stored.last);
}

void store_core::add(const std::shared_ptr<delivery::listening>& listener) {
    const std::lock_guard lock(mutex_);
    std::erase_if(listeners_, [](const auto& each) { return each.expired(); });
    listeners_.push_back(listener);
}

std::vector<std::shared_ptr<delivery::listening>> store_core::take_listeners() {
    std::vector<std::shared_ptr<delivery::listening>> all;
    const std::lock_guard lock(mutex_);
    for (const auto& each : std::exchange(listeners_, {})) {
        if (auto alive = each.lock()) all.push_back(std::move(alive));
    }
    return all;
}

std::optional<failure> check_call(const std::shared_ptr<store_impl>& impl, std::chrono::milliseconds limit) {
    if (!impl)
        return failure(errc::store_closed, "the handle is empty: no store was opened with it, or it was moved from");
    if (impl->core->is_abandoned())
        return failure(errc::store_closed, "the execution context of the store has ended, and the store with it");
    if (impl->core->is_closing()) return failure(errc::store_closed, "the store is closed");
    if (limit.count() < 0)
        return failure(errc::invalid_argument, "store::within was given no time: it must be 1 ms at least");
    return std::nullopt;
}

steady_time store_core::deadline(std::chrono::milliseconds limit) const noexcept {
    constexpr std::chrono::milliseconds longest = std::chrono::hours(24 * 365); // the clock cannot count for ever
    const auto wait = limit.count() != 0 ? limit : options.operation_timeout();
    return std::chrono::steady_clock::now() + std::min(wait, longest);
}

void store_core::close() noexcept {
    {
        const std::lock_guard lock(mutex_);
        if (is_closing_.exchange(true) || is_abandoned()) return;
        timer_ = std::make_unique<asio::steady_timer>(executor, options.close_timeout());
        // The wait keeps the core until its parts have ended: it goes with the context, if that goes first.
        timer_->async_wait([self = shared_from_this()](const boost::system::error_code& stopped) {
            if (stopped || self->is_abandoned()) return;
            self->appender->drop();
            self->keeper->drop();
            self->sessions->drop();
            self->writing_ended();
            if (!self->group->is_of_many()) self->group->drop();
        });
    }
    for (const auto& each : take_listeners()) each->end(std::nullopt);
    const auto weak = weak_from_this();
    appender->close([weak] {
        const auto self = weak.lock();
        if (!self || self->is_abandoned()) return;
        self->part_closed();
        self->appending_ended();
    });
    sessions->close([weak] {
        const auto self = weak.lock();
        if (!self || self->is_abandoned()) return;
        self->part_closed();
        self->appending_ended();
    });
    keeper->close([weak] {
        if (const auto self = weak.lock()) self->writing_ended();
    });
}

void store_core::appending_ended() {
    {
        const std::lock_guard lock(mutex_);
        if (--appending_ != 0 || is_abandoned()) return;
    }
    announcer->close([weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->writing_ended();
    });
}

// The pool serves the last announcements and checkpoints; when they are written, the store needs it no more.
void store_core::writing_ended() {
    {
        const std::lock_guard lock(mutex_);
        if (--writers_open_ != 0 || is_abandoned()) return;
    }
    feed->close();
    if (group->is_of_many()) {
        pool->dismiss(statements.get());
        part_closed();
    } else {
        group->when_ended([weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->part_closed();
        });
    }
    group->leave(this);
}

void store_core::part_closed() {
    {
        const std::lock_guard lock(mutex_);
        if (--parts_open_ > 0) return;
        if (timer_) timer_->cancel();
    }
    ended->open();
}

} // namespace eventstore::detail
