// Writers append to streams that all of them share, to streams of their own at exact versions, to new streams, to
// several streams at once, and in transactions; and append again, with the same ids, what was left unknown. They delete
// and restore some streams.

#include "faults/client.hpp"
#include "faults/client_plan.hpp"

#include <eventstore/transaction.hpp>

#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <map>
#include <utility>
#include <vector>

namespace eventstore::test::faults {

namespace {

constexpr int coroutines = 4;
constexpr std::uint64_t brief_streams = 3; // which are deleted, and begun anew

struct planned_append {
    std::vector<stream_append> parts;
    bool in_a_transaction = false;
    milliseconds limit{0}; // of time; 0 = that of the store
};

std::vector<part_to_append> record_of(const planned_append& append) {
    std::vector<part_to_append> parts;
    for (const stream_append& part : append.parts) {
        part_to_append& made = parts.emplace_back();
        made.stream = part.stream();
        made.expected = part.expected().value();
        for (const event_data& event : part.events()) made.ids.push_back(event.id());
    }
    return parts;
}

std::vector<told_place> places_of(const std::vector<append_result>& results) {
    std::vector<told_place> places;
    for (const append_result& told : results)
        places.push_back({told.first_version, told.last_version, told.first_position, told.last_position});
    return places;
}

class writer {
public:
    writer(client& self, store target, std::uint64_t number)
        : self_(self),
          target_(std::move(target)),
          own_stream_("own-" + self.options().streams + "-" + std::to_string(number)),
          random_(self.options().seed * 1'000 + number) {}

    asio::awaitable<void> run() {
        while (!self_.is_stopping()) {
            if (!knows_version_) co_await ask_version();
            if (once_in(random_, 40)) co_await change_stream();
            planned_append next = plan();
            co_await append(std::move(next));
            co_await pause_for(std::chrono::milliseconds(below(random_, 30)));
        }
    }

    /// An event that nobody refuses, to the stream that has a subscription of its own.
    asio::awaitable<void> append_the_last() {
        uuid id = make_uuid();
        while (is_always_refused(id)) id = make_uuid();
        planned_append last;
        last.parts.emplace_back("shared-0", any_version, event_data("ended", payload_of(id, 64)).id(id));
        is_last_ = true;
        co_await append(std::move(last));
    }

private:
    std::vector<event_data> some_events(std::uint64_t most) {
        std::vector<event_data> events;
        for (std::uint64_t count = 1 + below(random_, most); count > 0; --count) {
            const uuid id = make_uuid();
            const std::size_t size = once_in(random_, 50) ? 20'000 : 64 + below(random_, 400);
            events.push_back(event_data("happened", payload_of(id, size)).id(id));
        }
        return events;
    }
    std::string shared_stream() { return "shared-" + std::to_string(below(random_, shared_streams)); }

    std::string brief_stream() { return "brief-" + std::to_string(below(random_, brief_streams)); }

    planned_append plan() {
        planned_append made;
        const std::uint64_t kind = below(random_, 100);
        if (kind < 8) {
            made.parts.emplace_back(brief_stream(), any_version, some_events(3));
        } else if (kind < 40) {
            made.parts.emplace_back(shared_stream(), any_version, some_events(3));
        } else if (kind < 60) {
            made.parts.emplace_back(own_stream_, expected_version(version_), some_events(5));
        } else if (kind < 65) {
            made.parts.emplace_back("new-" + eventstore::to_string(make_uuid()), no_stream, some_events(2));
        } else if (kind < 70) {
            made.parts.emplace_back(shared_stream(), stream_exists, some_events(2));
        } else if (kind < 75) { // most of these are refused
            made.parts.emplace_back(shared_stream(), expected_version(below(random_, 50)), some_events(2));
        } else {
            made.parts.emplace_back("shared-0", any_version, some_events(2));
            made.parts.emplace_back(own_stream_, expected_version(version_), some_events(2));
            made.in_a_transaction = kind >= 88;
        }
        if (once_in(random_, 40)) made.limit = milliseconds(1 + below(random_, 100));
        return made;
    }

    asio::awaitable<void> ask_version() {
        std::optional<failure> problem;
        try {
            version_ = (co_await target_.stream_info(own_stream_)).version;
        } catch (const error& thrown) {
            problem = thrown.why();
        }
        if (problem && problem->code() == errc::stream_not_found) {
            version_ = 0;
            problem.reset();
        }
        knows_version_ = !problem;
        if (!problem) co_return;
        self_.go_on_after(*problem, "stream_info");
        co_await pause_for(std::chrono::milliseconds(50));
    }

    asio::awaitable<void> append(planned_append next) {
        const std::vector<part_to_append> parts = record_of(next);
        for (int attempt = 1;; ++attempt) {
            const std::uint64_t number = self_.records().appending(self_.options().schema, parts);
            std::vector<append_result> results;
            std::optional<failure> problem;
            try {
                results = co_await send(next);
            } catch (const error& thrown) {
                problem = thrown.why();
            }
            if (!problem) {
                self_.records().stored(number, places_of(results));
                if (next.parts.back().stream() == own_stream_) version_ = results.back().last_version;
                co_return;
            }
            if (problem->outcome_unknown())
                self_.records().left_unknown(number, problem->code());
            else
                self_.records().refused(number, problem->code());
            if (!is_an_answer(problem->code())) self_.go_on_after(*problem, "append");
            const bool is_over = !problem->outcome_unknown() && !problem->retry_helps();
            const bool gives_up = (self_.is_stopping() && attempt > 20) || (!is_last_ && once_in(random_, 20));
            if (is_over || gives_up || self_.has_lost_its_schema()) {
                knows_version_ = false;
                co_return;
            }
            next.limit = milliseconds(0);
            co_await pause_for(std::chrono::milliseconds(20 + below(random_, 150)));
        }
    }

    asio::awaitable<void> change_stream() {
        const std::string stream = brief_stream();
        const auto change = static_cast<stream_change>(below(random_, 3));
        const std::uint64_t number = self_.records().changing(self_.options().schema, stream, change);
        std::optional<failure> problem;
        try {
            if (change == stream_change::restore)
                co_await target_.restore_stream(stream);
            else if (change == stream_change::soft_delete)
                co_await target_.delete_stream(stream, any_version, deletion::soft);
            else
                co_await target_.delete_stream(stream, any_version, deletion::hard);
        } catch (const error& thrown) {
            problem = thrown.why();
        }
        if (!problem) {
            self_.records().changed(number);
            co_return;
        }
        // A hard delete that has failed may be half done.
        const bool is_unknown =
            problem->outcome_unknown() || (change == stream_change::hard_delete && !is_an_answer(problem->code()));
        if (is_unknown)
            self_.records().left_unknown(number, problem->code());
        else
            self_.records().refused(number, problem->code());
        if (!is_an_answer(problem->code())) self_.go_on_after(*problem, "change of a stream");
    }

    /// Of a conflict: expected, where writers meet.
    static bool is_an_answer(errc code) {
        return code == errc::wrong_expected_version || code == errc::stream_exists || code == errc::stream_not_found ||
            code == errc::stream_deleted || code == errc::duplicate_event;
    }

    asio::awaitable<std::vector<append_result>> send(const planned_append& append) {
        const store target = append.limit.count() != 0 ? target_.within(append.limit) : target_;
        if (append.in_a_transaction) {
            transaction tx = co_await target.begin();
            co_await tx.execute("select 1");
            tx.append(append.parts);
            co_return co_await tx.commit();
        }
        if (append.parts.size() > 1) co_return co_await target.append(append.parts);
        const stream_append& part = append.parts.front();
        std::vector<append_result> results;
        results.push_back(co_await target.append(part.stream(), part.expected(), part.events()));
        co_return results;
    }

    client& self_;
    store target_;
    std::string own_stream_;
    random_numbers random_;
    std::int64_t version_ = 0;
    bool knows_version_ = false;
    bool is_last_ = false;
};

} // namespace

asio::awaitable<void> append_the_last(client& self, store target) {
    writer last(self, std::move(target), 0);
    co_await last.append_the_last();
}

asio::awaitable<void> write(client& self, store target) {
    std::vector<std::unique_ptr<writer>> writers;
    int running = 0;
    std::exception_ptr problem;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    for (int number = 0; number < coroutines; ++number) {
        writers.push_back(std::make_unique<writer>(self, target, number));
        ++running;
        asio::co_spawn(executor, writers.back()->run(), [&](std::exception_ptr thrown) {
            --running;
            if (thrown) problem = thrown;
        });
    }
    while (running > 0 && !problem) co_await pause_for(std::chrono::milliseconds(20));
    if (problem) std::rethrow_exception(problem);
}

} // namespace eventstore::test::faults
