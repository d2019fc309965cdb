#include "feed/feed.hpp"

#include "base/text.hpp"
#include "read/page.hpp"
#include "storage/continuity.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace eventstore::feed {

namespace {

constexpr std::size_t most_posted_bytes = std::size_t{16} << 20;

} // namespace

/// A follower that waits for its first position.
class feed::attachment final : public detail::completion<std::int64_t> {
public:
    attachment(std::weak_ptr<follower> subscriber_, std::string stream_)
        : completion("subscribing"), subscriber(std::move(subscriber_)), stream(std::move(stream_)) {}

    const std::weak_ptr<follower> subscriber;
    const std::string stream;
};

feed::feed(postgres::connection_options options, std::string schema, detail::environment where,
    std::shared_ptr<read::reader> reader, std::shared_ptr<listener> listener, std::shared_ptr<poller> poller,
    std::shared_ptr<storage::seen_log> seen)
    : options_(std::move(options)),
      schema_(std::move(schema)),
      environment_(std::move(where)),
      reader_(std::move(reader)),
      listener_(std::move(listener)),
      poller_(std::move(poller)),
      seen_(std::move(seen)),
      strand_(environment_.executor),
      schedule_(options_.can_listen()),
      looks_(detail::asking_again, "looking", environment_.logger),
      reads_(detail::asking_again, "reading", environment_.logger) {}

feed::~feed() = default;

asio::awaitable<result<std::int64_t>> feed::attach(
    std::shared_ptr<feed> self, std::weak_ptr<follower> subscriber, std::string stream, detail::steady_time deadline) {
    const auto next = std::make_shared<attachment>(std::move(subscriber), std::move(stream));
    self->post([self, next] { self->add(next); });
    auto waiting = attachment::wait(next, self->environment_.timers.get(), deadline);
    co_return co_await std::move(waiting);
}

bool feed::has_followers() {
    std::erase_if(arriving_, [](const auto& arrival) { return arrival->is_claimed(); }); // its time was over
    return !of_log_.empty() || !of_stream_.empty() || !arriving_.empty();
}

void feed::add(const std::shared_ptr<attachment>& next) {
    if (closed_) return void(next->fail(failure(errc::store_closed, "the store is closed")));
    if (next->is_claimed()) return;
    is_followed_.store(true, std::memory_order_release);
    arriving_.push_back(next);
    if (state_.has_begun()) return begin(state_.mark());
    if (running_)
        look_now(); // it may pause after failures
    else
        start();
}

// What arrives is told of everything after this position.
void feed::begin(const storage::log_mark& head) {
    if (!state_.has_begun()) {
        state_.begin(head);
        newest_.reset();
    }
    for (const auto& arrival : std::exchange(arriving_, {})) {
        const auto alive = arrival->subscriber.lock();
        // Who has waited too long may ask once more.
        if (!alive || !arrival->decide(state_.published())) continue;
        auto& list = arrival->stream.empty() ? of_log_ : of_stream_[arrival->stream];
        list.push_back({arrival->subscriber, alive.get()});
    }
}

void feed::detach(const follower* subscriber) {
    post([self = shared_from_this(), subscriber] { self->remove(subscriber); });
}

void feed::remove(const follower* subscriber) {
    const auto gone = [&](const registration& entry) {
        return entry.address == subscriber || entry.subscriber.expired();
    };
    std::erase_if(of_log_, gone);
    for (auto entry = of_stream_.begin(); entry != of_stream_.end();) {
        std::erase_if(entry->second, gone);
        entry = entry->second.empty() ? of_stream_.erase(entry) : std::next(entry);
    }
    std::erase_if(watched_, [&](const std::string& stream) { return !of_stream_.contains(stream); });
    if (has_followers()) return;
    is_followed_.store(false, std::memory_order_release);
    state_.end();
    note_lag();
    changed_->raise(); // the loop ends
    until_read_.end();
}

void feed::own_commit(
    std::int64_t first, std::int64_t last, std::int32_t timeline, event_page page, std::size_t bytes) {
    // Where many follow, telling may take longer than appending: then it is read later, in larger pages.
    if (bytes_posted_.fetch_add(bytes) > most_posted_bytes) {
        bytes_posted_.fetch_sub(bytes);
        return hint(last);
    }
    post([self = shared_from_this(), first, last, timeline, page = std::move(page), bytes] {
        self->bytes_posted_.fetch_sub(bytes);
        self->state_.own_commit(first, last, timeline, page, bytes);
        self->progress();
    });
}

void feed::hint(std::int64_t head) {
    for (auto known = hinted_.load(); known < head && !hinted_.compare_exchange_weak(known, head);) {
    }
    if (hint_posted_.exchange(true)) return;
    post([self = shared_from_this()] {
        self->hint_posted_.store(false);
        self->state_.hint(self->hinted_.load());
        self->progress();
    });
}

void feed::begin_stop() {
    post([self = shared_from_this()] {
        self->closed_ = true;
        for (const auto& arrival : std::exchange(self->arriving_, {}))
            arrival->fail(failure(errc::store_closed, "the store is closed"));
        self->of_log_.clear();
        self->of_stream_.clear();
        self->watched_.clear();
        self->is_followed_.store(false, std::memory_order_release);
        self->state_.end();
        self->changed_->raise();
        self->until_read_.end();
        self->stop_listening();
        self->stopped();
    });
}

void feed::abandon() noexcept {
    closed_ = true;
    for (const auto& arrival : std::exchange(arriving_, {}))
        arrival->fail(failure(errc::store_closed, "the store is closed"));
    const std::lock_guard lock(mutex_);
    strand_.reset();
}

// What the server refuses, a privilege for example, waiting does not mend: whoever wants to begin hears of it.
void feed::refuse_arriving(const failure& why) {
    if (why.retry_helps() || why.code() == errc::connection_lost || why.code() == errc::timeout) return;
    for (const auto& arrival : std::exchange(arriving_, {})) arrival->fail(why);
}

void feed::fail_truncated(std::int64_t seen, std::int64_t head) {
    const std::string end = std::to_string(head);
    fail(failure(errc::log_truncated,
        detail::message("the log, which ends at position ", end, ", does not hold the event at position ",
            std::to_string(seen),
            " any more, which was seen: a fail-over has lost its end, or a backup was restored; subscribe again to go "
            "on")));
}

// Tells what can be told, and reads what is missing.
void feed::progress() {
    while (const auto next = state_.next()) publish(*next);
    note_lag();
    if (const auto wish = state_.wish())
        asio::co_spawn(*strand_, read(*wish), [self = shared_from_this()](const std::exception_ptr& thrown) {
            if (thrown) self->state_.page_failed();
        });
}

asio::awaitable<void> feed::read(feed_state::page_wish wish) {
    const auto self = shared_from_this();
    const storage::log_mark seen = state_.mark(); // nothing but own commits is told while a page is under way
    const auto deadline = environment_.in(options_.operation_timeout);
    read_options options;
    options.from(wish.from).count(wish.count);
    auto reading = read::reader::read_with_links(reader_, std::move(options), deadline, seen.position);
    const auto answer = co_await std::move(reading);
    if (answer && !closed_ && state_.has_begun()) {
        reads_.succeeded();
        const auto continuity = storage::continuity_of(seen, answer->timeline, answer->head, answer->seen_event);
        if (continuity == storage::continuity::lost) {
            fail_truncated(seen.position, answer->head);
            co_return;
        }
        const bool is_same_history = answer->timeline == 0 || answer->timeline == state_.timeline();
        // Of the history before, more may have been told meanwhile.
        if (continuity == storage::continuity::held && (is_same_history || state_.published() == seen.position)) {
            state_.go_on_in(answer->timeline);
            state_.page_arrived(answer->page, {answer->timeline, answer->head, answer->event_at(answer->head)});
            progress();
            co_return;
        }
    }
    state_.page_failed();
    if (closed_ || !state_.has_begun()) co_return;
    if (answer) look_now(); // another server has answered: what it holds is looked up before anything is told
    const auto time = answer ? detail::asking_again.first : reads_.failed(answer.error());
    auto pausing = until_read_.until(environment_.in(time)); // instead of an earlier one, should news have had it read
    const bool is_over = co_await std::move(pausing);
    if (is_over) progress();
}

void feed::note_lag() {
    const auto now = environment_.now();
    const std::int64_t published = state_.published();
    const std::int64_t known = state_.has_begun() ? state_.known() : published;
    const std::lock_guard lock(lag_mutex_);
    lag_.published = published;
    lag_.known = known;
    lag_.watch.note(published, known > published, now);
}

feed::lag_counts feed::lag() const {
    const std::lock_guard lock(lag_mutex_);
    return lag_;
}

void feed::publish(const feed_state::publication& publication) {
    const event_page& page = publication.page;
    seen_->note(state_.mark());
    all_.clear(); // the log itself has no links
    for (std::uint32_t i = 0; i < page.size(); ++i) {
        if (!page[i].is_linked()) all_.push_back(i);
    }
    const std::span<const std::uint32_t> all(all_);
    for (const registration& entry : of_log_) {
        if (const auto alive = entry.subscriber.lock())
            alive->on_live({page, all, publication.through, state_.timeline(), publication.event});
    }
    if (of_stream_.empty()) return;
    std::unordered_map<std::string_view, std::vector<std::uint32_t>> by_stream;
    for (std::uint32_t i = 0; i < page.size(); ++i) by_stream[detail::page::holder_of(page[i])].push_back(i);
    for (const auto& [stream, indices] : by_stream) {
        const auto followed = of_stream_.find(std::string(stream));
        if (followed == of_stream_.end()) continue;
        for (const registration& entry : followed->second) {
            if (const auto alive = entry.subscriber.lock())
                alive->on_live({page, indices, publication.through, state_.timeline(), publication.event});
        }
    }
}

void feed::fail(const failure& why) {
    state_.end();
    note_lag();
    std::vector<std::shared_ptr<follower>> all;
    const auto collect = [&](const std::vector<registration>& list) {
        for (const registration& entry : list) {
            if (auto alive = entry.subscriber.lock()) all.push_back(std::move(alive));
        }
    };
    collect(of_log_);
    for (const auto& [stream, list] : of_stream_) collect(list);
    of_log_.clear();
    of_stream_.clear();
    is_followed_.store(has_followers(), std::memory_order_release);
    for (const auto& subscriber : all) subscriber->on_feed_failed(why);
}

} // namespace eventstore::feed
