// Subscribers have each subscription of used_subscriptions(), or wait for it: they acknowledge batches at once or later,
// in any order, some of them with a transaction, refuse a few, and leave when they have lost it.

#include "faults/client.hpp"
#include "faults/client_plan.hpp"

#include <eventstore/transaction.hpp>

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <exception>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace eventstore::test::faults {

namespace {

constexpr std::size_t most_in_flight = 3;

/// The consumers of this process that have one subscription. The last to leave ends the ownership.
struct consumer_group {
    used_subscription used;
    std::map<std::int64_t, int> by_epoch;
};

subscription_options options_of(const used_subscription& used, milliseconds lease) {
    subscription_options options;
    options.when_taken(if_taken::wait)
        .lease(lease)
        .group_by(grouping::none)
        .max_batch(20)
        .max_in_flight(most_in_flight)
        .max_queued(500)
        .concurrency_limit(used.consumers)
        .max_retries(retries)
        .retry_after(milliseconds(20));
    if (used.order == ordering::stream) options.partition_by(partition::stream);
    auto key = [](const recorded_event& event) { return key_of(event.stream()); };
    if (used.order == ordering::key) options.partition_by(key);
    return options;
}

class consumer {
public:
    consumer(client& self, store source, std::shared_ptr<consumer_group> group, unsigned number, std::uint64_t seed)
        : self_(self), source_(std::move(source)), group_(std::move(group)), number_(number), random_(seed) {}

    asio::awaitable<void> run() {
        while (!self_.is_stopping()) {
            std::optional<failure> problem;
            try {
                held_.emplace(co_await subscribe());
            } catch (const error& thrown) {
                problem = thrown.why();
            }
            if (!problem) problem = co_await own();
            if (problem) self_.go_on_after(*problem, group_->used.name);
            if (problem) co_await pause_for(std::chrono::milliseconds(50));
        }
    }
    bool holds_something() const noexcept { return held_.has_value(); }

private:
    struct open_batch {
        event_batch events;
        std::uint64_t number = 0;
    };

    recorder& records() { return self_.records(); }

    asio::awaitable<subscription> subscribe() {
        const used_subscription& used = group_->used;
        subscription_options options = options_of(used, self_.options().lease);
        if (used.stream == "$all") co_return co_await source_.subscribe_to_all(used.name, std::move(options));
        co_return co_await source_.subscribe(used.stream, used.name, std::move(options));
    }

    /// From subscribe() until it is lost or the client is to stop.
    asio::awaitable<std::optional<failure>> own() {
        const std::int64_t epoch = held_->epoch();
        ownership_ =
            records().owns(self_.options().schema, group_->used.stream, group_->used.name, epoch, held_->position());
        ++group_->by_epoch[epoch];
        std::optional<failure> problem;
        try {
            co_await take_batches();
        } catch (const error& thrown) {
            problem = thrown.why();
        }
        records().leaving(ownership_, number_);
        open_.clear();
        try {
            if (!problem) co_await held_->unsubscribe();
        } catch (const error& thrown) {
            problem = thrown.why();
        }
        held_.reset();
        if (--group_->by_epoch[epoch] == 0) records().ended(ownership_);
        co_return problem;
    }

    asio::awaitable<void> take_batches() {
        while (!self_.is_stopping()) {
            if (open_.size() == most_in_flight) co_await settle_one();
            std::optional<event_batch> batch = co_await held_->next(milliseconds(100));
            if (!batch && !self_.is_stopping())
                throw std::runtime_error("subscription " + group_->used.name + " has ended, and nobody has closed it");
            if (!batch) co_return;
            if (batch->empty()) {
                while (!open_.empty()) co_await settle_one();
                continue;
            }
            note(std::move(*batch));
            if (once_in(random_, 50)) co_await pause_for(std::chrono::milliseconds(below(random_, 50)));
            while (!open_.empty() && !once_in(random_, 3)) co_await settle_one();
            if (once_in(random_, 30)) co_await make_durable();
        }
        while (!open_.empty()) co_await settle_one();
    }

    void note(event_batch batch) {
        std::vector<delivered_event> events;
        for (const recorded_event& event : batch)
            events.push_back({event.position(), event.version(), std::string(event.stream()), event.id()});
        const std::uint64_t number = records().delivered(ownership_, number_, events);
        open_.push_back({std::move(batch), number});
    }

    asio::awaitable<void> settle_one() {
        const bool was_alone = open_.size() == 1;
        const auto chosen = open_.begin() + static_cast<std::ptrdiff_t>(below(random_, open_.size()));
        const open_batch batch = std::move(*chosen);
        open_.erase(chosen);
        if (refuse(batch)) co_return;
        if (was_alone && group_->used.consumers == 1 && once_in(random_, 10)) {
            co_await commit(batch);
            co_return;
        }
        records().acking(ownership_, batch.number);
        batch.events.ack();
    }

    bool refuse(const open_batch& batch) {
        for (const recorded_event& event : batch.events) {
            if (!is_always_refused(event.id())) continue;
            records().nacking(ownership_, batch.number, event.position());
            batch.events.nack(event, "a handler that always refuses it");
            return true;
        }
        if (!once_in(random_, 200)) return false;
        records().nacking(ownership_, batch.number);
        batch.events.nack("a handler that fails now and then");
        return true;
    }

    /// Acknowledges it with a transaction.
    asio::awaitable<void> commit(const open_batch& batch) {
        std::optional<failure> problem;
        bool has_acked = false;
        try {
            transaction tx = co_await source_.begin();
            co_await tx.execute("select 1");
            tx.ack(batch.events);
            records().acking(ownership_, batch.number);
            has_acked = true;
            co_await tx.commit();
        } catch (const error& thrown) {
            problem = thrown.why();
        }
        if (!problem) co_return;
        const bool is_over = problem->outcome_unknown() || problem->code() == errc::subscription_lost ||
            problem->code() == errc::subscription_deleted;
        if (has_acked && is_over) throw error(*problem);
        // Refused, as an event before it waits to be delivered again.
        if (problem->code() != errc::invalid_argument) self_.go_on_after(*problem, "commit of an ack");
        records().nacking(ownership_, batch.number);
        batch.events.nack("its transaction has failed");
    }

    asio::awaitable<void> make_durable() {
        const std::int64_t position = held_->position();
        std::optional<failure> problem;
        try {
            co_await held_->checkpoint();
        } catch (const error& thrown) {
            problem = thrown.why();
        }
        if (!problem)
            records().durable(ownership_, position);
        else if (problem->code() != errc::timeout)
            throw error(*problem);
    }

    client& self_;
    store source_;
    std::shared_ptr<consumer_group> group_;
    unsigned number_;
    random_numbers random_;
    std::optional<subscription> held_;
    std::uint64_t ownership_ = 0;
    std::vector<open_batch> open_;
};

} // namespace

asio::awaitable<void> subscribe(client& self, store source) {
    std::vector<std::unique_ptr<consumer>> consumers;
    std::size_t running = 0;
    std::exception_ptr problem;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    for (const used_subscription& used : used_subscriptions()) {
        const auto group = std::make_shared<consumer_group>();
        group->used = used;
        for (unsigned number = 0; number < used.consumers; ++number) {
            const std::uint64_t seed = self.options().seed * 1'000 + consumers.size();
            consumers.push_back(std::make_unique<consumer>(self, source, group, number, seed));
            ++running;
            asio::co_spawn(executor, consumers.back()->run(), [&](std::exception_ptr thrown) {
                --running;
                if (thrown) problem = thrown;
            });
        }
    }
    const auto holds_something = [](const auto& one) { return one->holds_something(); };
    while (!problem && (!self.is_stopping() || std::any_of(consumers.begin(), consumers.end(), holds_something)))
        co_await pause_for(std::chrono::milliseconds(20));
    if (problem) std::rethrow_exception(problem);
    // The others wait for subscriptions that another process has.
    co_await source.close();
    while (running > 0 && !problem) co_await pause_for(std::chrono::milliseconds(20));
    if (problem) std::rethrow_exception(problem);
}

} // namespace eventstore::test::faults
