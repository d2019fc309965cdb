#include <eventstore/archive.hpp>

#include "api/export_sessions.hpp"
#include "async/run_apart.hpp"
#include "async/stop_at_end.hpp"
#include "base/text.hpp"
#include "maintenance/archiver.hpp"
#include "storage/validation.hpp"

#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

#include <optional>
#include <utility>

namespace eventstore {

namespace {

namespace asio = boost::asio;
using detail::message;
using postgres::connection;

std::optional<failure> check_archive(
    const store_options& from, const std::string& path, const archive_options& options) {
    const std::string archiving = message("archiving the events before position ", std::to_string(options.before()));
    if (options.before() < 1) return failure(errc::invalid_argument, message(archiving, ": positions begin at 1"));
    if (path.empty()) return failure(errc::invalid_argument, message(archiving, ": the name of the file is empty"));
    if (path == "-")
        return failure(errc::invalid_argument, message(archiving, ": standard output is no file that can be checked"));
    const auto pace = scavenge_options().events_per_second(options.events_per_second()).portion(options.portion());
    if (auto why = storage::check_scavenge(pace)) return why;
    if (from.allows_hard_delete()) return std::nullopt;
    return failure(errc::hard_delete_disabled,
        message(archiving, ": say allow_hard_delete() in the options of the store if you mean it"));
}

asio::awaitable<result<archive_summary>> archive_once(store_options from, std::string path, archive_options options,
    connection::strand strand, detail::environment where, std::shared_ptr<const std::atomic<bool>> is_stopped) {
    auto connecting = detail::connect_to_export(from, strand, where);
    auto sessions = co_await std::move(connecting);
    if (!sessions) co_return sessions.error();
    auto archiving = maintenance::archive_log(std::move(*sessions), from.schema(), std::move(path), std::move(options),
        where, from.operation_timeout(), strand, std::move(is_stopped));
    co_return co_await std::move(archiving);
}

asio::awaitable<archive_summary> archive_throwing(store_options from, std::string path, archive_options options) {
    if (const auto why = storage::check_options(from)) throw error(*why);
    if (const auto why = check_archive(from, path, options)) throw error(*why);
    const detail::stop_at_end stop;
    connection::strand strand(detail::executor_for(from, co_await asio::this_coro::executor));
    const auto where = detail::environment::make(from.executor(), from.on_log());
    auto work = archive_once(std::move(from), std::move(path), std::move(options), strand, where, stop.flag());
    auto working = detail::run_apart(std::move(strand), std::move(work), "archiving");
    const auto made = co_await std::move(working);
    co_return made.value();
}

} // namespace

boost::asio::awaitable<archive_summary> archive_events(store_options from, std::string path, archive_options options) {
    return archive_throwing(std::move(from), std::move(path), std::move(options));
}

} // namespace eventstore
