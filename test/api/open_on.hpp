// A store that is opened on threads of its own.
#pragma once

#include <eventstore/store.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <utility>

namespace eventstore::test {

inline store open_on(boost::asio::thread_pool& pool, store_options how) {
    return boost::asio::co_spawn(pool, open(std::move(how)), boost::asio::use_future).get();
}

} // namespace eventstore::test
