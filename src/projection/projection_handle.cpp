// Administration of projections.
#include <eventstore/projection.hpp>

#include "api/call.hpp"
#include "async/completion.hpp"
#include "base/text.hpp"
#include "projection/validation.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace eventstore {

namespace {

constexpr detail::operation_kind listing_projections{"projections", "eventstore.projection"};

using detail::message;
using detail::quoted_for_message;
using detail::steady_time;
using detail::store_ptr;

failure not_found(const std::string& name) {
    return failure(errc::projection_not_found, message("there is no projection ", quoted_for_message(name)));
}

failure not_begun(const std::string& name) {
    return failure(errc::timeout, message("projection ", quoted_for_message(name), " has not begun: is it running?"));
}

failure version_not_found(const std::string& name, int version) {
    return failure(errc::projection_not_found,
        message("projection ", quoted_for_message(name), " has no version ", std::to_string(version)));
}

std::optional<std::chrono::seconds> time_left(const projection_info& info, std::chrono::microseconds age) {
    const bool is_behind = info.state == projection_state::replaying || info.state == projection_state::taking_over;
    if (!is_behind || info.position <= 0) return std::nullopt;
    const double behind = static_cast<double>(std::max<std::int64_t>(info.head - info.position, 0));
    const double seconds = std::chrono::duration<double>(age).count();
    return std::chrono::seconds(static_cast<std::int64_t>(behind * seconds / static_cast<double>(info.position)));
}

projection_info info_of(const postgres::answer& row, int i) {
    projection_info info;
    info.name = row.bytes(i, 0);
    info.version = static_cast<int>(row.int8(i, 1));
    const auto consumers = row.int8(i, 2);
    for (std::int64_t n = 1; n <= consumers; ++n) {
        std::string of_version = message(info.name, "@", std::to_string(info.version));
        info.subscriptions.push_back(consumers == 1 ? of_version : message(of_version, "/", std::to_string(n)));
    }
    info.position = row.int8(i, 3);
    info.head = row.int8(i, 4);
    info.started_at = row.time(i, 5);
    if (!row.is_null(i, 6)) info.switched_at = row.time(i, 6);
    info.state = static_cast<projection_state>(row.int8(i, 7));
    info.parked = row.int8(i, 9);
    info.time_left = time_left(info, std::chrono::microseconds(row.int8(i, 8)));
    return info;
}

/// \param name empty: all projections
asio::awaitable<result<std::vector<projection_info>>> begin_list(
    store_ptr store, steady_time deadline, std::string name) {
    postgres::parameters arguments;
    if (name.empty())
        arguments.add_null();
    else
        arguments.add(name);
    auto asking = store->core->database.ask(store->core->statements->projections, std::move(arguments), deadline);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    std::vector<projection_info> list;
    for (int i = 0; i < answer->rows(); ++i) list.push_back(info_of(*answer, i));
    if (list.empty() && !name.empty()) co_return not_found(name);
    co_return list;
}

enum class progress { missing, not_begun, reached };

asio::awaitable<progress> progress_of(store in, std::string name, std::int64_t position) {
    std::optional<failure> why;
    try {
        auto listing = detail::call(listing_projections, detail::inside::of(in), detail::inside::limit_of(in),
            projection::check_name, begin_list, name);
        const std::vector<projection_info> versions = co_await std::move(listing);
        const auto in_use = std::ranges::find(versions, projection_state::in_use, &projection_info::state);
        if (in_use == versions.end()) co_return progress::not_begun;
        for (const std::string& subscription : in_use->subscriptions) {
            auto waiting = in.subscription_to_all(subscription).wait_for(position);
            co_await std::move(waiting);
        }
    } catch (const error& thrown) {
        why = thrown.why();
    }
    if (!why) co_return progress::reached;
    if (why->code() == errc::projection_not_found) co_return progress::missing;
    if (why->code() == errc::subscription_not_found) co_return progress::not_begun;
    throw error(*why);
}

asio::awaitable<void> wait_for_projection(store in, std::string name, std::int64_t position) {
    using namespace std::chrono_literals;
    const auto impl = detail::inside::of(in);
    if (const auto why = detail::check_call(impl, detail::inside::limit_of(in))) throw error(*why);
    const auto& environment = impl->core->environment;
    const steady_time deadline = impl->core->deadline(detail::inside::limit_of(in));
    for (std::chrono::milliseconds pause = 1ms;; pause = std::min<std::chrono::milliseconds>(pause * 2, 50ms)) {
        auto asking = progress_of(in, name, position);
        const progress so_far = co_await std::move(asking);
        if (so_far == progress::reached) co_return;
        if (environment.now() >= deadline) throw error(so_far == progress::missing ? not_found(name) : not_begun(name));
        const auto nothing = std::make_shared<detail::completion<void>>("waiting for a projection");
        auto waiting = detail::completion<void>::wait(nothing, environment.timers.get(), environment.in(pause));
        const auto ended = co_await std::move(waiting);
        if (!ended && ended.error().code() != errc::timeout) throw error(ended.error());
    }
}

asio::awaitable<void> drop_version(
    store in, std::string name, int version, std::function<asio::awaitable<void>(transaction&)> handler) {
    const auto& impl = detail::inside::of(in);
    if (const auto why = projection::check_name(name)) throw error(*why);
    if (const auto why = detail::check_call(impl, detail::inside::limit_of(in))) throw error(*why);
    const std::string sql = impl->core->statements->drop_projection.text;
    auto beginning = in.begin();
    transaction tx = co_await std::move(beginning);
    auto dropping = tx.execute(sql, name, version, std::optional<std::int32_t>());
    const query_result dropped = co_await std::move(dropping);
    const sql_row answer = dropped[0];
    switch (answer.get<std::int64_t>(0)) {
    case 1: throw error(version_not_found(name, version));
    case 2:
        throw error(failure(errc::invalid_argument,
            message("projection ", quoted_for_message(name), ": version ", std::to_string(version),
                " is in use, and there are others: drop those first, or let a later one take over")));
    case 3:
        throw error(failure(errc::invalid_argument,
            message("projection ", quoted_for_message(name), ": version ", std::to_string(version),
                " still has side effects to do, through position ", std::to_string(answer.get<std::int64_t>(1)),
                ": keep it running until it is there")));
    default: break;
    }
    if (handler) {
        auto working = handler(tx);
        co_await std::move(working);
    }
    auto committing = tx.commit();
    co_await std::move(committing);
}

} // namespace

asio::awaitable<std::vector<projection_info>> projections(const store& in) {
    return detail::call(listing_projections, detail::inside::of(in), detail::inside::limit_of(in), detail::unchecked(),
        begin_list, std::string());
}

asio::awaitable<std::vector<projection_info>> projection_handle::versions() const {
    return detail::call(listing_projections, detail::inside::of(store_), detail::inside::limit_of(store_),
        projection::check_name, begin_list, name_);
}

asio::awaitable<void> projection_handle::wait_for(std::int64_t position) const {
    return wait_for_projection(store_, name_, position);
}

asio::awaitable<void> projection_handle::drop(int version) const { return drop_with(version, nullptr); }

asio::awaitable<void> projection_handle::drop_with(
    int version, std::function<asio::awaitable<void>(transaction&)> handler) const {
    return drop_version(store_, name_, version, std::move(handler));
}

} // namespace eventstore
