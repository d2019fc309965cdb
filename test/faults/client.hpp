// What the roles of a client of the fault tests share. A client is a process of its own: it works until SIGTERM, writes
// down what it does, and goes on after every failure that a store may have while something is wrong with the server.
#pragma once

#include "faults/record.hpp"

#include <eventstore/store.hpp>
#include <eventstore/store_group.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace eventstore::test::faults {

namespace asio = boost::asio;
using random_numbers = std::mt19937_64;

struct client_options {
    std::string role; ///< writer, subscriber, projector or finisher
    std::string url;
    std::string schema;  ///< or several with commas: the stores are of one group
    std::string process; ///< its name in the records
    std::string records; ///< the file of its records
    std::string streams; ///< what its own streams are named after: the same after a restart
    std::uint64_t seed = 0;
    milliseconds lease{2'000};
    pid_t parent = 0; ///< with which it ends
};

/// \throws std::invalid_argument for a line that is not `--name value...`
client_options parse_client_options(int count, const char* const arguments[]);

/// What a process does with one store.
class client {
public:
    client(client_options options, std::shared_ptr<recorder> records)
        : options_(std::move(options)), records_(std::move(records)) {}

    const client_options& options() const noexcept { return options_; }
    recorder& records() noexcept { return *records_; }

    /// After SIGTERM: what is under way is finished, and nothing is begun.
    bool is_stopping() const noexcept { return is_stopping_; }
    void stop() noexcept { is_stopping_ = true; }

    /// Goes on after a failure that a store may have here, and says so on standard error; throws any other. The end of
    /// the schema ends the client.
    void go_on_after(const failure& why, std::string_view operation);
    bool has_lost_its_schema() const noexcept { return has_lost_its_schema_; }

    /// Tries until it succeeds; nothing if the client is to stop, or the schema is gone. Of a group, if there is one.
    asio::awaitable<std::optional<store>> open_store(std::optional<store_group> group);
    asio::awaitable<std::optional<store_group>> open_group();

private:
    asio::awaitable<void> go_on_after_opening(std::optional<failure> problem);
    store_options how() const;

    client_options options_;
    std::shared_ptr<recorder> records_;
    bool is_stopping_ = false;
    bool has_lost_its_schema_ = false;
};

asio::awaitable<void> pause_for(std::chrono::milliseconds duration);

/// 0 up to the limit, without it.
inline std::uint64_t below(random_numbers& random, std::uint64_t limit) { return random() % limit; }
inline bool once_in(random_numbers& random, std::uint64_t times) { return below(random, times) == 0; }

// The roles: each ends when the client is to stop, append_the_last() when that is done.
asio::awaitable<void> write(client& self, store target);
asio::awaitable<void> append_the_last(client& self, store target);
asio::awaitable<void> subscribe(client& self, store source);
asio::awaitable<void> project(client& self, store source);

} // namespace eventstore::test::faults
