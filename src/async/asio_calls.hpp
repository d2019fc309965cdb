/// Asio's calls, for use inside coroutines.
#pragma once

#include <boost/asio/post.hpp>

#include <utility>

/// Marks what posts or spawns and is called by coroutines.
///
/// Asio keeps in a thread-local which contexts the thread runs. clang++ 16 takes the address of a thread-local once for a
/// whole coroutine, though it may go on in another thread after each co_await: inlined into one, Asio then works on the
/// other thread's list. What is not inlined asks anew.
#define EVENTSTORE_NOT_INTO_COROUTINES [[gnu::noinline]]

namespace eventstore::detail {

template <class Executor, class Handler>
EVENTSTORE_NOT_INTO_COROUTINES void post_from_coroutine(const Executor& to, Handler handler) {
    boost::asio::post(to, std::move(handler));
}

} // namespace eventstore::detail
