/// A start that blocks a thread of its own instead of the io_context.
#pragma once

#include "embedded/embedded_server.hpp"

#include <eventstore/embedded_postgres.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>

namespace eventstore::embedded {

namespace asio = boost::asio;

/// As embedded_postgres::start.
asio::awaitable<std::unique_ptr<detail::embedded_server>> start_server(embedded_postgres_options options);

} // namespace eventstore::embedded
