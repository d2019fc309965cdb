#include "postgres/connection.hpp"

#include "base/text.hpp"
#include "postgres/arrivals.hpp"

#include <boost/asio/post.hpp>

#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace eventstore::postgres {

namespace {

constexpr std::string_view forgotten_statement = "26000"; // invalid_sql_statement_name

/// The number means nothing from here on; what it stood for stays as it is.
void detach(int descriptor) noexcept {
    if (descriptor < 0) return;
    const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0 || ::dup3(nothing, descriptor, O_CLOEXEC) < 0) ::close(descriptor);
    if (nothing >= 0) ::close(nothing);
}

} // namespace

failure connection_failure(const PGconn* connection, std::string_view doing) {
    std::string why = detail::one_line(PQerrorMessage(connection));
    if (why.empty()) why = "the connection was closed";
    return failure(errc::connection_lost, {.message = detail::message(doing, ": ", why), .retry_helps = true});
}

/// Has the server forget a prepared statement. What becomes of it is of no weight: no name is used twice.
class connection::deallocation final : public request {
public:
    explicit deallocation(const std::string& name) {
        statement_.text = detail::message("deallocate \"", name, "\"");
        statement_.is_prepared = false;
    }
    const statement& sql() const noexcept override { return statement_; }
    const parameters& arguments() const noexcept override { return arguments_; }
    void on_answer(answer) override {}
    void on_skipped() override {}
    void on_lost(const failure&, bool) override {}

private:
    statement statement_;
    const parameters arguments_;
};

connection::connection(strand on, sending_mode mode, detail::environment where)
    : mode_(mode), strand_(std::move(on)), environment_(std::move(where)) {}

connection::~connection() { close(); }

void connection::close() noexcept {
    if (handle_ && !home_.is_here()) {
        // A forked child says no goodbye in the name of its parent, nor takes its socket out of the epoll that they share.
        detach(PQsocket(handle_));
        if (descriptor_) detach(descriptor_->native_handle());
    }
    descriptor_.reset(); // before libpq closes the socket: epoll knows the open file, not its number
    if (handle_) {
        if (PQstatus(handle_) == CONNECTION_BAD && PQsocket(handle_) >= 0)
            ::shutdown(PQsocket(handle_), SHUT_RDWR); // nothing to say goodbye to, nothing to wait for
        PQfinish(std::exchange(handle_, nullptr));
    }
}

void connection::receive_notice(void* self, const PGresult* lent) {
    auto& connection = *static_cast<postgres::connection*>(self);
    const answer notice = answer::of_notice(lent);
    if (notice.source_function() == "SyncRepWaitForLSN") connection.unreplicated_ = true;
    if (notice.ends_session()) connection.is_ending_ = true;
    const auto& logger = connection.environment_.logger;
    if (logger->has_sink()) logger->tell(log_level::info, notice.message());
}

void connection::start_pipeline(std::function<void(const failure&)> on_broken) {
    on_broken_ = std::move(on_broken);
    PQenterPipelineMode(handle_);
    last_used_ = environment_.now();
}

void connection::start_listening(
    std::function<void(std::string_view, std::string_view)> on_message, std::function<void(const failure&)> on_broken) {
    on_message_ = std::move(on_message);
    start_pipeline(std::move(on_broken));
    wait_readable();
}

void connection::pass_on_messages() {
    while (handle_ && on_message_) {
        const std::unique_ptr<PGnotify, decltype(&PQfreemem)> message(PQnotifies(handle_), &PQfreemem);
        if (!message) return;
        on_message_(message->relname, message->extra);
    }
}

void connection::send(std::span<const std::shared_ptr<request>> group, bool may_grow) {
    const auto self = shared_from_this();
    take_arrived();
    if (!mode_.one_at_a_time || !handle_ || is_idle()) return send_now(group);
    if (held_.empty() || !held_.back().may_grow || !may_grow) held_.push_back({{}, may_grow});
    held_.back().requests.insert(held_.back().requests.end(), group.begin(), group.end());
}

void connection::send_held() {
    if (!handle_ || held_.empty() || !in_flight_.empty()) return;
    const held_group next = std::move(held_.front());
    held_.pop_front();
    send_now(next.requests);
}

void connection::send_now(std::span<const std::shared_ptr<request>> group) {
    constexpr std::chrono::seconds quiet(1);
    if (handle_ && in_flight_.empty() && environment_.now() - last_used_ > quiet) {
        // A server that went away in the meantime is found out before anything is sent.
        if (!consume_all(handle_) || PQstatus(handle_) == CONNECTION_BAD)
            break_off(connection_failure(handle_, "the connection to PostgreSQL was closed"));
    }
    if (!handle_) {
        const failure closed(errc::connection_lost, "the connection to PostgreSQL is closed");
        for (const auto& request : group) request->on_lost(closed, false);
        return;
    }
    for (std::size_t i = 0; i < group.size(); ++i) {
        if (!send_one(group[i])) {
            const failure why = connection_failure(handle_, "sending to PostgreSQL");
            for (std::size_t rest = i; rest < group.size(); ++rest) group[rest]->on_lost(why, false);
            return break_off(why);
        }
    }
    in_flight_.push_back({step::end_of_group, group.size() == 1 ? group.front() : nullptr});
    if (PQpipelineSync(handle_) == 0) return sending_failed();
    if (prepared_.has_gone()) deallocate();
    flush();
}

// Each in a transaction of its own, that no caller waits for: one that fails does no harm.
void connection::deallocate() {
    for (const std::string& name : prepared_.take_gone()) {
        if (!handle_) return;
        const auto next = std::make_shared<deallocation>(name);
        if (!send_one(next) || PQpipelineSync(handle_) == 0) return sending_failed();
        in_flight_.push_back({step::end_of_group, nullptr});
    }
}

bool connection::send_one(const std::shared_ptr<request>& next) {
    const statement& statement = next->sql();
    const parameters::view arguments = next->arguments().for_libpq();
    const int count = static_cast<int>(arguments.values.size());
    const int format = statement.answers_in_text ? 0 : 1;

    const prepared_statements::use use = mode_.prepares && statement.is_prepared
        ? prepared_.next(statement.index, statement.name, statement.text)
        : prepared_statements::use();
    if (use.name.empty()) {
        const bool sent = PQsendQueryParams(handle_, statement.text.c_str(), count,
                              reinterpret_cast<const Oid*>(statement.types.data()), arguments.values.data(),
                              arguments.lengths, arguments.formats, format) == 1;
        if (sent) in_flight_.push_back({step::statement, next});
        return sent;
    }
    if (use.is_new) {
        if (PQsendPrepare(handle_, use.name.c_str(), statement.text.c_str(), static_cast<int>(statement.types.size()),
                reinterpret_cast<const Oid*>(statement.types.data())) == 0)
            return false;
        in_flight_.push_back({step::preparation, next});
    }
    if (PQsendQueryPrepared(handle_, use.name.c_str(), count, arguments.values.data(), arguments.lengths,
            arguments.formats, format) == 0) {
        if (!in_flight_.empty() && in_flight_.back().request == next)
            in_flight_.pop_back(); // its preparation: the caller tells it that it was not sent
        return false;
    }
    in_flight_.push_back({step::statement, next});
    return true;
}

// What the server has said before it went may be on this side already.
void connection::sending_failed() {
    const auto self = shared_from_this();
    const failure why = connection_failure(handle_, "sending to PostgreSQL");
    if (receive()) break_off(why);
}

void connection::flush() {
    const int left = PQflush(handle_);
    if (left < 0) return sending_failed();
    if (left > 0 && !writing_) {
        writing_ = true;
        descriptor_->async_wait(asio::posix::stream_descriptor::wait_write,
            [self = shared_from_this()](const boost::system::error_code& ec) {
                self->writing_ = false;
                self->take_arrived();
                if (self->handle_ && (!ec || !self->in_flight_.empty())) self->flush();
            });
    }
    // Even while there is more to write: a server that cannot get rid of its answers stops reading.
    wait_readable();
}

void connection::wait_readable() {
    if (reading_ || !handle_ || (in_flight_.empty() && !on_message_)) return;
    reading_ = true;
    descriptor_->async_wait(
        asio::posix::stream_descriptor::wait_read, [self = shared_from_this()](const boost::system::error_code& ec) {
            self->reading_ = false;
            if (!self->handle_) return;
            if (!ec)
                self->on_readable();
            else
                self->wait_readable(); // settled, and used again at once
        });
}

void connection::on_readable() {
    take_arrived();
    if (!handle_) return;
    arrivals pending(handle_);
    bool alive = true;
    do {
        alive = PQconsumeInput(handle_) == 1;
        if (!receive()) // has broken off already
            return;
    } while (alive && pending.may_hold_more());
    pass_on_messages();
    if (!handle_) return;
    if (!alive || PQstatus(handle_) == CONNECTION_BAD)
        return break_off(connection_failure(handle_, "the connection to PostgreSQL was lost"));
    last_used_ = environment_.now();
    if (!in_flight_.empty())
        flush(); // consuming input may have made room for output
    else
        wait_readable();
}

// A send that fails reads what has come, and the next one may find the end: what was read is taken in between.
void connection::take_arrived() {
    if (!handle_ || is_receiving_ || PQstatus(handle_) == CONNECTION_BAD) return;
    receive();
}

bool connection::receive() {
    const bool is_nested = std::exchange(is_receiving_, true);
    const bool goes_on = receive_all();
    is_receiving_ = is_nested;
    return goes_on;
}

bool connection::receive_all() {
    while (handle_ && !in_flight_.empty()) {
        // With the connection libpq forgets what it has asked. What it reads after that it takes for something else: the
        // description of rows that never came for an answer, an answer for that of the next statement.
        const bool was_lost = PQstatus(handle_) == CONNECTION_BAD;
        if (PQisBusy(handle_) != 0) break;
        answer given(PQgetResult(handle_));
        const bool is_lost = PQstatus(handle_) == CONNECTION_BAD;
        if (!given) {
            if (was_lost || (!finish_statement() && is_lost)) return true;
            continue;
        }
        // What libpq itself says of a broken connection is no answer.
        if (is_lost && given.is_error() && given.sqlstate().empty()) return true;
        // The server is going, and an answer that says so leaves the outcome open.
        if (given.ends_session()) {
            failure why = given.to_failure("the connection to PostgreSQL was ended");
            failure::details details = why.all();
            details.retry_helps = true;
            break_off(failure(errc::connection_lost, std::move(details)));
            return false;
        }
        if (was_lost) return true;
        take_result(std::move(given));
    }
    return handle_ != nullptr;
}

// The null that libpq returns after the results of each statement.
bool connection::finish_statement() {
    if (in_flight_.front().kind == step::end_of_group || !in_flight_.front().answered) return false;
    in_flight_.pop_front();
    return true;
}

void connection::take_result(answer given) {
    expected_result& front = in_flight_.front();
    const auto request = front.request; // the calls below may send, and so change the queue

    switch (front.kind) {
    case step::preparation:
        front.answered = true;
        if (!given.is_command()) prepared_.forget(request->sql().index);
        if (given.is_error()) {
            in_flight_[1].request = nullptr; // its statement, which is skipped
            request->on_answer(std::move(given));
        }
        break;
    case step::statement:
        if (given.is_end_of_group()) // no answer came: whatever comes next cannot be told apart, either
            return break_off(failure(errc::connection_lost, "the answers of PostgreSQL are out of step"));
        front.answered = true;
        if (!request) break;
        if (given.is_skipped()) {
            leave_out(request.get());
            request->on_skipped();
        } else if (mode_.prepares && request->sql().is_prepared && given.sqlstate() == forgotten_statement) {
            // Its preparation was skipped with another group.
            prepared_.forget(request->sql().index);
            leave_out(request.get());
            request->on_skipped();
        } else {
            request->on_answer(std::move(given));
        }
        break;
    case step::end_of_group:
        if (given.is_end_of_group()) {
            const bool failed = front.answered;
            in_flight_.pop_front();
            if (request && !failed) request->on_synced(nullptr);
            send_held();
        } else if (!front.answered) { // the commit failed
            front.answered = true;
            front.request = nullptr; // told once
            const failure why = given.to_failure("committing");
            if (request) request->on_synced(&why);
        }
        break;
    }
}

// It may be sent again at once: what is left of this attempt does not concern it any more.
void connection::leave_out(const request* skipped) {
    for (expected_result& expected : in_flight_) {
        if (expected.request.get() == skipped) expected.request = nullptr;
        if (expected.kind == step::end_of_group) return;
    }
}

bool connection::is_working_on(const request* candidate) const noexcept {
    return !in_flight_.empty() && in_flight_.front().request.get() == candidate;
}

void connection::for_each_in_flight(const std::function<void(const std::shared_ptr<request>&)>& visit) const {
    for (const expected_result& expected : in_flight_)
        if (expected.request) visit(expected.request);
    for (const held_group& group : held_)
        for (const std::shared_ptr<request>& request : group.requests) visit(request);
}

void connection::drop(const failure& why) { break_off(why); }

void connection::drop_soon(failure why) {
    asio::post(strand_, [self = shared_from_this(), why = std::move(why)] { self->drop(why); });
}

transaction_state connection::transaction() const noexcept {
    switch (PQtransactionStatus(handle_)) {
    case PQTRANS_IDLE: return transaction_state::idle;
    case PQTRANS_INTRANS: return transaction_state::in_transaction;
    case PQTRANS_INERROR: return transaction_state::failed;
    default: return transaction_state::unknown;
    }
}

int connection::backend() const noexcept { return handle_ ? PQbackendPID(handle_) : 0; }

bool connection::is_alive() {
    // What a server says when it goes, and that it has gone, takes libpq two looks; the second may come too early.
    for (int look = 0; look < 2 && handle_ && in_flight_.empty(); ++look) {
        const bool is_readable = consume_all(handle_);
        if (is_readable) (void)PQisBusy(handle_); // passes on what was said
        if (!is_readable || PQstatus(handle_) == CONNECTION_BAD || is_ending_)
            break_off(connection_failure(handle_, "the connection to PostgreSQL was closed"));
    }
    return handle_ != nullptr;
}

void connection::break_off(const failure& why) {
    if (!handle_) return;
    const auto self = shared_from_this();
    close();
    const auto lost = std::exchange(in_flight_, {});
    const auto held = std::exchange(held_, {});
    // First the owner, so that what is sent again goes elsewhere.
    if (const auto on_broken = std::exchange(on_broken_, nullptr)) on_broken(why);
    for (const expected_result& expected : lost) {
        if (expected.request) expected.request->on_lost_at_work();
        if (expected.kind == step::end_of_group) break;
    }
    const request* last = nullptr;
    for (const expected_result& expected : lost) {
        // A request stands here up to three times in a row: its preparation, itself, the end of its transaction.
        if (expected.request && expected.request.get() != last) {
            last = expected.request.get();
            expected.request->on_lost(why, true);
        }
    }
    for (const held_group& group : held)
        for (const std::shared_ptr<request>& request : group.requests) request->on_lost(why, false);
}

} // namespace eventstore::postgres
