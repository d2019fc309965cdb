#include "worker.hpp"

#include "outbox.hpp"

#include <eventstore/eventstore.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <unistd.h>

#include <chrono>
#include <exception>
#include <string>

namespace mailer {

namespace asio = boost::asio;
namespace es = eventstore;
using namespace std::chrono_literals;

namespace {

/// Sends the mail first and acknowledges then, so that a mail may be sent twice but none is forgotten: whoever is killed
/// in between, or before the checkpoint is written, is followed by a worker that gets the event once more.
///
/// What makes the repeats harmless is a key that comes from the event and is the same each time, its position or its
/// id, together with somebody who remembers the keys:
///   - a mail server that drops a second `Message-ID: <ID-OF-THE-EVENT@shop.example>`,
///   - a payment service that is given the id as its idempotency key,
///   - a table of one's own: `INSERT ... ON CONFLICT (position) DO NOTHING`.
asio::awaitable<void> send_mails(es::subscription& orders, outbox& mails) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (const auto batch = co_await orders.next()) {
        for (const es::recorded_event& order : *batch) {
            timer.expires_after(1ms); // the way to the mail server
            co_await timer.async_wait(asio::use_awaitable);
            mails.send(mail{order.position(), std::string(order.data())});
        }
        batch->ack();
    }
}

asio::awaitable<void> serve(es::store store, std::string prefix, outbox& mails) {
    for (;;) {
        try {
            // Who is killed keeps the subscription until the lease is over. The short one is for the impatient: a
            // process that is held up for longer loses the subscription while it lives.
            es::subscription orders = co_await store.subscribe_to_all(subscription_name,
                es::subscription_options().stream_prefix(prefix).when_taken(es::if_taken::wait).lease(500ms));
            co_await send_mails(orders, mails);
            co_return; // the store was closed
        } catch (const es::error& failed) {
            if (failed.code() == es::errc::store_closed) co_return; // while it waited for its turn
            if (failed.code() != es::errc::subscription_lost) throw;
            // Held up for too long: another worker may have it now. Line up again.
        }
    }
}

/// Standard input ends when the parent closes it, or is no more.
asio::awaitable<void> close_when_told(es::store store) {
    asio::posix::stream_descriptor input(co_await asio::this_coro::executor, STDIN_FILENO);
    char nothing = 0;
    co_await input.async_read_some(asio::buffer(&nothing, 1), asio::as_tuple(asio::use_awaitable));
    co_await store.close(); // lets go of the subscription, in order: the next worker has it at once
}

void rethrow(std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);
}

asio::awaitable<void> start(std::string url, std::string prefix, outbox& mails) {
    const es::store store = co_await es::open(es::store_options(url));
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::co_spawn(executor, close_when_told(store), rethrow);
    co_await serve(store, prefix, mails);
}

} // namespace

void run_worker(const std::string& url, const std::string& prefix, const std::filesystem::path& outbox_file) {
    outbox mails(outbox_file);
    asio::io_context context(1);
    asio::co_spawn(context, start(url, prefix, mails), rethrow);
    context.run();
}

} // namespace mailer
