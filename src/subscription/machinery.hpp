/// What subscriptions work with. All of it ends with the store's execution context; subscriptions may outlive that.
#pragma once

#include "async/environment.hpp"
#include "feed/feed.hpp"
#include "postgres/pool.hpp"
#include "read/reader.hpp"
#include "storage/statements.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

namespace eventstore::delivery {

namespace asio = boost::asio;

class heart;
class keeper;

struct machinery {
    detail::environment environment;
    std::shared_ptr<postgres::pool> pool;
    std::shared_ptr<const log::statements> statements;
    std::shared_ptr<log::reader> reader;
    std::shared_ptr<eventstore::feed::feed> feed;
    std::weak_ptr<keeper> leases;
    std::chrono::milliseconds operation_timeout{};
    std::shared_ptr<heart> beats; ///< for all stores of a group; null: this one renews its leases by itself
    std::string schema;

    detail::steady_time now() const { return environment.now(); }
    detail::steady_time deadline() const { return environment.in(operation_timeout); }
};

} // namespace eventstore::delivery
