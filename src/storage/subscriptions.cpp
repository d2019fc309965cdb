#include "storage/subscriptions.hpp"

#include "base/text.hpp"

#include <chrono>
#include <utility>

namespace eventstore::storage {

namespace {

using detail::message;
using detail::quoted_for_message;

postgres::parameters naming(const std::string& stream, const std::string& name) {
    postgres::parameters arguments;
    arguments.add(stream);
    arguments.add(name);
    return arguments;
}

failure not_found(const std::string& stream, const std::string& name) {
    return failure(errc::subscription_not_found,
        {.message = message("there is no subscription ", quoted_for_message(name), " to ", quoted_for_message(stream)),
            .stream = stream});
}

subscription_info info_of(const postgres::answer& row, int i) {
    subscription_info info;
    info.stream = row.bytes(i, 0);
    info.name = row.bytes(i, 1);
    info.position = row.int8(i, 2);
    info.version = row.int8(i, 3);
    info.lag_events = row.int8(i, 4);
    info.lag = std::chrono::microseconds(row.int8(i, 5));
    info.parked = row.int8(i, 6);
    info.owner = row.bytes(i, 7);
    info.created_at = row.time(i, 8);
    return info;
}

parked_event parked_of(const postgres::answer& row, int i) {
    parked_event event;
    event.position = row.int8(i, 0);
    if (!row.is_null(i, 1)) { // deleted for good since
        event.version = row.int8(i, 1);
        event.stream = row.bytes(i, 2);
        event.type = row.bytes(i, 3);
    }
    event.reason = row.bytes(i, 4);
    event.deliveries = static_cast<int>(row.int8(i, 5));
    event.parked_at = row.time(i, 6);
    return event;
}

} // namespace

asio::awaitable<result<std::vector<subscription_info>>> list_subscriptions(database in, detail::steady_time deadline) {
    auto listing = in.ask(in.known->subscriptions, postgres::parameters(), deadline);
    const auto answer = co_await std::move(listing);
    if (!answer) co_return answer.error();
    std::vector<subscription_info> list;
    for (int i = 0; i < answer->rows(); ++i) list.push_back(info_of(*answer, i));
    co_return list;
}

asio::awaitable<result<void>> remove_subscription(
    database in, std::string stream, std::string name, detail::steady_time deadline) {
    auto removing = in.change(in.known->delete_subscription, naming(stream, name), deadline);
    const auto change = co_await std::move(removing);
    if (!change) co_return change.error();
    // What an attempt whose answer was lost has removed is not there any more.
    if (!change->answer.boolean(0, 0) && !change->is_repeated) co_return not_found(stream, name);
    co_return result<void>();
}

asio::awaitable<result<void>> reset_subscription(
    database in, std::string stream, std::string name, std::int64_t checkpoint, detail::steady_time deadline) {
    postgres::parameters arguments = naming(stream, name);
    arguments.add(checkpoint);
    auto resetting = in.change(in.known->reset_subscription, std::move(arguments), deadline);
    const auto change = co_await std::move(resetting);
    if (!change) co_return change.error();
    if (!change->answer.boolean(0, 0)) co_return not_found(stream, name);
    co_return result<void>();
}

asio::awaitable<result<bool>> has_reached(
    database in, std::string stream, std::string name, std::int64_t position, detail::steady_time deadline) {
    postgres::parameters arguments = naming(stream, name);
    arguments.add(position);
    auto asking = in.ask(in.known->subscription_reached, std::move(arguments), deadline);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    if (answer->rows() == 0) co_return not_found(stream, name);
    co_return answer->boolean(0, 0);
}

asio::awaitable<result<std::vector<parked_event>>> list_parked(
    database in, std::string stream, std::string name, detail::steady_time deadline) {
    auto listing = in.ask(in.known->parked_events, naming(stream, name), deadline);
    const auto answer = co_await std::move(listing);
    if (!answer) co_return answer.error();
    std::vector<parked_event> list;
    for (int i = 0; i < answer->rows(); ++i) list.push_back(parked_of(*answer, i));
    co_return list;
}

asio::awaitable<result<std::int64_t>> release_parked(database in, std::string stream, std::string name, release mode,
    std::vector<std::int64_t> positions, detail::steady_time deadline) {
    postgres::parameters arguments = naming(stream, name);
    if (positions.empty()) {
        arguments.add_null();
    } else {
        arguments.begin_array(postgres::type_oid::int8, positions.size());
        for (const std::int64_t position : positions) arguments.add(position);
    }
    arguments.add(mode == release::discard);
    auto releasing = in.ask(in.known->release_parked, std::move(arguments), deadline);
    const auto answer = co_await std::move(releasing);
    if (!answer) co_return answer.error();
    if (answer->is_null(0, 0)) co_return not_found(stream, name);
    co_return answer->int8(0, 0);
}

} // namespace eventstore::storage
