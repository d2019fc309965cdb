#include "feed/poller.hpp"

#include "storage/sql.hpp"

#include <utility>

namespace eventstore::feed {

namespace {

// Each part is one look into one index, and planned as quickly as it is carried out.
constexpr std::size_t most_at_once = 1'000;

storage::combined::question question() {
    storage::combined::question question;
    question.sql = storage::sql::combined_progress;
    question.doing = "looking how far the logs go";
    question.may_have_no_row = true;
    question.most_at_once = most_at_once;
    question.arguments = [](const storage::combined::parts&) { return postgres::parameters(); };
    return question;
}

} // namespace

poller::poller(
    const detail::environment& where, std::shared_ptr<postgres::pool> pool, std::chrono::milliseconds timeout)
    : timers_(where.timers),
      begun_(timers_->now()),
      all_(std::make_shared<storage::combined>(question(), where, std::move(pool), timeout)) {}

asio::awaitable<result<storage::log_mark>> poller::newest(
    std::shared_ptr<poller> self, std::string schema, detail::steady_time deadline) {
    const auto own_part = std::make_shared<storage::combined::part>(self->all_, std::move(schema), std::size_t(0));
    auto asking = storage::combined::ask(self->all_, own_part, deadline);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    storage::log_mark newest;
    if (answer->number >= 0) {
        newest.position = answer->table.int8(answer->number, 1);
        newest.event = answer->table.id(answer->number, 2);
    }
    co_return newest;
}

std::chrono::milliseconds poller::until_next(std::chrono::milliseconds period) const {
    const auto passed = timers_->now() - begun_;
    const auto left = period - passed % period;
    return std::chrono::ceil<std::chrono::milliseconds>(left);
}

} // namespace eventstore::feed
