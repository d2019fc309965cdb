// The calls of a store that are about snapshots.

#include "base/text.hpp"
#include "runtime/store_core.hpp"
#include "storage/validation.hpp"

#include <eventstore/store.hpp>

namespace eventstore {

namespace {

using detail::check_call;
using detail::message;
using detail::quoted_for_message;
using impl_ptr = std::shared_ptr<detail::store_impl>;
using core_ptr = std::shared_ptr<detail::store_core>;

asio::awaitable<result<postgres::answer>> ask(
    core_ptr core, const postgres::statement& what, postgres::parameters arguments, milliseconds limit) {
    return postgres::pool::execute(core->pool, what, std::move(arguments), core->deadline(limit));
}

asio::awaitable<void> record_throwing(impl_ptr impl, milliseconds limit, snapshot what) {
    auto why = check_call(impl, limit);
    if (!why) why = storage::check_snapshot(what, impl->core->options);
    if (why) throw error(*why);
    postgres::parameters arguments;
    arguments.add(what.source());
    arguments.add(what.version());
    arguments.add(what.type());
    arguments.add(what.data());
    arguments.add(what.metadata());
    auto recording = ask(impl->core, impl->core->statements->record_snapshot, std::move(arguments), limit);
    (co_await std::move(recording)).value(); // whether it is the newest: who comes too late has lost nothing
}

asio::awaitable<snapshot> read_throwing(impl_ptr impl, milliseconds limit, std::string source) {
    auto why = check_call(impl, limit);
    if (!why) why = storage::check_snapshot_source(source);
    if (why) throw error(*why);
    postgres::parameters arguments;
    arguments.add(source);
    auto reading = ask(impl->core, impl->core->statements->read_snapshot, std::move(arguments), limit);
    const auto answer = (co_await std::move(reading)).value();
    if (answer.rows() == 0) {
        const std::string text = message("there is no snapshot of ", quoted_for_message(source));
        throw error(failure(errc::snapshot_not_found, text));
    }
    std::string type(answer.bytes(0, 1));
    std::string data(answer.bytes(0, 2));
    snapshot found(std::move(source), answer.int8(0, 0), std::move(type), std::move(data));
    found.metadata(std::string(answer.bytes(0, 3))).recorded_at(answer.time(0, 4));
    co_return found;
}

asio::awaitable<void> delete_throwing(impl_ptr impl, milliseconds limit, std::string source) {
    auto why = check_call(impl, limit);
    if (!why) why = storage::check_snapshot_source(source);
    if (why) throw error(*why);
    postgres::parameters arguments;
    arguments.add(source);
    auto deleting = ask(impl->core, impl->core->statements->delete_snapshot, std::move(arguments), limit);
    (co_await std::move(deleting)).value();
}

} // namespace

asio::awaitable<void> store::record_snapshot(snapshot what) const {
    return record_throwing(impl_, limit_, std::move(what));
}

asio::awaitable<snapshot> store::read_snapshot(std::string_view source) const {
    return read_throwing(impl_, limit_, std::string(source));
}

asio::awaitable<void> store::delete_snapshot(std::string_view source) const {
    return delete_throwing(impl_, limit_, std::string(source));
}

} // namespace eventstore
