#include <eventstore/event_file.hpp>
#include <eventstore/import_source.hpp>

#include "api/export_sessions.hpp"
#include "async/run_apart.hpp"
#include "async/stop_at_end.hpp"
#include "async/work_ahead.hpp"
#include "base/text.hpp"
#include "maintenance/event_file_check.hpp"
#include "maintenance/foreign_log.hpp"
#include "maintenance/importer.hpp"
#include "runtime/open.hpp"
#include "storage/schema.hpp"
#include "storage/validation.hpp"

#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

namespace eventstore {

namespace {

namespace asio = boost::asio;
using detail::message;
using postgres::connection;

std::optional<failure> check_export(const std::string& path, const export_options& options) {
    if (path.empty()) return failure(errc::invalid_argument, "the name of the file is empty");
    if (options.from_position() < 1)
        return failure(errc::invalid_argument,
            message("from_position is ", std::to_string(options.from_position()), "; positions begin at 1"));
    if (options.through_position() < 0 ||
        (options.through_position() > 0 && options.through_position() < options.from_position()))
        return failure(errc::invalid_argument,
            message("through_position is ", std::to_string(options.through_position()), ", before from_position, ",
                std::to_string(options.from_position())));
    return std::nullopt;
}

std::optional<failure> check_import(const std::string& path, const import_options& options) {
    constexpr std::size_t most = 1'000'000;
    if (path.empty()) return failure(errc::invalid_argument, "the name of the file is empty");
    if (options.transaction_events() < 1 || options.transaction_events() > most)
        return failure(errc::invalid_argument,
            message(
                "transaction_events is ", std::to_string(options.transaction_events()), "; 1 to 1,000,000 are good"));
    return std::nullopt;
}

asio::awaitable<result<event_file_summary>> export_once(store_options from, std::string path, export_options options,
    connection::strand strand, detail::environment where, std::shared_ptr<const std::atomic<bool>> is_stopped) {
    auto connecting = detail::connect_to_export(from, strand, where);
    auto sessions = co_await std::move(connecting);
    if (!sessions) co_return sessions.error();
    auto exporting = maintenance::export_log(
        std::move(*sessions), from.schema(), std::move(path), std::move(options), where, strand, std::move(is_stopped));
    co_return co_await std::move(exporting);
}

std::chrono::milliseconds lock_limit(const store_options& options) { return options.operation_timeout() * 3 / 4; }

/// To a store whose tables the role may write.
asio::awaitable<result<std::shared_ptr<connection>>> connect_to_own(
    store_options into, connection::strand strand, detail::environment where) {
    auto connecting =
        detail::connect_and_inspect(detail::administrator(into, where), strand, into, storage::purpose::opening);
    const auto found = co_await std::move(connecting);
    if (!found) co_return found.error();
    if (!found->schema.is_own)
        co_return failure(errc::import_refused,
            message("importing into schema ", detail::quoted_for_message(into.schema()), ": it belongs to ",
                detail::quoted_for_message(found->schema.owner),
                ", which is no role of yours; connect as that role, or as a member of it"));
    co_return found->connection;
}

asio::awaitable<result<event_file_summary>> import_once(store_options into, std::string path, import_options options,
    connection::strand strand, detail::environment where, std::shared_ptr<const std::atomic<bool>> is_stopped) {
    auto connecting = connect_to_own(into, strand, where);
    const auto target = co_await std::move(connecting);
    if (!target) co_return target.error();
    auto importing = maintenance::import_file(*target, into.schema(), std::move(path), std::move(options), where,
        lock_limit(into), strand, std::move(is_stopped));
    co_return co_await std::move(importing);
}

asio::awaitable<event_file_summary> export_throwing(store_options from, std::string path, export_options options) {
    if (const auto why = storage::check_options(from)) throw error(*why);
    if (const auto why = check_export(path, options)) throw error(*why);
    const detail::stop_at_end stop;
    connection::strand strand(detail::executor_for(from, co_await asio::this_coro::executor));
    const auto where = detail::environment::make(from.executor(), from.on_log());
    auto work = export_once(std::move(from), std::move(path), std::move(options), strand, where, stop.flag());
    auto working = detail::run_apart(std::move(strand), std::move(work), "exporting the log");
    const auto made = co_await std::move(working);
    co_return made.value();
}

asio::awaitable<event_file_summary> import_throwing(store_options into, std::string path, import_options options) {
    if (const auto why = storage::check_options(into)) throw error(*why);
    if (const auto why = check_import(path, options)) throw error(*why);
    const detail::stop_at_end stop;
    connection::strand strand(detail::executor_for(into, co_await asio::this_coro::executor));
    const auto where = detail::environment::make(into.executor(), into.on_log());
    auto work = import_once(std::move(into), std::move(path), std::move(options), strand, where, stop.flag());
    auto working = detail::run_apart(std::move(strand), std::move(work), "importing");
    const auto made = co_await std::move(working);
    co_return made.value();
}

asio::awaitable<result<event_file_summary>> import_from_once(store_options into, import_source from,
    import_options options, connection::strand strand, detail::environment where,
    std::shared_ptr<const std::atomic<bool>> is_stopped) {
    auto connecting = connect_to_own(into, strand, where);
    const auto target = co_await std::move(connecting);
    if (!target) co_return target.error();
    store_options source_options(from.url());
    source_options.operation_timeout(into.operation_timeout()).pooled(into.is_pooled());
    auto reaching = postgres::connector::connect(detail::administrator(source_options, where), strand, nullptr);
    const auto source = co_await std::move(reaching);
    if (!source) co_return source.error().with_message(message("the log to import: ", source.error().message()));
    maintenance::foreign_parts parts;
    parts.into = std::make_shared<maintenance::importer>(*target, into.schema(), where, lock_limit(into));
    parts.source = *source;
    parts.schema = from.schema();
    parts.where = where;
    parts.is_stopped = std::move(is_stopped);
    auto importing = maintenance::import_foreign(std::move(parts), from.kind(), std::move(options));
    co_return co_await std::move(importing);
}

asio::awaitable<event_file_summary> import_from_throwing(
    store_options into, import_source from, import_options options) {
    if (const auto why = storage::check_options(into)) throw error(*why);
    if (const auto why = check_import("-", options)) throw error(*why);
    if (const auto why = storage::check_schema_name(from.schema())) throw error(*why);
    const detail::stop_at_end stop;
    connection::strand strand(detail::executor_for(into, co_await asio::this_coro::executor));
    const auto where = detail::environment::make(into.executor(), into.on_log());
    auto work = import_from_once(std::move(into), std::move(from), std::move(options), strand, where, stop.flag());
    auto working = detail::run_apart(std::move(strand), std::move(work), "importing");
    const auto made = co_await std::move(working);
    co_return made.value();
}

asio::awaitable<event_file_summary> check_throwing(std::string path) {
    const auto found = std::make_shared<result<event_file_summary>>(failure());
    const detail::stop_at_end stop;
    detail::work_ahead disk(co_await asio::this_coro::executor, "checking a file of events", stop.flag());
    const detail::stop_question is_stopped = disk.is_stopped();
    disk.begin([found, path, is_stopped] { *found = maintenance::check_file(path, is_stopped); });
    auto checking = disk.wait();
    const auto waited = co_await std::move(checking);
    waited.value();
    co_return found->value();
}

} // namespace

boost::asio::awaitable<event_file_summary> export_events(store_options from, std::string path, export_options options) {
    return export_throwing(std::move(from), std::move(path), std::move(options));
}

boost::asio::awaitable<event_file_summary> import_events(store_options into, std::string path, import_options options) {
    return import_throwing(std::move(into), std::move(path), std::move(options));
}

boost::asio::awaitable<event_file_summary> import_from(store_options into, import_source from, import_options options) {
    return import_from_throwing(std::move(into), std::move(from), std::move(options));
}

boost::asio::awaitable<event_file_summary> check_event_file(std::string path) {
    return check_throwing(std::move(path));
}

} // namespace eventstore
