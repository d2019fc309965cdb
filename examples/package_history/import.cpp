#include "import.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>
#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace package_history {

namespace {

constexpr std::size_t streams_at_a_time = 64;
constexpr std::size_t events_of_an_append = 100;

using history = std::pair<const std::string, std::vector<es::event_data>>;

/// What the workers share. They all run on one strand.
struct progress {
    explicit progress(es::store target) : store(std::move(target)) {}

    void count(const es::append_result& result, std::size_t events) {
        if (result.already_appended)
            counts.already_there += events;
        else
            counts.appended += events;
        counts.last_position = std::max(counts.last_position, result.last_position);
    }

    es::store store;
    std::map<std::string, std::vector<es::event_data>> streams;
    std::map<std::string, std::vector<es::event_data>>::const_iterator next;
    import_counts counts;
};

/// Some events of these may be there from an earlier import, and some not, if the log has grown since.
asio::awaitable<void> append_one_by_one(progress& all, const std::string& stream, std::vector<es::event_data> events) {
    for (const es::event_data& event : events) {
        const es::append_result result = co_await all.store.append(stream, es::any_version, event);
        all.count(result, 1);
    }
}

asio::awaitable<void> import_stream(progress& all, const history& stream) {
    const auto& [name, events] = stream;
    for (std::size_t begin = 0; begin < events.size(); begin += events_of_an_append) {
        const std::size_t size = std::min(events_of_an_append, events.size() - begin);
        const auto first = events.begin() + std::ptrdiff_t(begin);
        const std::vector<es::event_data> part(first, first + std::ptrdiff_t(size));

        const es::result<es::append_result> result = co_await all.store.try_append(name, es::any_version, part);
        if (result)
            all.count(*result, size);
        else if (result.error().code() == es::errc::duplicate_event)
            co_await append_one_by_one(all, name, part);
        else
            throw es::error(result.error());
    }
}

asio::awaitable<void> import_streams(progress& all) {
    while (all.next != all.streams.end()) {
        const history& mine = *all.next++;
        co_await import_stream(all, mine);
    }
}

} // namespace

asio::awaitable<import_counts> import_entries(es::store store, const std::vector<entry>& entries) {
    progress all(std::move(store));
    for (const entry& each : entries) all.streams[each.stream].push_back(each.event);
    all.next = all.streams.begin();
    all.counts.streams = all.streams.size();

    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    using worker = decltype(asio::co_spawn(executor, import_streams(all), asio::deferred));
    std::vector<worker> workers;
    for (std::size_t i = 0; i < streams_at_a_time; ++i)
        workers.push_back(asio::co_spawn(executor, import_streams(all), asio::deferred));
    auto group = asio::experimental::make_parallel_group(std::move(workers));
    const auto ended = co_await group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
    for (const std::exception_ptr& failed : std::get<1>(ended))
        if (failed) std::rethrow_exception(failed);
    co_return all.counts;
}

} // namespace package_history
