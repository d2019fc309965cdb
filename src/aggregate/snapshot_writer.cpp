#include "aggregate/snapshot_writer.hpp"

#include "aggregate/spawn.hpp"
#include "async/clock.hpp"
#include "base/text.hpp"

#include <array>
#include <charconv>
#include <exception>
#include <string_view>
#include <utility>

namespace eventstore::detail {

namespace {

constexpr std::size_t most_waiting = 64; // each keeps a state in memory

std::string hexadecimal(std::uint64_t value) {
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
    return std::string(digits.data(), end);
}

} // namespace

snapshot_format::snapshot_format(const state_functions& state) : state_(state) {
    if (!state_.snapshot_type) return;
    type_ = state_.snapshot_type();
    layout_ = hexadecimal(state_.snapshot_layout);
}

std::string snapshot_format::metadata(const uuid& last_event) const {
    return message(R"({"last_event":")", to_string(last_event), R"(","layout":")", layout_, R"("})");
}

snapshot snapshot_format::write(const std::string& stream, const known_state& known) const {
    const event_data data = state_.write(known.state.get());
    snapshot made(stream, known.version, type_, data.data());
    made.metadata(metadata(*known.last_event));
    return made;
}

std::optional<known_state> snapshot_format::read(const snapshot& from) const {
    constexpr std::size_t place_of_id = 15; // see metadata()
    constexpr std::size_t size_of_id = 36;
    const std::string& about = from.metadata();
    if (from.type() != type_ || about.size() < place_of_id + size_of_id) return std::nullopt;
    const auto last_event = parse_uuid(std::string_view(about).substr(place_of_id, size_of_id));
    if (!last_event || about != metadata(*last_event)) return std::nullopt;
    // The codec knows its own type, not that of snapshots.
    const std::string codec_type = type_.substr(0, type_.rfind(".v"));
    auto state =
        state_.read(recorded_event::make(from.source(), from.version(), 1, event_data(codec_type, from.data())));
    if (!state) return std::nullopt;
    known_state known;
    known.state = *std::move(state);
    known.version = known.snapshot = from.version();
    known.last_event = last_event;
    return known;
}

bool snapshot_writer::add(const store& into, const std::string& stream, const known_state& known, bool replaces) {
    asio::any_io_executor executor;
    try {
        executor = into.get_executor();
    } catch (const error&) {
        return false; // the store has ended
    }
    {
        const std::lock_guard lock(mutex_);
        const auto at = waiting_.find(stream);
        if (at == waiting_.end() && waiting_.size() == most_waiting) return false;
        waiting& next = at == waiting_.end() ? waiting_[stream] : at->second;
        if (!replaces && next.known.version >= known.version) return true;
        next.known = known;
        next.replaces |= replaces;
        if (std::exchange(is_running_, true)) return true;
    }
    spawn_from_coroutine(
        executor, run(shared_from_this(), into), [self = shared_from_this()](const std::exception_ptr& thrown) {
            if (thrown) self->stop(); // else it has stopped itself, and another one may run
        });
    return true;
}

void snapshot_writer::end_by(std::chrono::steady_clock::time_point when) {
    const std::lock_guard lock(mutex_);
    end_ = when;
}

void snapshot_writer::stop() noexcept {
    const std::lock_guard lock(mutex_);
    is_running_ = false;
    waiting_.clear();
}

std::optional<std::pair<std::string, snapshot_writer::waiting>> snapshot_writer::take() {
    const std::lock_guard lock(mutex_);
    if (end_ && machine_time() >= *end_) waiting_.clear();
    if (waiting_.empty()) {
        is_running_ = false; // one that comes from now on begins anew
        return std::nullopt;
    }
    auto first = waiting_.extract(waiting_.begin());
    return std::pair(first.key(), std::move(first.mapped()));
}

asio::awaitable<void> snapshot_writer::run(std::shared_ptr<snapshot_writer> self, store into) {
    for (;;) {
        const auto next = self->take();
        if (!next) co_return;
        bool is_closed = false;
        try {
            const auto made = self->format_.write(next->first, next->second.known);
            if (next->second.replaces) {
                auto deleting = into.delete_snapshot(next->first);
                co_await std::move(deleting);
            }
            auto recording = into.record_snapshot(made);
            co_await std::move(recording);
            self->written_.fetch_add(1, std::memory_order_relaxed);
        } catch (const error& why) {
            self->failed_.fetch_add(1, std::memory_order_relaxed);
            is_closed = why.why().code() == errc::store_closed;
        } catch (const std::exception&) { // of the codec
            self->failed_.fetch_add(1, std::memory_order_relaxed);
        }
        if (is_closed) {
            self->stop();
            co_return;
        }
    }
}

} // namespace eventstore::detail
