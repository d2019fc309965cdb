#include "storage/snapshots.hpp"

#include "base/text.hpp"

namespace eventstore::storage {

using detail::message;
using detail::quoted_for_message;

asio::awaitable<result<void>> record_snapshot(database in, snapshot snapshot, detail::steady_time deadline) {
    postgres::parameters arguments;
    arguments.add(snapshot.source());
    arguments.add(snapshot.version());
    arguments.add(snapshot.type());
    arguments.add(snapshot.data());
    arguments.add(snapshot.metadata());
    auto recording = in.ask(in.known->record_snapshot, std::move(arguments), deadline);
    const auto answer = co_await std::move(recording);
    if (!answer) co_return answer.error();
    co_return result<void>();
}

asio::awaitable<result<snapshot>> read_snapshot(database in, std::string source, detail::steady_time deadline) {
    postgres::parameters arguments;
    arguments.add(source);
    auto reading = in.ask(in.known->read_snapshot, std::move(arguments), deadline);
    const auto answer = co_await std::move(reading);
    if (!answer) co_return answer.error();
    if (answer->rows() == 0) {
        std::string text = message("there is no snapshot of ", quoted_for_message(source));
        co_return failure(errc::snapshot_not_found, std::move(text));
    }
    std::string type(answer->bytes(0, 1));
    std::string data(answer->bytes(0, 2));
    snapshot found(std::move(source), answer->int8(0, 0), std::move(type), std::move(data));
    found.metadata(std::string(answer->bytes(0, 3))).recorded_at(answer->time(0, 4));
    co_return found;
}

asio::awaitable<result<void>> delete_snapshot(database in, std::string source, detail::steady_time deadline) {
    postgres::parameters arguments;
    arguments.add(source);
    auto deleting = in.ask(in.known->delete_snapshot, std::move(arguments), deadline);
    const auto answer = co_await std::move(deleting);
    if (!answer) co_return answer.error();
    co_return result<void>();
}

} // namespace eventstore::storage
