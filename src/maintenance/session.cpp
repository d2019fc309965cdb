#include "maintenance/session.hpp"

#include "maintenance/values.hpp"
#include "storage/statements.hpp"

#include <vector>

namespace eventstore::maintenance {

namespace {

constexpr int most_attempts = 3;

failure stopped() { return failure(errc::cancelled, "the operation was cancelled"); }

} // namespace

session::session(
    store_options options, postgres::session_kind kind, postgres::connection::strand strand, detail::environment where)
    : options_(std::move(options)),
      strand_(std::move(strand)),
      where_(std::move(where)),
      connector_(std::make_shared<postgres::connector>(options_, where_, kind, std::string_view())) {}

asio::awaitable<result<void>> session::open(detail::steady_time deadline) {
    if (is_stopped_) co_return stopped();
    if (connection_ && connection_->is_open()) co_return result<void>();
    auto connecting = postgres::connector::connect(connector_, strand_, nullptr, deadline);
    const auto made = co_await std::move(connecting);
    if (!made) co_return made.error();
    connection_ = *made;
    co_return result<void>();
}

asio::awaitable<result<postgres::answer>> session::run(
    std::shared_ptr<session> self, std::string script, detail::steady_time deadline) {
    auto opening = self->open(deadline);
    const auto opened = co_await std::move(opening);
    if (!opened) co_return opened.error();
    auto running = postgres::connection::run_script(self->connection_, std::move(script), deadline);
    auto answer = co_await std::move(running);
    if (!answer && answer.error().code() == errc::connection_lost) self->connection_.reset();
    co_return answer;
}

asio::awaitable<result<postgres::answer>> session::ask(std::shared_ptr<session> self, std::string script) {
    for (int attempt = 1;; ++attempt) {
        auto running = run(self, script, self->where_.in(self->options_.operation_timeout()));
        auto answer = co_await std::move(running);
        const bool is_lost = !answer && answer.error().code() == errc::connection_lost;
        if (!is_lost || attempt == most_attempts) co_return answer;
    }
}

asio::awaitable<result<storage::inspected>> session::connect(std::shared_ptr<session> self) {
    const detail::steady_time deadline = self->where_.in(self->options_.operation_timeout());
    auto opening = self->open(deadline);
    const auto opened = co_await std::move(opening);
    if (!opened) co_return opened.error();
    const std::optional<std::string> schema = self->options_.schema();
    auto inspecting = storage::inspect(self->connection_, schema, storage::log_mark(), deadline);
    co_return co_await std::move(inspecting);
}

std::string session::statement(std::string_view sql, std::initializer_list<std::string> values) const {
    // The values first: the name of a schema may look like a parameter.
    return storage::for_schema(with_values(sql, std::vector<std::string>(values)), options_.schema());
}

} // namespace eventstore::maintenance
