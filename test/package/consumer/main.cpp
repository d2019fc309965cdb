// Lets the library work on the io_context of this program, without a server: whatever crosses the border between the two
// (services of the context, error categories, exceptions, coroutines) has to be one and the same on both sides.
#include <eventstore/eventstore.hpp>

#include <boost/asio.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>

namespace asio = boost::asio;
namespace es = eventstore;

asio::awaitable<void> open_nothing(bool& refused) {
    try {
        es::store store = co_await es::open("postgresql:///nothing?host=/nonexistent");
    } catch (const es::error& e) {
        refused = e.code() == es::errc::connection_lost;
        std::cout << e.what() << '\n';
    }
}

// The library holds a copy of Asio's functions: this program must still know the end of a file when it sees one.
asio::awaitable<void> read_to_the_end(bool& ended) {
    const auto executor = co_await asio::this_coro::executor;
    asio::local::stream_protocol::socket one(executor);
    asio::local::stream_protocol::socket other(executor);
    asio::local::connect_pair(one, other);
    other.close();
    char buffer[1];
    boost::system::error_code code;
    co_await one.async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, code));
    ended = code == asio::error::eof;
}

int main() {
    asio::io_context context;
    bool refused = false;
    bool ended = false;
    const auto rethrow = [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    };
    asio::co_spawn(context, open_nothing(refused), rethrow);
    asio::co_spawn(context, read_to_the_end(ended), rethrow);
    context.run();
    if (!refused) std::cout << "a server that is not there was not refused with connection_lost\n";
    if (!ended) std::cout << "the end of a file is not asio::error::eof\n";
    return refused && ended ? EXIT_SUCCESS : EXIT_FAILURE;
}
