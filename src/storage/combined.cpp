#include "storage/combined.hpp"

#include "base/text.hpp"
#include "storage/statements.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace eventstore::storage {

namespace {

using namespace std::chrono_literals;
using detail::message;

constexpr auto window = 20ms; // for the others to come

/// Whether the server has refused the statement, for the sake of one of its parts perhaps.
bool is_refusal(const failure& why) {
    switch (why.code()) {
    case errc::connection_lost:
    case errc::timeout:
    case errc::cancelled:
    case errc::store_closed: return false;
    default: return true;
    }
}

} // namespace

combined::part::part(const std::shared_ptr<combined>& owner, std::string schema_name, std::size_t count)
    : completion(message(owner->question_.doing, " for many stores at once")),
      schema(std::move(schema_name)),
      elements(count),
      writes_(owner->question_.writes) {}

void combined::part::give_up(errc why) noexcept {
    const std::string_view reason = why == errc::cancelled ? " was cancelled"
        : why == errc::timeout                             ? ": no answer in time"
                                                           : ": the store is closed";
    fail(failure(why,
        {.message = message(doing(), reason),
            .retry_helps = why != errc::store_closed,
            .outcome_unknown = writes_ && is_asked_.load()}));
}

combined::combined(
    question asked, detail::environment where, std::shared_ptr<postgres::pool> pool, std::chrono::milliseconds timeout)
    : question_(std::move(asked)),
      environment_(std::move(where)),
      pool_(std::move(pool)),
      timeout_(timeout),
      strand_(environment_.executor) {}

asio::awaitable<result<combined::row>> combined::ask(
    std::shared_ptr<combined> self, std::shared_ptr<part> new_part, detail::steady_time deadline) {
    self->add(new_part);
    auto asking = part::wait(new_part, self->environment_.timers.get(), deadline);
    co_return co_await std::move(asking);
}

void combined::abandon() noexcept {
    parts left;
    const std::lock_guard lock(mutex_);
    left.swap(waiting_);
    gathering_.reset();
    strand_.reset();
}

void combined::add(std::shared_ptr<part> next) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(next));
    if (waiting_.size() > 1 || !strand_) return; // the time runs
    gathering_ = detail::call_at(*environment_.timers, environment_.in(window), [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        const std::lock_guard relock(self->mutex_);
        if (self->strand_) asio::post(*self->strand_, [self] { self->gathered(); });
    });
}

void combined::gathered() {
    parts all;
    {
        const std::lock_guard lock(mutex_);
        all.swap(waiting_);
    }
    // Of the same order everywhere, so that no two processes wait for each other's rows.
    std::ranges::sort(all, {}, [](const auto& store_part) -> const std::string& { return store_part->schema; });
    const std::size_t chunks = (all.size() + question_.most_at_once - 1) / question_.most_at_once;
    for (std::size_t i = 0; i < chunks; ++i) {
        const auto at = [&](std::size_t chunk) {
            return all.begin() + static_cast<std::ptrdiff_t>(all.size() * chunk / chunks);
        };
        asio::co_spawn(
            *strand_, carry_out(parts(at(i), at(i + 1))), [self = shared_from_this()](const std::exception_ptr&) {});
    }
}

asio::awaitable<void> combined::carry_out(parts all) {
    const auto self = shared_from_this();
    const auto statement = std::make_shared<postgres::lone_statement>(text_for(all), question_.types, question_.doing);
    statement->query.writes = question_.writes;
    for (const auto& store_part : all) store_part->is_asked_.store(true);
    auto asking = postgres::pool::execute(pool_, statement->query, question_.arguments(all), environment_.in(timeout_));
    const auto outcome = co_await std::move(asking);
    if (outcome) {
        for (int i = 0; i < outcome->rows(); ++i) {
            const auto place = static_cast<std::size_t>(outcome->int4(i, 0));
            if (place < all.size()) all[place]->decide(row{*outcome, i});
        }
        for (const auto& store_part : all) {
            if (question_.may_have_no_row) store_part->decide(row{*outcome, -1});
        }
        // One without a row has an empty schema.
        for (const auto& store_part : all)
            store_part->fail(
                failure(errc::schema_missing, message(question_.doing, ": the schema holds no event store")));
        co_return;
    }
    if (all.size() > 1 && is_refusal(outcome.error())) {
        const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
        auto first = carry_out(parts(all.begin(), middle));
        co_await std::move(first);
        auto second = carry_out(parts(middle, all.end()));
        co_await std::move(second);
        co_return;
    }
    for (const auto& store_part : all) store_part->fail(outcome.error());
}

std::string combined::text_for(const parts& all) const {
    std::string text;
    std::size_t next = 1; // element
    for (std::size_t i = 0; i < all.size(); ++i) {
        const std::string from = std::to_string(next);
        next += all[i]->elements;
        const std::string range = message(from, ":", std::to_string(next - 1));
        std::string sql;
        for (std::string_view rest = question_.sql;;) {
            const auto mark = rest.find("[@");
            sql += rest.substr(0, mark);
            if (mark == std::string_view::npos) break;
            const bool is_range = rest.substr(mark).starts_with("[@:@]");
            sql += message("[", is_range ? range : from, "]");
            rest.remove_prefix(mark + (is_range ? 5 : 3));
        }
        if (i > 0) text += " union all ";
        text +=
            message("select ", std::to_string(i), " as place, p.* from (", for_schema(sql, all[i]->schema), ") as p");
    }
    return text;
}

} // namespace eventstore::storage
