#include "storage/streams.hpp"

#include "base/text.hpp"

#include <limits>
#include <utility>

namespace eventstore::storage {

namespace {

using detail::message;
using detail::quoted_for_message;

constexpr std::int32_t events_in_a_step = 1'000; // of a hard delete: one transaction

stream_info decode_info(const postgres::answer& from, int row) {
    stream_info info;
    info.name = from.bytes(row, 0);
    info.version = from.is_null(row, 1) ? 0 : from.int8(row, 1);
    info.created_at = from.time(row, 2);
    if (!from.is_null(row, 3)) info.deleted_at = from.time(row, 3);
    info.id = from.int8(row, 4);
    return info;
}

/// A text that comes after every stream name with this prefix, by bytes: as many of the greatest code point as the
/// longest name could have.
std::string after_prefix(std::string prefix) {
    constexpr int most = 512 / 4 + 1;
    for (int i = 0; i < most; ++i) prefix += "\xf4\x8f\xbf\xbf";
    return prefix;
}

/// What delete_stream answers besides 0.
constexpr std::int64_t exists_already = 3;
constexpr std::int64_t is_missing = 4;
constexpr std::int64_t is_deleted = 5;

failure refused(const std::string& stream, std::int64_t expected, std::int64_t outcome, std::int64_t version) {
    failure::details details;
    details.stream = stream;
    if (expected >= 0) details.expected = expected;
    details.actual = version;
    const std::string deleting = message("deleting stream ", quoted_for_message(stream));
    const std::string actual = std::to_string(version);
    errc code = errc::wrong_expected_version;
    switch (outcome) {
    case exists_already:
        code = errc::stream_exists;
        details.message = message(deleting, ": expected that it does not exist, but it is at version ", actual);
        break;
    case is_missing:
        code = errc::stream_not_found;
        details.message = message(deleting, ": it does not exist");
        break;
    case is_deleted:
        code = errc::stream_deleted;
        details.message = message(deleting, ": it is deleted already; restore it before it is deleted for good");
        break;
    default:
        details.message =
            message(deleting, ": expected version ", std::to_string(expected), ", but it is at version ", actual);
        break;
    }
    return failure(code, std::move(details));
}

failure answer_not_understood() {
    return failure(errc::schema_too_new,
        {.message = "deleting a stream: the schema's answer is not understood", .outcome_unknown = true});
}

asio::awaitable<result<void>> delete_once(
    database in, std::string stream, expected_version expected, deletion mode, detail::steady_time deadline) {
    postgres::parameters arguments;
    arguments.add(stream);
    arguments.add(expected.value());
    arguments.add(mode == deletion::hard);
    arguments.add(make_uuid());
    auto deleting = in.change(in.known->delete_stream, std::move(arguments), deadline);
    const auto change = co_await std::move(deleting);
    if (!change) co_return change.error();
    const auto fields = change->answer.int8_array(0, 0);
    if (fields.size() != 3 || !fields[0]) co_return answer_not_understood();
    // By an attempt whose answer was lost it may have been deleted, and by somebody else its events removed since.
    const bool is_gone = change->is_repeated && mode == deletion::hard && *fields[0] == is_missing;
    if (*fields[0] != 0 && !is_gone) co_return refused(stream, expected.value(), *fields[0], fields[1].value_or(0));
    co_return result<void>();
}

} // namespace

failure about_stream(errc code, const std::string& stream, std::string_view problem) {
    return failure(code, {.message = message("stream ", quoted_for_message(stream), " ", problem), .stream = stream});
}

asio::awaitable<result<stream_info>> read_stream_info(database in, std::string stream, detail::steady_time deadline) {
    const bool is_log = stream == "$all";
    postgres::parameters arguments;
    if (!is_log) arguments.add(stream);
    auto asking = in.ask(is_log ? in.known->log_info : in.known->stream_info, std::move(arguments), deadline);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    if (answer->rows() == 0) co_return about_stream(errc::stream_not_found, stream, "does not exist");
    auto info = decode_info(*answer, 0);
    if (info.deleted_at) co_return about_stream(errc::stream_deleted, stream, "was deleted");
    co_return info;
}

asio::awaitable<result<std::vector<stream_info>>> list_streams(
    database in, stream_query query, detail::steady_time deadline) {
    const bool backward = query.is_descending();
    const bool deleted = query.state() == stream_state::deleted;
    const bool by_age = query.order() == stream_order::by_age;
    const auto& by_direction = by_age ? in.known->streams_by_age[deleted] : in.known->streams[deleted];
    postgres::parameters arguments;
    if (by_age) // ids begin at 1
        arguments.add(backward && query.after_id() == 0 ? std::numeric_limits<std::int64_t>::max() : query.after_id());
    else if (backward && query.after().empty())
        arguments.add(after_prefix({}));
    else
        arguments.add(query.after());
    arguments.add(query.prefix());
    arguments.add(after_prefix(query.prefix()));
    arguments.add(static_cast<std::int64_t>(query.count()));
    arguments.add(query.search());
    arguments.add(query.state() != stream_state::existing);
    auto asking = in.ask(by_direction[backward], std::move(arguments), deadline);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    std::vector<stream_info> list;
    list.reserve(static_cast<std::size_t>(answer->rows()));
    for (int i = 0; i < answer->rows(); ++i) list.push_back(decode_info(*answer, i));
    co_return list;
}

asio::awaitable<result<void>> delete_softly(
    database in, std::string stream, expected_version expected, detail::steady_time deadline) {
    return delete_once(std::move(in), std::move(stream), expected, deletion::soft, deadline);
}

asio::awaitable<result<void>> delete_for_good(database in, std::string stream, expected_version expected,
    std::function<void(std::int64_t)> forget, std::function<detail::steady_time()> deadline_of_step) {
    auto deleting = delete_once(in, std::move(stream), expected, deletion::hard, deadline_of_step());
    const auto deleted = co_await std::move(deleting);
    if (!deleted) co_return deleted.error();
    auto looking = in.ask(in.known->tombstones, postgres::parameters(), deadline_of_step());
    const auto tombstones = co_await std::move(looking);
    if (!tombstones) co_return tombstones.error();
    for (int i = 0; i < tombstones->rows(); ++i) {
        const std::int64_t id = tombstones->int8(i, 0);
        forget(id);
        for (std::int64_t removed = 1; removed > 0;) {
            postgres::parameters arguments;
            arguments.add(id);
            arguments.add(events_in_a_step);
            auto removing = in.ask(in.known->purge_stream, std::move(arguments), deadline_of_step());
            const auto step = co_await std::move(removing);
            if (!step) co_return step.error();
            removed = step->int8(0, 0);
        }
    }
    co_return result<void>();
}

asio::awaitable<result<deletion_preview>> preview_deletion(
    database in, std::string stream, detail::steady_time deadline) {
    postgres::parameters arguments;
    arguments.add(stream);
    auto counting = in.ask(in.known->deletion_preview, std::move(arguments), deadline);
    const auto row = co_await std::move(counting);
    if (!row) co_return row.error();
    if (row->rows() == 0) co_return about_stream(errc::stream_not_found, stream, "does not exist");
    deletion_preview counts;
    counts.events = row->int8(0, 0);
    counts.links = row->int8(0, 1);
    counts.links_to_it = row->int8(0, 2);
    counts.subscriptions = row->int8(0, 3);
    co_return counts;
}

asio::awaitable<result<void>> restore_stream(database in, std::string stream, detail::steady_time deadline) {
    postgres::parameters arguments;
    arguments.add(stream);
    auto restoring = in.ask(in.known->restore_stream, std::move(arguments), deadline);
    const auto answer = co_await std::move(restoring);
    if (!answer) co_return answer.error();
    if (!answer->boolean(0, 0)) co_return about_stream(errc::stream_not_found, stream, "does not exist");
    co_return result<void>();
}

} // namespace eventstore::storage
