// The log of Message DB: one table, whose global positions are kept.
#include "async/pause.hpp"
#include "base/text.hpp"
#include "maintenance/foreign_log.hpp"
#include "storage/sql.hpp"

#include <algorithm>

namespace eventstore::maintenance {

namespace {

using detail::message;
namespace sql = storage::sql;
using postgres::type_oid;

class message_db_log final : public foreign_log {
public:
    explicit message_db_log(foreign_parts parts) : foreign_log(std::move(parts)), rest_(parts_.where.timers) {}

    asio::awaitable<result<void>> begin() override;
    asio::awaitable<result<void>> look() override;
    asio::awaitable<result<void>> fill(std::shared_ptr<import_batch> batch, std::int64_t most) override;
    asio::awaitable<result<void>> store_state() override { co_return result<void>(); } // it has none

private:
    asio::awaitable<result<postgres::answer>> ask_place(std::int64_t position);
    asio::awaitable<result<std::vector<std::string>>> writers();
    asio::awaitable<result<std::int64_t>> head();

    detail::pause rest_;
    std::int64_t last_ = 0; // position that was read
    std::int64_t end_ = 0;  // nothing new will come up to here
};

/// Where the end is, and what is at a position.
asio::awaitable<result<postgres::answer>> message_db_log::ask_place(std::int64_t position) {
    postgres::parameters place;
    place.add(position);
    auto asking = ask(sql::message_db_begin, {type_oid::int8}, std::move(place));
    auto found = co_await std::move(asking);
    if (found && found->boolean(0, 2))
        co_return failure(errc::server_unusable,
            "the log to import is on a standby, which does not tell of open transactions: name its primary");
    co_return found;
}

asio::awaitable<result<void>> message_db_log::begin() {
    last_ = parts_.into->last_position();
    auto asking = ask_place(last_);
    const auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    if (last_ == 0) co_return result<void>();
    const bool is_same = !found->is_null(0, 1) && parts_.into->last_id() == found->id(0, 1);
    if (is_same) co_return result<void>();
    co_return failure(errc::import_refused,
        message("the store holds the event ", to_string(parts_.into->last_id().value_or(uuid())), " at position ",
            std::to_string(last_), ", and Message DB ",
            found->is_null(0, 1) ? std::string("none") : to_string(found->id(0, 1)),
            ": it was not imported from there; import into an empty store"));
}

asio::awaitable<result<std::int64_t>> message_db_log::head() {
    auto asking = ask_place(0);
    const auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    co_return found->int8(0, 0);
}

asio::awaitable<result<std::vector<std::string>>> message_db_log::writers() {
    auto asking = ask(sql::message_db_writers, {}, {});
    const auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    std::vector<std::string> all;
    for (int row = 0; row < found->rows(); ++row) all.emplace_back(found->bytes(row, 0));
    co_return all;
}

/// A transaction that is open may still bring a message with a position below the end: those that are open when the end is
/// seen are waited for.
asio::awaitable<result<void>> message_db_log::look() {
    constexpr std::chrono::milliseconds before_next_try(20);
    auto asking = head();
    const auto seen = co_await std::move(asking);
    if (!seen) co_return seen.error();
    auto looking = writers();
    const auto first = co_await std::move(looking);
    if (!first) co_return first.error();
    std::vector<std::string> open = *first;
    while (!open.empty() && !*parts_.is_stopped) {
        auto waiting = rest_.until(parts_.where.in(before_next_try));
        co_await std::move(waiting);
        auto looking_again = writers();
        const auto now = co_await std::move(looking_again);
        if (!now) co_return now.error();
        std::erase_if(open, [&](const std::string& one) { return std::ranges::find(*now, one) == now->end(); });
    }
    end_ = *seen;
    co_return result<void>();
}

asio::awaitable<result<void>> message_db_log::fill(std::shared_ptr<import_batch> batch, std::int64_t most) {
    std::optional<failure> why;
    std::int64_t rows = 0;
    bool is_full = false;
    const auto take = [&](copied_row& row) {
        if (is_full || batch->bytes() >= bytes_of_foreign_batch) {
            is_full = true;
            return;
        }
        event_line event;
        event.position = row.number();
        event.stream = row.text();
        event.version = row.number();
        event.created_at = row.number();
        event.id = row.next_id().value_or(uuid());
        event.type = row.text();
        event.metadata = row.payload(true);
        event.data = row.payload(true);
        ++rows;
        if (!why) why = check(event);
        if (why) return;
        last_ = event.position;
        batch->add(event);
    };
    std::int64_t count = 0;
    do {
        rows = 0;
        count = copy_count_.next(most - static_cast<std::int64_t>(batch->events()));
        auto copying = copy(sql::message_db_events, {last_, end_, count}, take);
        const auto copied = co_await std::move(copying);
        if (!copied) co_return copied.error();
        if (why) co_return *why;
        copy_count_.learn(rows, is_full);
    } while (
        rows == count && static_cast<std::int64_t>(batch->events()) < most && batch->bytes() < bytes_of_foreign_batch);
    co_return result<void>();
}

} // namespace

std::unique_ptr<foreign_log> make_message_db_log(foreign_parts parts) {
    return std::make_unique<message_db_log>(std::move(parts));
}

} // namespace eventstore::maintenance
