#include "log/combined.hpp"

#include "base/text.hpp"
#include "log/statements.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace eventstore::log {

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

void combined::part::end(result<answer> how) {
    if (!claim()) return;
    outcome = std::move(how);
    finish();
}

void combined::part::start() {
    if (const auto owner = owner_.lock()) owner->add(std::static_pointer_cast<part>(shared_from_this()));
}

void combined::part::cancel() noexcept { give_up(errc::cancelled); }
void combined::part::expire() noexcept { give_up(errc::timeout); }

void combined::part::give_up(errc why) noexcept {
    const auto owner = owner_.lock();
    failure::facts facts;
    facts.outcome_unknown = owner && owner->what_.writes && is_asked_.load();
    facts.message = message(owner ? owner->what_.doing : "asking", " for many stores at once",
        why == errc::cancelled ? " was cancelled" : ": no answer in time");
    facts.retry_helps = true;
    end(failure(why, std::move(facts)));
}

combined::combined(question what, asio::any_io_executor executor, std::shared_ptr<detail::timer_queue> timers,
    std::shared_ptr<postgres::pool> pool, std::chrono::milliseconds timeout)
    : what_(std::move(what)),
      timers_(std::move(timers)),
      pool_(std::move(pool)),
      timeout_(timeout),
      strand_(std::move(executor)),
      timer_(*strand_) {}

asio::awaitable<result<combined::part::answer>> combined::ask(
    std::shared_ptr<combined> self, std::shared_ptr<part> what, detail::steady_time deadline) {
    co_await detail::suspend(what, self->timers_.get(), deadline);
    co_return what->outcome;
}

void combined::abandon() noexcept {
    parts left;
    const std::lock_guard lock(mutex_);
    left.swap(waiting_);
    timer_.reset();
    strand_.reset();
}

void combined::add(std::shared_ptr<part> next) {
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(std::move(next));
        if (waiting_.size() > 1) return; // the timer runs
    }
    asio::post(*strand_, [self = shared_from_this()] {
        self->timer_->expires_after(window);
        self->timer_->async_wait([self](const boost::system::error_code& stopped) {
            if (!stopped) self->gathered();
        });
    });
}

void combined::gathered() {
    parts all;
    {
        const std::lock_guard lock(mutex_);
        all.swap(waiting_);
    }
    // Of the same order everywhere, so that no two processes wait for each other's rows.
    std::ranges::sort(all, {}, [](const auto& each) -> const std::string& { return each->schema; });
    const std::size_t chunks = (all.size() + what_.most_at_once - 1) / what_.most_at_once;
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
    const auto statement = std::make_shared<postgres::lone_statement>(text_for(all), what_.types, what_.doing);
    statement->what.writes = what_.writes;
    for (const auto& each : all) each->is_asked_.store(true);
    auto asking = postgres::pool::execute(
        pool_, statement->what, what_.arguments(all), std::chrono::steady_clock::now() + timeout_);
    auto answer = co_await std::move(asking);
    if (answer) {
        const std::shared_ptr<const PGresult> table(answer->release(), postgres::result_deleter());
        const postgres::rows rows(table.get());
        for (int i = 0; i < rows.count(); ++i) {
            const auto place = static_cast<std::size_t>(rows.int4(i, 0));
            if (place < all.size()) all[place]->end(part::answer{table, i});
        }
        for (const auto& each : all) {
            if (what_.may_have_no_row) each->end(part::answer{table, -1});
        }
        // One without a row has an empty schema.
        for (const auto& each : all)
            each->end(failure(errc::schema_missing, message(what_.doing, ": the schema holds no event store")));
        co_return;
    }
    if (all.size() > 1 && is_refusal(answer.error())) {
        const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
        auto first = carry_out(parts(all.begin(), middle));
        co_await std::move(first);
        auto second = carry_out(parts(middle, all.end()));
        co_await std::move(second);
        co_return;
    }
    for (const auto& each : all) each->end(answer.error());
}

std::string combined::text_for(const parts& all) const {
    std::string text;
    std::size_t next = 1; // element
    for (std::size_t i = 0; i < all.size(); ++i) {
        const std::string from = std::to_string(next);
        next += all[i]->elements;
        const std::string range = message(from, ":", std::to_string(next - 1));
        std::string sql;
        for (std::string_view rest = what_.sql;;) {
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

} // namespace eventstore::log
