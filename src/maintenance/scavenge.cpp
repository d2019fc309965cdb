#include "maintenance/scavenge.hpp"

#include "async/completion.hpp"
#include "base/text.hpp"
#include "maintenance/scavenge_pace.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eventstore::maintenance {

namespace {

using detail::message;
using detail::quoted_for_message;
using detail::steady_time;

/// What all portions of one call share.
class portions {
public:
    portions(scavenge_site site, scavenge_options options)
        : site_(std::move(site)), options_(std::move(options)), pace_(options_), begun_(site_.timers->now()) {}

    std::int32_t size() const noexcept { return pace_.portion(); }
    bool ignores_subscriptions() const noexcept { return options_.ignores_subscriptions(); }
    const storage::statements& known() const noexcept { return *site_.database.known; }
    const scavenge_progress& progress() const noexcept { return progress_; }
    scavenge_progress& progress() noexcept { return progress_; }

    /// Waits until the pace allows the next one.
    static asio::awaitable<result<postgres::answer>> next(
        portions& self, const postgres::statement& statement, postgres::parameters arguments) {
        if (self.site_.timers->now() < self.next_) {
            const auto pause = std::make_shared<detail::completion<void>>("scavenging");
            auto waiting = detail::completion<void>::wait(pause, self.site_.timers.get(), self.next_);
            const auto ended = co_await std::move(waiting);
            if (ended.error().code() != errc::timeout) co_return ended.error();
        }
        self.portion_begun_ = self.site_.timers->now();
        auto removing = self.site_.database.ask(statement, std::move(arguments), self.site_.deadline_of_step());
        co_return co_await std::move(removing);
    }

    void removed(std::int64_t events, std::int64_t links) {
        next_ = pace_.next_after(portion_begun_, events + links);
        progress_.events += events;
        progress_.links += links;
        progress_.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(site_.timers->now() - begun_);
        if (options_.on_progress()) options_.on_progress()(progress_);
    }

private:
    const scavenge_site site_;
    const scavenge_options options_;
    const scavenge_pace pace_;
    const steady_time begun_;
    steady_time portion_begun_{};
    steady_time next_{};
    scavenge_progress progress_;
};

/// The streams with a retention of their own (no prefix), or those of a prefix.
asio::awaitable<result<void>> scavenge_streams(portions& all, std::optional<std::string> prefix) {
    std::string after;
    for (bool is_done = false; !is_done;) {
        postgres::parameters arguments;
        if (prefix)
            arguments.add(*prefix);
        else
            arguments.add_null();
        arguments.add(after);
        arguments.add(all.size());
        arguments.add(all.ignores_subscriptions());
        auto removing = portions::next(all, all.known().scavenge, std::move(arguments));
        const auto portion = co_await std::move(removing);
        if (!portion) co_return portion.error();
        after = portion->bytes(0, 0);
        is_done = portion->boolean(0, 1);
        all.progress().streams += portion->int8(0, 4);
        all.progress().held_streams += portion->int8(0, 5);
        all.removed(portion->int8(0, 2), portion->int8(0, 3));
    }
    co_return result<void>();
}

failure needed_by(std::int64_t position, const std::string& stream, const std::string& name) {
    return failure(errc::subscription_behind,
        {.message = message("removing the events before position ", std::to_string(position), ": the subscription ",
             quoted_for_message(name), " to ", quoted_for_message(stream),
             " has not acknowledged all of them, or has parked one; wait for it, delete it, or ignore subscriptions"),
            .stream = stream,
            .retry_helps = true});
}

failure beyond_the_end(std::int64_t position, std::int64_t head) {
    return failure(errc::invalid_argument,
        message("removing the events before position ", std::to_string(position), ": the log ends at position ",
            std::to_string(head)));
}

} // namespace

asio::awaitable<result<scavenge_progress>> scavenge(scavenge_site site, scavenge_options options) {
    const storage::database database = site.database;
    auto preparing = database.ask(database.known->prepare_scavenging, postgres::parameters(), site.deadline_of_step());
    const auto prefixes = co_await std::move(preparing);
    if (!prefixes) co_return prefixes.error();
    portions all(std::move(site), std::move(options));
    auto own = scavenge_streams(all, std::nullopt);
    const auto own_done = co_await std::move(own);
    if (!own_done) co_return own_done.error();
    std::optional<std::string> last;
    for (int i = 0; i < prefixes->rows(); ++i) {
        std::string prefix(prefixes->bytes(i, 0));
        if (last && prefix.starts_with(*last)) continue; // its streams are among those
        last = prefix;
        auto scavenging = scavenge_streams(all, std::move(prefix));
        const auto done = co_await std::move(scavenging);
        if (!done) co_return done.error();
    }
    co_return all.progress();
}

asio::awaitable<result<scavenge_progress>> remove_before(
    scavenge_site site, std::int64_t position, scavenge_options options) {
    portions all(std::move(site), std::move(options));
    for (bool is_done = false; !is_done;) {
        postgres::parameters arguments;
        arguments.add(position);
        arguments.add(all.size());
        arguments.add(all.ignores_subscriptions());
        auto removing = portions::next(all, all.known().remove_before, std::move(arguments));
        const auto portion = co_await std::move(removing);
        if (!portion) co_return portion.error();
        const std::int32_t outcome = portion->int4(0, 0);
        if (outcome == 1)
            co_return needed_by(position, std::string(portion->bytes(0, 1)), std::string(portion->bytes(0, 2)));
        if (outcome == 2) co_return beyond_the_end(position, portion->int8(0, 3));
        is_done = portion->boolean(0, 4);
        all.removed(portion->int8(0, 5), portion->int8(0, 6));
    }
    co_return all.progress();
}

} // namespace eventstore::maintenance
