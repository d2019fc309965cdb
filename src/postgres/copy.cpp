// The part of a connection that one user has for itself: statements one after the other, and COPY.
#include "base/text.hpp"
#include "postgres/arrivals.hpp"
#include "postgres/connection.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <libpq-fe.h>

#include <algorithm>

namespace eventstore::postgres {

namespace {

constexpr std::string_view copying = "copying";

failure too_late(std::string_view doing) {
    return failure(errc::timeout, {.message = detail::message(doing, ": the time was over"), .retry_helps = true});
}

} // namespace

/// Until libpq has nothing left to send.
asio::awaitable<result<void>> connection::flush_all(steady_time deadline) {
    for (;;) {
        const int left = handle_ ? PQflush(handle_) : -1;
        if (left < 0) co_return connection_failure(handle_, "sending to PostgreSQL");
        if (left == 0) co_return result<void>();
        auto waiting = wait(true, deadline);
        const auto ec = co_await std::move(waiting);
        if (ec == asio::error::timed_out) co_return too_late("sending to PostgreSQL");
        if (ec) co_return connection_failure(handle_, "sending to PostgreSQL");
    }
}

/// None when all have come.
asio::awaitable<result<answer>> connection::next_answer(steady_time deadline) {
    while (PQisBusy(handle_) != 0) {
        auto waiting = wait(false, deadline);
        const auto ec = co_await std::move(waiting);
        if (ec == asio::error::timed_out) co_return too_late("waiting for PostgreSQL");
        if (ec || !consume_all(handle_)) co_return connection_failure(handle_, "waiting for PostgreSQL");
    }
    answer next(PQgetResult(handle_));
    if (PQstatus(handle_) == CONNECTION_BAD) co_return connection_failure(handle_, "waiting for PostgreSQL");
    co_return next;
}

/// The last one, or the first failure, of what was sent.
asio::awaitable<result<answer>> connection::last_answer(std::string_view doing, steady_time deadline) {
    answer last;
    for (;;) {
        auto receiving = next_answer(deadline);
        const auto next = co_await std::move(receiving);
        if (!next) co_return next.error();
        if (!*next) break;
        if (!last || !last.is_error()) last = *next;
    }
    if (last && last.is_error()) co_return last.to_failure(doing);
    co_return last; // none, if nothing was left to come
}

asio::awaitable<result<answer>> connection::run_statement(
    std::shared_ptr<connection> self, const statement& sql, parameters arguments, steady_time deadline) {
    const parameters::view values = arguments.for_libpq();
    const bool was_sent = self->handle_ &&
        PQsendQueryParams(self->handle_, sql.text.c_str(), static_cast<int>(values.values.size()),
            reinterpret_cast<const Oid*>(sql.types.data()), values.values.data(), values.lengths, values.formats,
            sql.answers_in_text ? 0 : 1) == 1;
    if (!was_sent) co_return connection_failure(self->handle_, sql.doing);
    auto flushing = self->flush_all(deadline);
    const auto flushed = co_await std::move(flushing);
    if (!flushed) co_return flushed.error();
    auto receiving = self->last_answer(sql.doing, deadline);
    co_return co_await std::move(receiving);
}

asio::awaitable<result<void>> connection::begin_copy(
    std::shared_ptr<connection> self, std::string text, steady_time deadline) {
    if (!self->handle_ || PQsendQuery(self->handle_, text.c_str()) == 0)
        co_return connection_failure(self->handle_, copying);
    auto flushing = self->flush_all(deadline);
    const auto flushed = co_await std::move(flushing);
    if (!flushed) co_return flushed.error();
    auto receiving = self->next_answer(deadline);
    const auto first = co_await std::move(receiving);
    if (!first) co_return first.error();
    if (first->is_copy()) co_return result<void>();
    auto ending = self->last_answer(copying, deadline);
    const auto rest = co_await std::move(ending);
    if (first->is_error()) co_return first->to_failure(copying);
    if (!rest) co_return rest.error();
    co_return failure(errc::database_error, "copying: the server took the statement for another one");
}

asio::awaitable<result<connection::copy_state>> connection::receive_copied(
    std::shared_ptr<connection> self, copy_sink sink, steady_time deadline) {
    for (;;) {
        char* piece = nullptr;
        const int size = PQgetCopyData(self->handle_, &piece, 1);
        if (size > 0) {
            const std::unique_ptr<char, decltype(&PQfreemem)> owner(piece, &PQfreemem);
            if (!sink(std::string_view(piece, static_cast<std::size_t>(size)))) co_return copy_state::going_on;
        } else if (size == 0) {
            auto waiting = self->wait(false, deadline);
            const auto ec = co_await std::move(waiting);
            if (ec == asio::error::timed_out) co_return too_late(copying);
            if (ec || !consume_all(self->handle_)) co_return connection_failure(self->handle_, copying);
        } else if (size == -1) {
            auto receiving = self->last_answer(copying, deadline);
            const auto last = co_await std::move(receiving);
            if (!last) co_return last.error();
            co_return copy_state::ended;
        } else {
            co_return connection_failure(self->handle_, copying);
        }
    }
}

asio::awaitable<result<void>> connection::send_copied(
    std::shared_ptr<connection> self, std::string_view bytes, steady_time deadline) {
    // libpq copies what it is given, and sends whole blocks of 8 kB at once, with the five bytes before each message.
    constexpr std::size_t most = (std::size_t{64} << 10) - 5;
    while (!bytes.empty()) {
        const std::string_view piece = bytes.substr(0, most);
        const int put = PQputCopyData(self->handle_, piece.data(), static_cast<int>(piece.size()));
        if (put < 0) co_return connection_failure(self->handle_, copying);
        if (put > 0) bytes.remove_prefix(piece.size());
        auto flushing = self->flush_all(deadline);
        const auto flushed = co_await std::move(flushing);
        if (!flushed) co_return flushed.error();
    }
    co_return result<void>();
}

asio::awaitable<result<std::int64_t>> connection::end_sending(std::shared_ptr<connection> self, steady_time deadline) {
    while (true) {
        const int put = PQputCopyEnd(self->handle_, nullptr);
        if (put < 0) co_return connection_failure(self->handle_, copying);
        auto flushing = self->flush_all(deadline);
        const auto flushed = co_await std::move(flushing);
        if (!flushed) co_return flushed.error();
        if (put > 0) break;
    }
    auto receiving = self->last_answer(copying, deadline);
    const auto last = co_await std::move(receiving);
    if (!last) co_return last.error();
    co_return last->affected();
}

} // namespace eventstore::postgres
