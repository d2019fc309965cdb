/// \file
/// Read models that are written with the append itself, and never lag.
#pragma once

#include <eventstore/append_result.hpp>
#include <eventstore/asio_settings.hpp>
#include <eventstore/error.hpp>
#include <eventstore/event_data.hpp>
#include <eventstore/expected_version.hpp>
#include <eventstore/export.hpp>
#include <eventstore/projection_batch.hpp>
#include <eventstore/store.hpp>
#include <eventstore/stream_append.hpp>
#include <eventstore/transaction.hpp>
#include <eventstore/typed_event.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace eventstore {

namespace projection {
class inline_appender;
}

/// Appends events, and has a handler write them into a read model in the same transaction: whoever sees the one sees the
/// other. The handler is one of `run_projection`, which can rebuild the model.
///
///     es::inline_projection balances(store, write_balances);
///     co_await balances.append("account-1", es::any_version, deposited);
///
/// Only events that are appended through it are written: let all of a model's events go through it. Appends that wait
/// share a transaction, and the handler is called once for all of their events, which have their versions and positions.
/// The transaction holds the log lock while the handler runs, and so delays all other appends to the store: execute few
/// statements (one, with arrays, is best), and wait for nothing else.
///
/// If the handler fails, nothing is stored; the appends of a shared transaction are then tried in halves, so that only
/// those that cannot be written fail, with the error of the handler (`handler_failed`, unless it threw an
/// `eventstore::error`). The handler must therefore do nothing outside of the transaction.
///
/// Copies share everything. It keeps its store open; once that is closed, appends that wait fail with `store_closed`. Thread safety: as `store`; the handler is called on the store's
/// executor, one call at a time.
class EVENTSTORE_EXPORT inline_projection {
public:
    template <handler_for<boost::asio::awaitable<void>(transaction&, const projection_batch&)> Handler>
    inline_projection(const store& in, Handler&& handler)
        : inline_projection(made(), in, projection_handler(std::forward<Handler>(handler))) {}
    inline_projection(const inline_projection&) noexcept;
    inline_projection(inline_projection&&) noexcept;
    inline_projection& operator=(const inline_projection&) noexcept;
    inline_projection& operator=(inline_projection&&) noexcept;
    ~inline_projection();

    /// Appends, like store::append, and writes the read model. Events that are stored already (`already_appended`) are not
    /// written again.
    /// Errors: those of store::append, and those of the handler. Cancellation: as store::append.
    boost::asio::awaitable<append_result> append(
        std::string_view stream, expected_version expected, event_data event) const;
    boost::asio::awaitable<append_result> append(
        std::string_view stream, expected_version expected, std::vector<event_data> events) const;
    template <typed_event Event>
    boost::asio::awaitable<append_result> append(
        std::string_view stream, expected_version expected, Event&& event) const {
        return append(stream, expected, to_event_data(std::forward<Event>(event)));
    }
    /// Several streams, all or nothing.
    boost::asio::awaitable<std::vector<append_result>> append(std::vector<stream_append> parts) const;

    /// The same, with failures as values.
    boost::asio::awaitable<result<append_result>> try_append(
        std::string_view stream, expected_version expected, event_data event) const;
    boost::asio::awaitable<result<append_result>> try_append(
        std::string_view stream, expected_version expected, std::vector<event_data> events) const;
    boost::asio::awaitable<result<std::vector<append_result>>> try_append(std::vector<stream_append> parts) const;

private:
    struct made {};
    inline_projection(made, const store& in, projection_handler handler);

    store store_;
    std::shared_ptr<projection::inline_appender> appender_;
};

} // namespace eventstore
