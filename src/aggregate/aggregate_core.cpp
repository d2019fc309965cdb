#include "aggregate/aggregate_core.hpp"

#include "async/clock.hpp"
#include "base/text.hpp"

#include <utility>

namespace eventstore::detail {

namespace {

using namespace std::chrono_literals;

constexpr auto last_snapshots = 1s; // for those that wait when nobody uses the aggregates any more

failure bad_option(std::string_view why) {
    return failure(errc::invalid_argument, message("aggregate_options: ", why));
}

std::optional<failure> check(const aggregate_options& options, const state_functions& state) {
    if (options.max_retries() < 0 || options.max_retries() > 1'000)
        return bad_option(
            message("max_retries is ", std::to_string(options.max_retries()), "; 0 to 1,000 are possible"));
    if (options.retry_after() < 1ms || options.retry_after() > 1min)
        return bad_option(message(
            "retry_after is ", std::to_string(options.retry_after().count()), " ms; 1 ms to 1 minute are possible"));
    if (options.snapshot_every() > 0 && !state.snapshot_type)
        return bad_option("snapshot_every needs a codec for the state: template <> struct eventstore::codec<T> : "
                          "eventstore::json_codec<T, \"Name\"> {};");
    if (options.cache_bytes() > 0 && !state.bytes)
        return bad_option("cache_bytes needs to know the bytes that a state owns: give it std::size_t memory() const");
    return std::nullopt;
}

} // namespace

decision::~decision() = default;

aggregate_core::aggregate_core(store opened, aggregate_options options, const state_functions& functions)
    : store_(std::move(opened)),
      options_(options),
      functions_(functions),
      refusal_(check(options_, functions)),
      cache_(std::make_shared<aggregate_cache>(options_.cache_bytes())),
      snapshots_(std::make_shared<snapshot_writer>(functions)) {}

aggregate_core::~aggregate_core() { snapshots_->end_by(machine_time() + last_snapshots); }

std::optional<failure> aggregate_core::refuse(const std::string& stream) const {
    if (refusal_) return refusal_;
    if (!stream.starts_with('$')) return std::nullopt; // what else is wrong with it, the store says
    return failure(errc::reserved_stream,
        {.message = message("the aggregate ", quoted_for_message(stream), ": names that begin with $ are reserved"),
            .stream = stream});
}

void aggregate_core::keep(const std::string& stream, const aggregate_cache::watch& since, const known_state& known) {
    if (!cache_->is_used()) return;
    if (known.version > 0 && !known.last_event) return cache_->forget(stream); // a link: no append could expect it
    cache_->put(stream, since, known, functions_.bytes(known.state.get()));
}

void aggregate_core::note_snapshot(const std::string& stream, known_state& known) {
    const auto every = static_cast<std::int64_t>(options_.snapshot_every());
    if (every == 0 || known.version - known.snapshot < every || !known.last_event) return;
    if (!snapshots_->add(store_, stream, known, known.replaces_snapshot)) return;
    known.snapshot = known.version;
    known.replaces_snapshot = false;
}

aggregate_data aggregate_core::to_data(const known_state& known) {
    aggregate_data data;
    data.state = known.state;
    data.version = known.version;
    data.last_event = known.last_event;
    return data;
}

expected_version aggregate_core::expected_of(const known_state& known) {
    if (known.version > 0 && known.last_event) return expected_version::after(known.version, *known.last_event);
    return known.version;
}

aggregate_stats aggregate_core::count() const {
    const auto cached = cache_->count();
    aggregate_stats now;
    now.hits = hits_.load();
    now.loads = loads_.load();
    now.catch_ups = catch_ups_.load();
    now.conflicts = conflicts_.load();
    now.evictions = cached.evictions;
    now.snapshots_written = snapshots_->written();
    now.snapshots_failed = snapshots_->failed();
    now.snapshots_unfit = unfit_.load();
    now.cached = cached.states;
    now.cached_bytes = cached.bytes;
    now.is_following = cache_->is_covered();
    return now;
}

std::shared_ptr<aggregate_core> make_aggregates(store opened, aggregate_options options, const state_functions& state) {
    return std::make_shared<aggregate_core>(std::move(opened), options, state);
}

asio::awaitable<result<aggregate_data>> load_aggregate(std::shared_ptr<aggregate_core> core, std::string stream) {
    return aggregate_core::load(std::move(core), std::move(stream));
}

asio::awaitable<result<aggregate_data>> execute_decision(
    std::shared_ptr<aggregate_core> core, std::string stream, std::shared_ptr<decision> wanted) {
    return aggregate_core::execute(std::move(core), std::move(stream), std::move(wanted));
}

aggregate_stats count_aggregates(const aggregate_core& core) { return core.count(); }

} // namespace eventstore::detail
