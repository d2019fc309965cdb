#include "feed/poller.hpp"

#include "log/sql.hpp"

#include <utility>

namespace eventstore::feed {

using enum postgres::type_oid;

class poller::part final : public log::combined::part {
public:
    part(const std::shared_ptr<log::combined>& owner, std::string whose, std::int32_t timeline_, std::int64_t position_)
        : log::combined::part(owner, std::move(whose), 1), timeline(timeline_), position(position_) {}

    const std::int32_t timeline;
    const std::int64_t position;

    static log::combined::question question() {
        log::combined::question what;
        what.sql = log::sql::combined_progress;
        what.types = {int4_array, int8_array};
        what.doing = "looking how far the logs go";
        what.arguments = [](const log::combined::parts& all) {
            postgres::parameters arguments;
            arguments.begin_array(int4, all.size());
            for (const auto& each : all) arguments.add(static_cast<const part&>(*each).timeline);
            arguments.begin_array(int8, all.size());
            for (const auto& each : all) arguments.add(static_cast<const part&>(*each).position);
            return arguments;
        };
        return what;
    }
};

poller::poller(asio::any_io_executor executor, std::shared_ptr<detail::deadlines> timers,
    std::shared_ptr<postgres::pool> pool, std::chrono::milliseconds timeout)
    : begun_(std::chrono::steady_clock::now()),
      all_(std::make_shared<log::combined>(
          part::question(), std::move(executor), std::move(timers), std::move(pool), timeout)) {}

asio::awaitable<result<log::reader::progress>> poller::look(std::shared_ptr<poller> self, std::string schema,
    std::int32_t seen_timeline, std::int64_t seen_position, detail::steady_time deadline) {
    const auto mine = std::make_shared<part>(self->all_, std::move(schema), seen_timeline, seen_position);
    auto asking = log::combined::ask(self->all_, mine, deadline);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    co_return log::reader::progress_of(postgres::rows(answer->table.get()), answer->row, 1);
}

std::chrono::milliseconds poller::until_next(std::chrono::milliseconds period) const {
    const auto passed = std::chrono::steady_clock::now() - begun_;
    const auto left = period - passed % period;
    return std::chrono::ceil<std::chrono::milliseconds>(left);
}

} // namespace eventstore::feed
