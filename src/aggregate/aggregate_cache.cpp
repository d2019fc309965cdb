#include "aggregate/aggregate_cache.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace eventstore::detail {

namespace {

constexpr std::size_t bytes_of_a_slot = 300; // the slot, its nodes, its place in the index
constexpr std::size_t most_news = 256;       // of one state; more are read when they are needed

} // namespace

std::size_t aggregate_cache::bytes_of(const slot& of) noexcept {
    return bytes_of_a_slot + 2 * of.stream.size() + of.state_bytes + of.news_bytes;
}

void aggregate_cache::drop_news(slot& of) noexcept {
    bytes_ -= of.news_bytes;
    of.news_bytes = 0;
    of.news.clear();
    of.bytes_of_news.clear();
}

void aggregate_cache::drop_first_news(slot& of, std::size_t count) {
    const auto end = static_cast<std::ptrdiff_t>(count);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) bytes += of.bytes_of_news[i];
    std::vector<recorded_event> rest(
        std::make_move_iterator(of.news.begin() + end), std::make_move_iterator(of.news.end()));
    of.news = std::move(rest);
    of.bytes_of_news.erase(of.bytes_of_news.begin(), of.bytes_of_news.begin() + end);
    of.news_bytes -= bytes;
    bytes_ -= bytes;
}

void aggregate_cache::erase(slots::iterator which) {
    bytes_ -= bytes_of(*which);
    if (which->known) --states_;
    by_stream_.erase(by_stream_.find(which->stream));
    order_.erase(which);
}

void aggregate_cache::evict() {
    while (bytes_ > most_bytes_ && !order_.empty()) {
        if (order_.back().known) ++evictions_;
        erase(std::prev(order_.end()));
    }
}

aggregate_cache::found aggregate_cache::begin(const std::string& stream) {
    found out;
    if (!is_used()) return out;
    const std::lock_guard lock(mutex_);
    const auto at = by_stream_.find(stream);
    if (at == by_stream_.end()) {
        slot& made = order_.emplace_front();
        made.stream = stream;
        made.number = next_slot_++;
        bytes_ += bytes_of(made);
        by_stream_.emplace(stream, order_.begin());
        out.since = {made.number, coverage_};
        evict();
        return out;
    }
    order_.splice(order_.begin(), order_, at->second);
    const slot& of = order_.front();
    out.since = {of.number, coverage_};
    out.known = of.known;
    out.is_behind = of.is_behind;
    if (!of.is_behind) out.news = of.news;
    return out;
}

void aggregate_cache::put(const std::string& stream, const watch& since, known_state known, std::size_t bytes) {
    if (!is_used() || since.slot == 0) return;
    const std::lock_guard lock(mutex_);
    auto at = by_stream_.find(stream);
    if (at == by_stream_.end()) { // it has left meanwhile, and with it what was told of the stream
        slot& made = order_.emplace_front();
        made.stream = stream;
        made.number = next_slot_++;
        bytes_ += bytes_of(made);
        at = by_stream_.emplace(stream, order_.begin()).first;
    }
    slot& of = *at->second;
    // The later one of two that were at work at once; the same place is the same state.
    if (of.known && of.known->position > known.position && !of.is_behind) return;
    const bool is_watched = of.number == since.slot && since.coverage != 0 && since.coverage == coverage_;
    of.coverage = is_watched ? since.coverage : 0;

    std::size_t old = 0; // news that the state has in it
    while (old < of.news.size() && of.news[old].position() <= known.position) ++old;
    if (!is_watched || (old < of.news.size() && of.news[old].version() != known.version + 1)) {
        drop_news(of);
    } else if (old > 0) {
        drop_first_news(of, old);
    }
    const std::int64_t reached = of.news.empty() ? known.position : of.news.back().position();
    of.is_behind = of.told > reached;
    if (of.is_behind) drop_news(of);

    bytes_ += bytes - of.state_bytes;
    of.state_bytes = bytes;
    if (!of.known) ++states_;
    of.known = std::move(known);
    order_.splice(order_.begin(), order_, at->second);
    evict();
}

void aggregate_cache::forget(const std::string& stream) {
    const std::lock_guard lock(mutex_);
    const auto at = by_stream_.find(stream);
    if (at != by_stream_.end()) erase(at->second);
}

void aggregate_cache::covered() {
    const std::lock_guard lock(mutex_);
    coverage_ = ++last_coverage_;
}

void aggregate_cache::uncovered() {
    const std::lock_guard lock(mutex_);
    coverage_ = 0;
}

bool aggregate_cache::is_covered() const {
    const std::lock_guard lock(mutex_);
    return coverage_ != 0;
}

bool aggregate_cache::has(std::string_view stream) const {
    const std::lock_guard lock(mutex_);
    return by_stream_.contains(stream);
}

// Of what the state has in it already: whether the last event is the one that it knows. An older one with a later position
// is of another stream with the same name.
bool aggregate_cache::is_same_as_known(const slot& of, const recorded_event& event, const uuid& row) noexcept {
    if (event.version() == of.known->version) return of.known->last_event == row;
    return event.position() <= of.known->position;
}

void aggregate_cache::news(const recorded_event& event, const uuid& row, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto at = by_stream_.find(event.stream());
    if (at == by_stream_.end()) return;
    slot& of = *at->second;
    of.told = std::max(of.told, event.position());
    if (!of.known || of.is_behind) return;
    if (event.version() <= of.known->version) {
        if (!is_same_as_known(of, event, row)) {
            of.is_behind = true;
            drop_news(of);
        }
        return;
    }
    const bool is_watched = of.coverage != 0 && of.coverage == coverage_;
    const std::int64_t next = of.known->version + static_cast<std::int64_t>(of.news.size()) + 1;
    const std::int64_t reached = of.news.empty() ? of.known->position : of.news.back().position();
    if (event.version() < next && !of.news.empty() && event.position() <= reached) return; // it came before
    if (!is_watched || event.version() != next || event.position() <= reached || of.news.size() == most_news) {
        of.is_behind = true;
        drop_news(of);
        return;
    }
    of.news.push_back(event.detached());
    of.bytes_of_news.push_back(bytes);
    of.news_bytes += bytes;
    bytes_ += bytes;
    evict();
}

aggregate_cache::counts aggregate_cache::count() const {
    const std::lock_guard lock(mutex_);
    return {states_, bytes_, evictions_};
}

} // namespace eventstore::detail
