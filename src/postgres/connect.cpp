// The part of a connection that runs once: connecting, and the scripts of the set-up.
#include "async/blocking_calls.hpp"
#include "base/text.hpp"
#include "postgres/arrivals.hpp"
#include "postgres/connection.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fcntl.h>
#include <libpq-fe.h>
#include <unistd.h>

namespace eventstore::postgres {

namespace {

failure out_of_time(std::string_view doing) {
    return failure(errc::timeout, {.message = detail::message(doing, ": the time was over"), .retry_helps = true});
}

failure stopped(std::string_view doing) {
    return failure(errc::store_closed, detail::message(doing, ": the store was closed"));
}

failure behind_a_pooler(failure::details details) {
    details.retry_helps = false;
    details.message +=
        "; the url leads through a pooler that takes no startup options: open the store with pooled(true)";
    return failure(errc::server_unusable, std::move(details));
}

/// One server will not do, and the others could not be asked: it may be otherwise soon.
failure with_others(const failure& refusal, const failure& others) {
    failure::details details = refusal.all();
    details.retry_helps = true;
    details.message += detail::message("; the other hosts of the url: ", others.message());
    return failure(refusal.code(), std::move(details));
}

constexpr int most_lost = 3; // connections in a row, before it is told

std::string_view as_view(const char* text) { return text ? text : std::string_view(); }

} // namespace

bool connection::renew_descriptor() {
    descriptor_.reset();
    // libpq may have opened another socket (the next host, or after a refused TLS), even under the same number.
    const int duplicate = PQsocket(handle_) < 0 ? -1 : ::fcntl(PQsocket(handle_), F_DUPFD_CLOEXEC, 0);
    if (duplicate < 0) return false;
    boost::system::error_code ec;
    descriptor_.emplace(strand_);
    descriptor_->assign(duplicate, ec);
    if (ec) ::close(duplicate);
    return !ec;
}

asio::awaitable<boost::system::error_code> connection::wait(bool for_writing, steady_time deadline) {
    using descriptor = asio::posix::stream_descriptor;
    boost::system::error_code ec;
    const auto self = shared_from_this();
    const auto is_waiting = std::make_shared<bool>(true); // a late alarm ends nothing else
    const auto alarm = detail::call_at(*environment_.timers, deadline, [self, is_waiting] {
        asio::post(self->strand_, [self, is_waiting] {
            if (*is_waiting && self->descriptor_) self->descriptor_->cancel();
        });
    });
    const auto direction = for_writing ? descriptor::wait_write : descriptor::wait_read;
    co_await descriptor_->async_wait(direction, asio::redirect_error(asio::use_awaitable, ec));
    *is_waiting = false;
    if (ec == asio::error::operation_aborted && environment_.now() >= deadline) ec = asio::error::timed_out;
    co_return ec;
}

host_list connection::hosts() const {
    host_list all;
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> used(
        handle_ ? PQconninfo(handle_) : nullptr, &PQconninfoFree);
    for (const PQconninfoOption* option = used.get(); option && option->keyword; ++option) {
        const std::string_view keyword = option->keyword;
        if (!option->val) continue;
        if (keyword == "host") all.hosts = option->val;
        if (keyword == "hostaddr") all.addresses = option->val;
        if (keyword == "port") all.ports = option->val;
    }
    return all;
}

asio::awaitable<result<void>> connection::connect(
    std::shared_ptr<connection> self, connect_settings settings, steady_time deadline) {
    auto connecting = connect_somewhere(self, settings, deadline);
    const auto connected = co_await std::move(connecting);
    if (!connected || self->opening_.empty()) co_return connected;
    auto opening = run_script(self, std::string(), deadline);
    const auto opened = co_await std::move(opening);
    if (opened) co_return result<void>();
    self->close();
    co_return opened.error();
}

asio::awaitable<result<void>> connection::connect(
    std::shared_ptr<connection> self, connect_settings settings, inspector inspect, steady_time deadline) {
    std::optional<failure> refusal; // of the first server
    int lost = 0;                   // connections that were made, and lost while they were looked at
    for (;;) {
        auto connecting = connect_somewhere(self, settings, deadline);
        const auto connected = co_await std::move(connecting);
        if (!connected) {
            if (refusal && !self->stopped_) co_return with_others(*refusal, connected.error());
            co_return connected.error();
        }
        auto inspecting = inspect(self, settings, deadline);
        const auto outcome = co_await std::move(inspecting);
        if (outcome) co_return outcome;
        // A pooler hands out a session of the server's that is just ending; another one is not far.
        const bool is_lost = outcome.error().code() == errc::connection_lost && !self->stopped_;
        if (is_lost && ++lost < most_lost && self->environment_.now() < deadline) {
            self->close();
            continue;
        }
        const host_list all = self->hosts();
        const std::optional<host_list> others =
            self->handle_ ? all.without(as_view(PQhost(self->handle_)), as_view(PQport(self->handle_))) : std::nullopt;
        self->close();
        const bool is_judged = outcome.error().code() != errc::connection_lost &&
            outcome.error().code() != errc::timeout && outcome.error().code() != errc::store_closed;
        if (!is_judged && refusal && !self->stopped_) co_return with_others(*refusal, outcome.error());
        if (!is_judged) co_return outcome;
        if (!refusal) refusal = outcome.error();
        if (!others || others->size() >= all.size()) co_return *refusal;
        settings.use_hosts(*others);
    }
}

asio::awaitable<result<void>> connection::connect_somewhere(
    std::shared_ptr<connection> self, const connect_settings& settings, steady_time deadline) {
    constexpr std::string_view doing = "connecting to PostgreSQL";
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    self->opening_ = settings.opening();
    if (self->stopped_) co_return stopped(doing);
    auto begin = [self, settings] {
        const auto keywords = settings.keywords();
        const auto values = settings.values();
        self->handle_ = PQconnectStartParams(keywords.data(), values.data(), 0);
        if (self->handle_) PQsetNoticeReceiver(self->handle_, &connection::receive_notice, self.get());
    };
    auto beginning = detail::run_blocking(std::move(begin));
    co_await std::move(beginning);

    while (self->handle_ && PQstatus(self->handle_) != CONNECTION_BAD && status != PGRES_POLLING_OK &&
        status != PGRES_POLLING_FAILED) {
        if (!self->renew_descriptor()) break;
        boost::system::error_code ec;
        if (!self->stopped_) {
            auto waiting = self->wait(status == PGRES_POLLING_WRITING, deadline);
            ec = co_await std::move(waiting);
        }
        if (self->stopped_) ec = asio::error::operation_aborted;
        if (ec) {
            self->close();
            if (ec == asio::error::timed_out) co_return out_of_time(doing);
            if (self->stopped_) co_return stopped(doing);
            co_return failure(errc::connection_lost, detail::message(doing, ": ", ec.message()));
        }
        auto poll = [self, &status] { status = poll_all(self->handle_); };
        auto polling = detail::run_blocking(poll);
        co_await std::move(polling);
    }
    if (!self->handle_) co_return failure(errc::connection_lost, detail::message(doing, ": out of memory"));
    if (status != PGRES_POLLING_OK || PQsetnonblocking(self->handle_, 1) != 0 || !self->renew_descriptor()) {
        const failure raw = connection_failure(self->handle_, doing);
        failure::details details = raw.all();
        details.message = settings.without_secrets(std::move(details.message));
        self->close();
        if (details.message.find("unsupported startup parameter") != std::string::npos) // in the words of PgBouncer
            co_return behind_a_pooler(std::move(details));
        co_return failure(errc::connection_lost, std::move(details));
    }
    co_return result<void>();
}

void connection::stop_connecting() {
    asio::post(strand_, [self = shared_from_this()] {
        self->stopped_ = true;
        if (self->descriptor_) self->descriptor_->cancel();
    });
}

asio::awaitable<result<answer>> connection::run_script(
    std::shared_ptr<connection> self, std::string text, steady_time deadline) {
    constexpr std::string_view doing = "setting up";
    const auto lost = [&] { return self->stopped_ ? stopped(doing) : connection_failure(self->handle_, doing); };
    for (bool is_opening = !self->opening_.empty();; is_opening = false) {
        answer last;
        const std::string all = is_opening ? self->opening_ + text : text;
        if (!self->handle_ || PQsendQuery(self->handle_, all.c_str()) == 0) co_return lost();
        for (;;) {
            const int left = PQflush(self->handle_);
            if (left < 0) co_return lost();
            if (left == 0 && PQisBusy(self->handle_) == 0) {
                answer next(PQgetResult(self->handle_));
                if (PQstatus(self->handle_) == CONNECTION_BAD) co_return lost();
                if (!next) break;
                if (!last || !last.is_error()) last = std::move(next);
                continue;
            }
            // While the script is going out, libpq has enough to do with writing; answers are small.
            auto waiting = self->wait(left > 0, deadline);
            const auto ec = co_await std::move(waiting);
            if (ec == asio::error::timed_out) co_return out_of_time(doing);
            if (ec || (left == 0 && !consume_all(self->handle_))) co_return lost();
        }
        if (last.is_error() && is_opening) continue; // nothing of it was done; which of the two it was shows now
        if (last.is_error()) co_return last.to_failure(doing);
        self->opening_.clear();
        co_return std::move(last);
    }
}

} // namespace eventstore::postgres
