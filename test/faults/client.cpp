#include "faults/client.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <iostream>
#include <stdexcept>
#include <string_view>

namespace eventstore::test::faults {

namespace {

// Of connections, conflicts, resources, operators and the system; what nobody has foreseen, which refuse_statements says,
// too; and a lock that was not to be had.
constexpr std::array<std::string_view, 7> states_of_trouble = {"08", "40", "53", "57", "58", "XX000", "55P03"};

/// What may come of a server, a network or a machine that is in trouble. Anything else is a fault of the library, or of
/// the client.
bool is_trouble(const failure& why, bool is_stopping) {
    switch (why.code()) {
    case errc::database_error:
        return std::any_of(states_of_trouble.begin(), states_of_trouble.end(),
            [&](std::string_view state) { return why.sqlstate().starts_with(state); });
    case errc::store_closed: return is_stopping; // nobody else closes it
    case errc::connection_lost:
    case errc::lock_timeout:
    case errc::overloaded:
    case errc::server_unusable:
    case errc::subscription_already_exists:
    case errc::subscription_lost:
    case errc::timeout:
    case errc::too_many_subscribers:
    case errc::transaction_ended: return true;
    default: return false;
    }
}

/// Of the store.
void tell(log_level level, std::string_view line) {
    if (level == log_level::info) return;
    std::cerr << monotonic_now() / 1'000'000 << " log: " << line << std::endl;
}

} // namespace

client_options parse_client_options(int count, const char* const arguments[]) {
    client_options options;
    for (int i = 1; i < count; i += 2) {
        const std::string_view name = arguments[i];
        if (i + 1 == count) throw std::invalid_argument("nothing follows " + std::string(name));
        const std::string value = arguments[i + 1];
        if (name == "--role")
            options.role = value;
        else if (name == "--url")
            options.url = value;
        else if (name == "--schema")
            options.schema = value;
        else if (name == "--process")
            options.process = value;
        else if (name == "--records")
            options.records = value;
        else if (name == "--streams")
            options.streams = value;
        else if (name == "--seed")
            options.seed = std::stoull(value);
        else if (name == "--lease")
            options.lease = milliseconds(std::stoll(value));
        else if (name == "--parent")
            options.parent = static_cast<pid_t>(std::stol(value));
        else
            throw std::invalid_argument("there is no option " + std::string(name));
    }
    return options;
}

void client::go_on_after(const failure& why, std::string_view operation) {
    std::cerr << monotonic_now() / 1'000'000 << ' ' << operation << ": " << name_of(why.code()) << ' ' << why.sqlstate()
              << ' ' << why.message() << std::endl;
    if (why.code() == errc::schema_missing) {
        has_lost_its_schema_ = true;
        stop();
    } else if (!is_trouble(why, is_stopping())) {
        throw error(why);
    }
}

store_options client::how() const {
    return store_options(options_.url)
        .schema(options_.schema)
        .pool_size(2)
        .operation_timeout(milliseconds(5'000))
        .allow_hard_delete()
        .on_log(tell);
}

asio::awaitable<void> client::go_on_after_opening(std::optional<failure> problem) {
    if (!problem) co_return;
    go_on_after(*problem, "open");
    co_await pause_for(milliseconds(100));
}

asio::awaitable<std::optional<store>> client::open_store(std::optional<store_group> group) {
    std::optional<store> opened;
    while (!opened && !is_stopping()) {
        std::optional<failure> problem;
        try {
            if (group)
                opened = co_await group->open(options_.schema);
            else
                opened = co_await open(how());
        } catch (const error& thrown) {
            problem = thrown.why();
        }
        co_await go_on_after_opening(std::move(problem));
    }
    co_return opened;
}

asio::awaitable<std::optional<store_group>> client::open_group() {
    std::optional<store_group> opened;
    while (!opened && !is_stopping()) {
        std::optional<failure> problem;
        try {
            opened = co_await eventstore::open_group(how());
        } catch (const error& thrown) {
            problem = thrown.why();
        }
        co_await go_on_after_opening(std::move(problem));
    }
    co_return opened;
}

asio::awaitable<void> pause_for(std::chrono::milliseconds duration) {
    asio::steady_timer timer(co_await asio::this_coro::executor, duration);
    co_await timer.async_wait(asio::use_awaitable);
}

} // namespace eventstore::test::faults
