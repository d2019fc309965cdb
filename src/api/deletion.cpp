// The calls of a store that delete streams and bring them back.

#include "base/text.hpp"
#include "runtime/store_core.hpp"
#include "storage/validation.hpp"

#include <eventstore/store.hpp>

#include <boost/asio/error.hpp>

namespace eventstore {

namespace {

using detail::check_call;
using detail::message;
using detail::quoted_for_message;
using impl_ptr = std::shared_ptr<detail::store_impl>;
using core_ptr = std::shared_ptr<detail::store_core>;

constexpr std::int32_t events_in_a_step = 1'000; // of a hard delete: one transaction

failure refused(const std::string& stream, std::int64_t expected, std::int64_t outcome, std::int64_t version) {
    failure::facts facts;
    facts.stream = stream;
    facts.expected = expected;
    facts.actual = version;
    const std::string deleting = message("deleting stream ", quoted_for_message(stream));
    const std::string actual = std::to_string(version);
    errc code = errc::wrong_expected_version;
    switch (outcome) {
    case 3:
        code = errc::stream_exists;
        facts.message = message(deleting, ": expected that it does not exist, but it is at version ", actual);
        break;
    case 4:
        code = errc::stream_not_found;
        facts.message = message(deleting, ": it does not exist");
        break;
    case 5:
        code = errc::stream_deleted;
        facts.message = message(deleting, ": it is deleted already; restore it before it is deleted for good");
        break;
    default:
        facts.message =
            message(deleting, ": expected version ", std::to_string(expected), ", but it is at version ", actual);
        break;
    }
    return failure(code, std::move(facts));
}

failure not_found(const std::string& stream) {
    failure::facts facts;
    facts.stream = stream;
    facts.message = message("stream ", quoted_for_message(stream), " does not exist");
    return failure(errc::stream_not_found, std::move(facts));
}

asio::awaitable<result<postgres::answer>> ask(
    core_ptr core, const postgres::statement& what, postgres::parameters arguments, milliseconds limit) {
    return postgres::pool::execute(core->pool, what, std::move(arguments), core->deadline(limit));
}

/// Removes what is left of streams that were deleted for good.
asio::awaitable<result<void>> purge(core_ptr core, milliseconds limit) {
    auto looking = ask(core, core->statements->tombstones, postgres::parameters(), limit);
    const auto answer = co_await std::move(looking);
    if (!answer) co_return answer.error();
    for (int i = 0; i < answer->rows(); ++i) {
        const std::int64_t stream = answer->int8(i, 0);
        core->reader->forget_stream(stream);
        for (std::int64_t removed = 1; removed > 0;) {
            postgres::parameters arguments;
            arguments.add(stream);
            arguments.add(events_in_a_step);
            auto removing = ask(core, core->statements->purge_stream, std::move(arguments), limit);
            const auto step = co_await std::move(removing);
            if (!step) co_return step.error();
            removed = step->int8(0, 0);
        }
    }
    co_return result<void>();
}

asio::awaitable<result<void>> delete_value(
    core_ptr core, milliseconds limit, std::string stream, expected_version expected, deletion how) {
    postgres::parameters arguments;
    arguments.add(stream);
    arguments.add(expected.value());
    arguments.add(how == deletion::hard);
    arguments.add(make_uuid());
    auto deleting = postgres::pool::execute_change(
        core->pool, core->statements->delete_stream, std::move(arguments), core->deadline(limit));
    const auto change = co_await std::move(deleting);
    if (!change) co_return change.error();
    const auto fields = change->answer.int8_array(0, 0);
    if (fields.size() != 3 || !fields[0])
        co_return failure(errc::schema_too_new, "deleting a stream: the schema's answer is not understood");
    constexpr std::int64_t not_found = 4;
    // By an attempt whose answer was lost it may have been deleted, and by somebody else its events removed since.
    const bool is_gone = change->is_repeated && how == deletion::hard && *fields[0] == not_found;
    if (*fields[0] != 0 && !is_gone) co_return refused(stream, expected.value(), *fields[0], fields[1].value_or(0));
    if (how == deletion::soft) co_return result<void>();
    co_return co_await purge(core, limit);
}

asio::awaitable<void> delete_throwing(
    impl_ptr impl, milliseconds limit, std::string stream, expected_version expected, deletion how) {
    auto why = check_call(impl, limit);
    if (!why) why = storage::check_stream_to_write(stream, expected);
    if (!why && how == deletion::hard && !impl->core->options.allows_hard_delete()) {
        failure::facts facts;
        facts.stream = stream;
        facts.message = message("deleting stream ", quoted_for_message(stream),
            " for good: open the store with allow_hard_delete() if you mean it");
        why = failure(errc::hard_delete_disabled, std::move(facts));
    }
    if (why) throw error(*why);
    auto work = delete_value(impl->core, limit, std::move(stream), expected, how);
    try {
        const auto outcome = co_await std::move(work);
        outcome.value();
    } catch (const boost::system::system_error& thrown) {
        // Between two steps it is Asio that notices a cancellation.
        if (thrown.code() != asio::error::operation_aborted) throw;
        throw error(failure(errc::cancelled,
            "deleting a stream was cancelled; its name is free, and the next hard delete "
            "removes the events that are left"));
    }
}

asio::awaitable<deletion_preview> preview_throwing(impl_ptr impl, milliseconds limit, std::string stream) {
    auto why = check_call(impl, limit);
    if (!why) why = storage::check_stream_to_write(stream, any_version);
    if (why) throw error(*why);
    postgres::parameters arguments;
    arguments.add(stream);
    auto counting = ask(impl->core, impl->core->statements->deletion_preview, std::move(arguments), limit);
    const auto row = (co_await std::move(counting)).value();
    if (row.rows() == 0) throw error(not_found(stream));
    deletion_preview counts;
    counts.events = row.int8(0, 0);
    counts.links = row.int8(0, 1);
    counts.links_to_it = row.int8(0, 2);
    counts.subscriptions = row.int8(0, 3);
    co_return counts;
}

asio::awaitable<void> restore_throwing(impl_ptr impl, milliseconds limit, std::string stream) {
    auto why = check_call(impl, limit);
    if (!why) why = storage::check_stream_to_write(stream, any_version);
    if (why) throw error(*why);
    postgres::parameters arguments;
    arguments.add(stream);
    auto restoring = ask(impl->core, impl->core->statements->restore_stream, std::move(arguments), limit);
    const auto answer = (co_await std::move(restoring)).value();
    if (!answer.boolean(0, 0)) throw error(not_found(stream));
    impl->core->keeper->restored(stream); // at once, not by a notification
}

} // namespace

asio::awaitable<void> store::delete_stream(std::string_view stream, expected_version expected, deletion how) const {
    return delete_throwing(impl_, limit_, std::string(stream), expected, how);
}

asio::awaitable<deletion_preview> store::preview_deletion(std::string_view stream) const {
    return preview_throwing(impl_, limit_, std::string(stream));
}

asio::awaitable<void> store::restore_stream(std::string_view stream) const {
    return restore_throwing(impl_, limit_, std::string(stream));
}

} // namespace eventstore
