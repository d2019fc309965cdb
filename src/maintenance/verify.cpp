#include "maintenance/verify.hpp"

#include "base/text.hpp"
#include "maintenance/id_portion.hpp"
#include "maintenance/number_text.hpp"
#include "maintenance/rows.hpp"
#include "maintenance/verification.hpp"
#include "storage/inspection.hpp"
#include "storage/sql.hpp"

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

namespace eventstore::maintenance {

namespace sql = storage::sql;

namespace {

using detail::message;

constexpr std::size_t smallest_page = 100;
constexpr std::size_t largest_page = 1'000'000;
constexpr std::size_t most_findings = 1'000'000;

log_row log_in(const postgres::answer& from) {
    log_row log;
    log.states = number_in(from, 0, 0);
    log.floor = number_in(from, 0, 1);
    log.first_position = number_in(from, 0, 2);
    log.last_position = number_in(from, 0, 3);
    log.last_stream = number_in(from, 0, 4);
    log.last_subscription = number_in(from, 0, 5);
    log.unique_keys = text_in(from, 0, 6);
    return log;
}

std::vector<event_row> events_in(const postgres::answer& from) {
    std::vector<event_row> rows;
    for (int i = 0; i < from.rows(); ++i)
        rows.push_back({text_in(from, i, 0), number_in(from, i, 1), number_in(from, i, 2), number_in(from, i, 3),
            number_in(from, i, 4), text_in(from, i, 5)});
    return rows;
}

link_row link_in(const postgres::answer& from, int i) {
    return {number_in(from, i, 0), number_in(from, i, 1), text_in(from, i, 2), number_in(from, i, 3),
        flag_in(from, i, 4), flag_in(from, i, 5), text_in(from, i, 6)};
}

std::vector<stream_row> streams_in(const postgres::answer& from) {
    std::vector<stream_row> rows;
    for (int i = 0; i < from.rows(); ++i)
        rows.push_back({text_in(from, i, 0), number_in(from, i, 1), number_in(from, i, 2), number_in(from, i, 3),
            number_in(from, i, 4), number_in(from, i, 5), number_in(from, i, 6), text_in(from, i, 7),
            flag_in(from, i, 8)});
    return rows;
}

subscription_row subscription_in(const postgres::answer& from, int i) {
    return {number_in(from, i, 0), text_in(from, i, 1), text_in(from, i, 2), number_in(from, i, 3),
        number_in(from, i, 4), text_in(from, i, 5), text_in(from, i, 6), number_in(from, i, 7), number_in(from, i, 8),
        number_in(from, i, 9), number_in(from, i, 10), number_in(from, i, 11)};
}

parked_row parked_in(const postgres::answer& from, int i) {
    return {text_in(from, i, 0), number_in(from, i, 1), number_in(from, i, 2), number_in(from, i, 3),
        number_in(from, i, 4), text_in(from, i, 5), text_in(from, i, 6)};
}

std::vector<fork_row> forks_in(const postgres::answer& from) {
    std::vector<fork_row> rows;
    for (int i = 0; i < from.rows(); ++i)
        rows.push_back({number_in(from, i, 0), number_in(from, i, 1), number_in(from, i, 2), number_in(from, i, 3),
            number_in(from, i, 4)});
    return rows;
}

/// One verification under way. Each step reads a part of the store to its end.
class verifier {
public:
    verifier(std::shared_ptr<session> over, verify_options how)
        : over_(std::move(over)), how_(std::move(how)), found_(over_->options().schema(), how_.max_findings()) {}

    asio::awaitable<result<void>> begin() {
        auto asking = session::ask(over_, over_->statement(sql::verify_log));
        const auto answer = co_await std::move(asking);
        if (!answer) co_return answer.error();
        log_ = log_in(*answer);
        found_.take(log_);
        co_return result<void>();
    }

    asio::awaitable<result<void>> events() {
        const std::int64_t begin = std::min<std::int64_t>(log_.first_position, 1) - 1;
        const std::string has_versions = log_.has_key("stream_id,stream_version") ? "true" : "false";
        std::int64_t seen = 0;
        std::int64_t after = begin;
        while (after < log_.last_position) {
            const std::int64_t through = std::min(after + page_size(), log_.last_position);
            auto asking = session::ask(
                over_, over_->statement(sql::verify_events, {text(after), text(through), text(seen), has_versions}));
            const auto answer = co_await std::move(asking);
            if (!answer) co_return answer.error();
            const auto page = found_.take(events_in(*answer), through);
            if (page.links > 0) {
                auto checking = links(after, through);
                const auto checked = co_await std::move(checking);
                if (!checked) co_return checked.error();
            }
            events_ += page.rows;
            seen = std::max(seen, page.last);
            if (page.next > 0) seen = std::max(seen, through);
            after = page.next == 0 ? log_.last_position : std::max(through, page.next - 1);
            if (const auto why =
                    tell("events", std::min(after, log_.last_position) - begin, log_.last_position - begin))
                co_return *why;
        }
        co_return result<void>();
    }

    asio::awaitable<result<void>> streams() {
        if (!log_.has_key("stream_id,stream_version")) co_return result<void>(); // which is a finding already
        for (std::int64_t after = 0;;) {
            const std::string size = text(page_size());
            auto asking = session::ask(over_, over_->statement(sql::verify_streams, {text(after), size, size}));
            const auto answer = co_await std::move(asking);
            if (!answer) co_return answer.error();
            auto page = found_.take(streams_in(*answer));
            for (const stream_row& large : page.large) {
                auto reading = large_stream(large);
                const auto read = co_await std::move(reading);
                if (!read) co_return read.error();
            }
            auto judging = judge(std::move(page.unexplained));
            const auto judged = co_await std::move(judging);
            if (!judged) co_return judged.error();
            if (page.last_stream == 0) co_return result<void>();
            after = page.last_stream;
            if (const auto why = tell("streams", after, std::max(after, log_.last_stream))) co_return *why;
        }
    }

    asio::awaitable<result<void>> ids() {
        auto reading = log_.has_key("event_id") ? ids_by_index() : ids_by_portions();
        co_return co_await std::move(reading);
    }

    asio::awaitable<result<void>> subscriptions() {
        for (std::int64_t after = 0;;) {
            // Each row looks into the log: fewer of them than of others make a page.
            const std::int64_t size = std::min<std::int64_t>(page_size(), 1000);
            auto asking = session::ask(over_, over_->statement(sql::verify_subscriptions, {text(after), text(size)}));
            const auto answer = co_await std::move(asking);
            if (!answer) co_return answer.error();
            for (int i = 0; i < answer->rows(); ++i) found_.take(subscription_in(*answer, i));
            if (answer->rows() == 0) break;
            after = number_in(*answer, answer->rows() - 1, 0);
            if (const auto why = tell("subscriptions", after, std::max(after, log_.last_subscription))) co_return *why;
        }
        auto reading = parked();
        const auto read = co_await std::move(reading);
        if (!read) co_return read.error();
        auto asking = session::ask(over_, over_->statement(sql::verify_forks));
        const auto answer = co_await std::move(asking);
        if (!answer) co_return answer.error();
        found_.take(forks_in(*answer));
        co_return result<void>();
    }

    verify_report finish() { return found_.finish(); }

private:
    std::int64_t page_size() const { return static_cast<std::int64_t>(how_.page_size()); }

    std::optional<failure> tell(std::string_view part, std::int64_t done, std::int64_t total) const {
        if (!how_.on_progress() || over_->is_stopped()) return std::nullopt; // stopped, the next statement fails
        verify_progress now;
        now.part = part;
        now.done = done;
        now.total = total;
        now.findings = found_.problems();
        try {
            how_.on_progress()(now);
        } catch (const std::exception& e) {
            return failure(errc::handler_failed, message("verifying: on_progress has thrown an exception: ", e.what()));
        } catch (...) {
            return failure(errc::handler_failed, "verifying: on_progress has thrown an exception");
        }
        return std::nullopt;
    }

    asio::awaitable<result<void>> links(std::int64_t after, std::int64_t through) {
        auto asking = session::ask(over_, over_->statement(sql::verify_links, {text(after), text(through)}));
        const auto answer = co_await std::move(asking);
        if (!answer) co_return answer.error();
        for (int i = 0; i < answer->rows(); ++i) found_.take(link_in(*answer, i));
        co_return result<void>();
    }

    asio::awaitable<result<void>> large_stream(stream_row stream) {
        std::int64_t seen = 0;
        for (std::int64_t after = std::int64_t(-1) << 40; after < stream.version;) {
            const std::int64_t through = std::min(std::max<std::int64_t>(after, 0) + page_size(), stream.version);
            auto asking = session::ask(over_,
                over_->statement(
                    sql::verify_versions, {text(stream.stream_id), text(after), text(through), text(seen)}));
            const auto answer = co_await std::move(asking);
            if (!answer) co_return answer.error();
            std::vector<stream_row> rows = rows_of_versions(*answer);
            seen = std::max(seen, last_version_);
            auto page = found_.take(rows);
            auto judging = judge(std::move(page.unexplained));
            const auto judged = co_await std::move(judging);
            if (!judged) co_return judged.error();
            if (after <= stream.version && next_version_ == 0) break;
            after = std::max(through, next_version_ - 1);
        }
        co_return result<void>();
    }

    /// Its first row is of another kind than that of verify_streams. The floor in it is of the same moment as the gaps.
    std::vector<stream_row> rows_of_versions(const postgres::answer& from) {
        std::vector<stream_row> rows = streams_in(from);
        for (const stream_row& row : rows) {
            if (row.kind != "page") continue;
            last_version_ = row.version;
            next_version_ = row.before_position;
            found_.see_floor(row.before_version);
        }
        std::erase_if(rows, [](const stream_row& row) { return row.kind == "page"; });
        return rows;
    }

    asio::awaitable<result<void>> judge(std::vector<version_gap> gaps) {
        for (const version_gap& gap : gaps) {
            std::int64_t missing = 0;
            for (std::int64_t from = gap.from_position;
                 from <= gap.to_position && missing < gap.count() && !found_.is_full(); from += page_size()) {
                const std::int64_t through = std::min(from + page_size() - 1, gap.to_position);
                auto asking = session::ask(over_, over_->statement(sql::verify_missing, {text(from), text(through)}));
                const auto answer = co_await std::move(asking);
                if (!answer) co_return answer.error();
                missing += number_in(*answer, 0, 0);
            }
            found_.judge(gap, missing);
        }
        co_return result<void>();
    }

    asio::awaitable<result<void>> ids_by_index() {
        std::int64_t done = 0;
        for (std::string from = "00000000-0000-0000-0000-000000000000";;) {
            auto asking = session::ask(
                over_, over_->statement(sql::verify_ids, {message("'", from, "'::uuid"), text(page_size())}));
            const auto answer = co_await std::move(asking);
            if (!answer) co_return answer.error();
            std::int64_t count = 0;
            std::string last;
            for (int i = 0; i < answer->rows(); ++i) {
                if (answer->bytes(i, 0) == "twice") {
                    found_.found_twice(text_in(*answer, i, 2), text_in(*answer, i, 3));
                } else {
                    count = number_in(*answer, i, 1);
                    last = text_in(*answer, i, 2);
                }
            }
            done += count;
            if (count < page_size() || last == from) break;
            from = last; // which is there again, so that one that is there twice is seen
            if (const auto why = tell("ids", std::min(done, events_), events_)) co_return *why;
        }
        co_return result<void>();
    }

    /// Without an index every id may stand anywhere: each portion of them is collected in a pass of its own.
    asio::awaitable<result<void>> ids_by_portions() {
        const std::int64_t portions =
            std::max<std::int64_t>(1, (events_ + id_portion::usual_size - 1) / id_portion::usual_size);
        for (std::int64_t portion = 0; portion < portions; ++portion) {
            id_portion ids;
            for (std::int64_t after = std::min<std::int64_t>(log_.first_position, 1) - 1; after < log_.last_position;
                 after += page_size()) {
                const std::int64_t through = std::min(after + page_size(), log_.last_position);
                auto asking = session::ask(over_,
                    over_->statement(
                        sql::verify_id_bucket, {text(after), text(through), text(portions), text(portion)}));
                const auto answer = co_await std::move(asking);
                if (!answer) co_return answer.error();
                for (int i = 0; i < answer->rows(); ++i) ids.add(answer->bytes(i, 1), number_in(*answer, i, 0));
                if (const auto why = tell("ids", portion * events_ / portions, events_)) co_return *why;
            }
            ids.for_each_repeated(
                [&](const std::string& id, const std::string& positions) { found_.found_twice(id, positions); });
        }
        co_return result<void>();
    }

    asio::awaitable<result<void>> parked() {
        std::int64_t subscription = 0;
        std::int64_t position = 0;
        for (;;) {
            auto asking = session::ask(
                over_, over_->statement(sql::verify_parked, {text(subscription), text(position), text(page_size())}));
            const auto answer = co_await std::move(asking);
            if (!answer) co_return answer.error();
            std::int64_t count = 0;
            for (int i = 0; i < answer->rows(); ++i) {
                const parked_row row = parked_in(*answer, i);
                found_.take(row);
                if (row.kind != "page") continue;
                count = row.count;
                subscription = row.subscription;
                position = row.position;
            }
            if (count < page_size()) co_return result<void>();
        }
    }

    const std::shared_ptr<session> over_;
    const verify_options how_;
    verification found_;
    log_row log_;
    std::int64_t events_ = 0;
    std::int64_t last_version_ = 0;
    std::int64_t next_version_ = 0;
};

} // namespace

std::optional<failure> check_options(const verify_options& how) {
    const auto refuse = [](const char* name, std::size_t value, std::size_t least, std::size_t most) {
        return failure(errc::invalid_argument,
            message(name, " is ", std::to_string(value), "; it must be from ", std::to_string(least), " to ",
                std::to_string(most)));
    };
    if (how.page_size() < smallest_page || how.page_size() > largest_page)
        return refuse("page_size", how.page_size(), smallest_page, largest_page);
    if (how.max_findings() < 1 || how.max_findings() > most_findings)
        return refuse("max_findings", how.max_findings(), 1, most_findings);
    return std::nullopt;
}

asio::awaitable<result<verify_report>> verify(std::shared_ptr<session> over, verify_options how) {
    auto connecting = session::connect(over);
    const auto found = co_await std::move(connecting);
    if (!found) co_return found.error();
    if (const auto why = storage::check_schema(found->schema, over->options().schema(), storage::purpose::opening))
        co_return *why;

    verifier work(over, std::move(how));
    auto beginning = work.begin();
    const auto begun = co_await std::move(beginning);
    if (!begun) co_return begun.error();
    auto events = work.events();
    const auto events_read = co_await std::move(events);
    if (!events_read) co_return events_read.error();
    auto streams = work.streams();
    const auto streams_read = co_await std::move(streams);
    if (!streams_read) co_return streams_read.error();
    auto ids = work.ids();
    const auto ids_read = co_await std::move(ids);
    if (!ids_read) co_return ids_read.error();
    auto subscriptions = work.subscriptions();
    const auto subscriptions_read = co_await std::move(subscriptions);
    if (!subscriptions_read) co_return subscriptions_read.error();
    co_return work.finish();
}

} // namespace eventstore::maintenance
