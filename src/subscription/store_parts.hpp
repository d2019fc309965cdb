/// What subscriptions work with. All of it ends with the store's execution context; subscriptions may outlive that.
#pragma once

#include "async/environment.hpp"
#include "async/trace_source.hpp"
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

class checkpoint_writer;

struct store_parts {
    detail::environment environment;
    std::shared_ptr<postgres::pool> pool;
    std::shared_ptr<const storage::statements> statements;
    std::shared_ptr<read::reader> reader;
    std::shared_ptr<eventstore::feed::feed> feed;
    std::shared_ptr<checkpoint_writer> checkpoints;
    std::chrono::milliseconds operation_timeout{};
    std::shared_ptr<const detail::trace_source> tracing; ///< null: nothing is traced

    detail::steady_time now() const { return environment.now(); }
    detail::steady_time deadline() const { return environment.in(operation_timeout); }
};

} // namespace eventstore::delivery
