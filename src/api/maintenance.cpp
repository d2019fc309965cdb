#include "async/run_apart.hpp"
#include "maintenance/examine.hpp"
#include "maintenance/session.hpp"
#include "maintenance/verify.hpp"
#include "runtime/open.hpp"
#include "storage/validation.hpp"

#include <eventstore/doctor.hpp>
#include <eventstore/verify.hpp>

#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

namespace eventstore {

namespace asio = boost::asio;

namespace {

using postgres::session_kind;

/// Work over a session of its own, on a strand of the executor that the options name, or else of the caller's.
struct apart_session {
    apart_session(store_options options, session_kind kind, const asio::any_io_executor& callers)
        : strand(detail::executor_for(options, callers)),
          over(std::make_shared<maintenance::session>(
              options, kind, strand, detail::environment::make(options.executor(), options.on_log()))),
          end(over) {}

    const postgres::connection::strand strand;
    const std::shared_ptr<maintenance::session> over;
    const maintenance::session_end end;
};

asio::awaitable<verify_report> verify_throwing(store_options options, verify_options how) {
    if (const auto why = storage::check_options(options)) throw error(*why);
    if (const auto why = maintenance::check_options(how)) throw error(*why);
    const asio::any_io_executor callers = co_await asio::this_coro::executor;
    const apart_session apart(std::move(options), session_kind::administration, callers);
    auto work = maintenance::verify(apart.over, std::move(how));
    auto working = detail::run_apart(apart.strand, std::move(work), "verifying the store");
    auto report = co_await std::move(working);
    co_return std::move(report).value();
}

asio::awaitable<doctor_report> examine_throwing(store_options options, doctor_options how) {
    if (const auto why = storage::check_options(options)) throw error(*why);
    if (const auto why = maintenance::check_options(how)) throw error(*why);
    const asio::any_io_executor callers = co_await asio::this_coro::executor;
    const apart_session apart(std::move(options), session_kind::listening, callers);
    auto work = maintenance::examine(apart.over, how);
    auto working = detail::run_apart(apart.strand, std::move(work), "examining the store");
    auto report = co_await std::move(working);
    co_return std::move(report).value();
}

} // namespace

asio::awaitable<verify_report> verify(store_options options, verify_options how) {
    return verify_throwing(std::move(options), std::move(how));
}

asio::awaitable<doctor_report> examine(store_options options, doctor_options how) {
    return examine_throwing(std::move(options), how);
}

} // namespace eventstore
