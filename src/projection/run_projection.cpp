#include <eventstore/projection.hpp>

#include "api/call.hpp"
#include "async/asio_calls.hpp"
#include "async/latch.hpp"
#include "base/text.hpp"
#include "projection/handler_failure.hpp"
#include "projection/projection.hpp"
#include "projection/validation.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <deque>
#include <exception>
#include <memory>
#include <utility>

namespace eventstore::detail {

namespace {

using projection::projection;

constexpr operation_kind opening_projection{"open_projection", "eventstore.projection"};

// ---- the row of the version

std::optional<failure> check_projection(const std::string& name, const projection_options& options) {
    return eventstore::projection::check_options(name, options);
}

asio::awaitable<result<void>> begin_opening(
    store_ptr store, steady_time deadline, std::string name, projection_options options) {
    postgres::parameters arguments;
    arguments.add(name);
    arguments.add(std::int32_t(options.version()));
    arguments.add(static_cast<std::int32_t>(options.consumers()));
    auto opening =
        store->core->database.change(store->core->statements->open_projection, std::move(arguments), deadline);
    const auto change = co_await std::move(opening);
    if (!change) co_return change.error();
    const std::string version =
        message("projection ", quoted_for_message(name), ", version ", std::to_string(options.version()));
    switch (change->answer.int8(0, 0)) {
    case 0: co_return result<void>();
    case 1:
        co_return failure(errc::projection_superseded,
            message(version, ": a later version is in use; to replay, use a version that is higher than all before"));
    case 3:
        co_return failure(errc::invalid_argument,
            message(version, ": there is a subscription of its name (", quoted_for_message(name), " and @",
                std::to_string(options.version()),
                "), whose checkpoint is not of this read model, so that events would be left out: remove the "
                "subscription"));
    default:
        co_return failure(errc::invalid_argument,
            message(version, " has ", std::to_string(change->answer.int8(0, 1)),
                " consumers, which hold its checkpoints: projection_options::consumers is ",
                std::to_string(options.consumers()), "; use a higher version to change it"));
    }
}

// ---- several consumers

/// Runs all consumers, and ends the others with the first that ends.
class consumer_group : public std::enable_shared_from_this<consumer_group> {
public:
    explicit consumer_group(std::size_t count) : left_(count), signals_(count) {}

    EVENTSTORE_NOT_INTO_COROUTINES void spawn(
        const asio::any_io_executor& where, const std::shared_ptr<const projection>& of) {
        for (std::size_t i = 0; i < signals_.size(); ++i) {
            auto ended = [self = shared_from_this()](const std::exception_ptr& thrown) { self->one_ended(thrown); };
            asio::co_spawn(where, eventstore::projection::keep(of, i),
                asio::bind_cancellation_slot(signals_[i].slot(), std::move(ended)));
        }
    }
    EVENTSTORE_NOT_INTO_COROUTINES void cancel() {
        for (asio::cancellation_signal& signal : signals_) signal.emit(asio::cancellation_type::all);
    }
    /// All of them have.
    const std::shared_ptr<latch>& ended() const noexcept { return ended_; }
    const std::exception_ptr& thrown() const noexcept { return thrown_; }

private:
    void one_ended(const std::exception_ptr& thrown) {
        if (thrown && !thrown_) {
            thrown_ = thrown;
            cancel();
        }
        if (--left_ == 0) ended_->open();
    }

    std::size_t left_;
    std::deque<asio::cancellation_signal> signals_; // each keeps its place
    std::exception_ptr thrown_;                     // the first
    const std::shared_ptr<latch> ended_ = std::make_shared<latch>();
};

// The consumers share the caller's executor, a strand if there are several threads, and with it this group.
asio::awaitable<void> keep_all(std::shared_ptr<const projection> of) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto group = std::make_shared<consumer_group>(of->options.consumers());
    group->spawn(executor, of);
    auto waiting = latch::wait(group->ended(), "keeping a projection");
    const auto ended = co_await std::move(waiting);
    if (!ended) {
        group->cancel(); // by its caller, whose handlers may refer to what goes with the caller
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        co_await asio::this_coro::throw_if_cancelled(false);
        while (!group->ended()->is_open()) {
            auto ending = latch::wait(group->ended(), "ending a projection");
            const auto outcome = co_await std::move(ending); // it may be cancelled once more
            if (!outcome && outcome.error().code() != errc::cancelled) break;
        }
        co_await asio::this_coro::throw_if_cancelled(throws);
        throw error(ended.error());
    }
    if (group->thrown()) std::rethrow_exception(group->thrown());
}

} // namespace

asio::awaitable<void> run_projection(
    store in, std::string name, projection_handler handler, projection_options options) {
    auto opening =
        call(opening_projection, inside::of(in), inside::limit_of(in), check_projection, begin_opening, name, options);
    co_await std::move(opening);
    const auto of = std::make_shared<const projection>(in, std::move(name), std::move(handler), std::move(options));
    in = store(); // what it runs on is kept by `of`
    std::exception_ptr thrown;
    try {
        if (of->options.consumers() == 1) {
            auto keeping = eventstore::projection::keep(of, 0);
            co_await std::move(keeping);
        } else {
            auto keeping = keep_all(of);
            co_await std::move(keeping);
        }
    } catch (...) {
        thrown = std::current_exception();
    }
    if (!thrown) co_return;
    const failure why = eventstore::projection::failure_of(thrown);
    if (why.code() == errc::projection_superseded) {
        auto forgetting = eventstore::projection::forget(of);
        co_await std::move(forgetting);
    }
    std::rethrow_exception(thrown);
}

} // namespace eventstore::detail
