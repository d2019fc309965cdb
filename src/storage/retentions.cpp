#include "storage/retentions.hpp"

#include "base/text.hpp"

namespace eventstore::storage {

namespace {

constexpr std::int32_t is_one_too_many = 1;

/// From three columns.
retention retention_of(const postgres::answer& from, int row, int column) {
    retention value;
    if (!from.is_null(row, column)) value.truncate_before(from.int8(row, column));
    if (!from.is_null(row, column + 1)) value.max_count(from.int8(row, column + 1));
    if (!from.is_null(row, column + 2)) value.max_age(std::chrono::milliseconds(from.int8(row, column + 2)));
    return value;
}

retention combination_of(const retention& own, const retention& of_prefix) {
    retention both = of_prefix;
    if (own.truncate_before()) both.truncate_before(*own.truncate_before());
    if (own.max_count()) both.max_count(*own.max_count());
    if (own.max_age()) both.max_age(*own.max_age());
    return both;
}

} // namespace

asio::awaitable<result<void>> set_retention(
    database in, std::string name, bool is_prefix, retention value, detail::steady_time deadline) {
    postgres::parameters arguments;
    arguments.add(name);
    arguments.add(is_prefix);
    if (value.truncate_before())
        arguments.add(*value.truncate_before());
    else
        arguments.add_null();
    if (value.max_count())
        arguments.add(*value.max_count());
    else
        arguments.add_null();
    if (value.max_age())
        arguments.add(static_cast<std::int64_t>(value.max_age()->count()));
    else
        arguments.add_null();
    auto setting = in.ask(in.known->set_retention, std::move(arguments), deadline);
    const auto answer = co_await std::move(setting);
    if (!answer) co_return answer.error();
    if (answer->int4(0, 0) == is_one_too_many)
        co_return failure(errc::invalid_argument,
            detail::message("setting the retention of ", detail::quoted_for_message(name),
                ": 1000 prefixes, and streams that do not exist yet, have one already, and each read compares them; "
                "use a shorter prefix, or set it once the stream exists"));
    co_return result<void>();
}

asio::awaitable<result<void>> remove_retention(
    database in, std::string name, bool is_prefix, detail::steady_time deadline) {
    postgres::parameters arguments;
    arguments.add(name);
    arguments.add(is_prefix);
    auto removing = in.ask(in.known->remove_retention, std::move(arguments), deadline);
    const auto answer = co_await std::move(removing);
    if (!answer) co_return answer.error();
    co_return result<void>();
}

asio::awaitable<result<stream_retention>> read_retention(
    database in, std::string stream, detail::steady_time deadline) {
    postgres::parameters arguments;
    arguments.add(stream);
    auto reading = in.ask(in.known->stream_retention, std::move(arguments), deadline);
    const auto answer = co_await std::move(reading);
    if (!answer) co_return answer.error();
    stream_retention found;
    found.version = answer->int8(0, 0);
    found.first_version = answer->int8(0, 1);
    found.own = retention_of(*answer, 0, 2);
    if (!answer->is_null(0, 5)) found.prefix.emplace(answer->bytes(0, 5));
    found.effective = combination_of(found.own, retention_of(*answer, 0, 6));
    co_return found;
}

asio::awaitable<result<std::vector<retention_info>>> list_retentions(database in, detail::steady_time deadline) {
    auto listing = in.ask(in.known->retentions, postgres::parameters(), deadline);
    const auto answer = co_await std::move(listing);
    if (!answer) co_return answer.error();
    std::vector<retention_info> list;
    for (int i = 0; i < answer->rows(); ++i) {
        retention_info& each = list.emplace_back();
        each.name = answer->bytes(i, 0);
        each.is_prefix = answer->boolean(i, 1);
        each.retention = retention_of(*answer, i, 2);
        each.changed_at = answer->time(i, 5);
    }
    co_return list;
}

} // namespace eventstore::storage
