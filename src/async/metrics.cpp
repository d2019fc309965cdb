#include "async/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <type_traits>

namespace eventstore::detail {

namespace {

/// Makes what is not there yet, unless another thread is quicker; null without memory.
template <class T>
T* get_or_make(std::atomic<T*>& place) noexcept {
    T* known = place.load(std::memory_order_acquire);
    if (known) return known;
    std::unique_ptr<T> made(new (std::nothrow) T{});
    if (!made) return nullptr;
    if (place.compare_exchange_strong(known, made.get(), std::memory_order_acq_rel)) return made.release();
    return known;
}

/// What is counted, or microseconds.
template <class Value>
Value measured(std::uint64_t number) noexcept {
    if constexpr (std::is_same_v<Value, std::uint64_t>)
        return number;
    else
        return Value(static_cast<std::int64_t>(number));
}

} // namespace

histogram::~histogram() {
    const std::unique_ptr<table> rows(rows_.load(std::memory_order_acquire));
    if (!rows) return;
    for (const auto& each : *rows) const std::unique_ptr<row> owned(each.load(std::memory_order_acquire));
}

histogram::bucket histogram::bucket_of(std::uint64_t value) noexcept {
    if (value < parts) return {0, static_cast<std::size_t>(value)};
    const auto exponent = static_cast<std::size_t>(std::bit_width(value)) - 1; // 5 at least
    return {exponent - 4, static_cast<std::size_t>((value >> (exponent - 5)) % parts)};
}

std::uint64_t histogram::smallest_in(std::size_t power, std::size_t part) noexcept {
    return power == 0 ? part : (parts + part) << (power - 1);
}

std::uint64_t histogram::middle_of(std::size_t power, std::size_t part) noexcept {
    const std::uint64_t width = power == 0 ? 1 : std::uint64_t{1} << (power - 1);
    return smallest_in(power, part) + (width - 1) / 2;
}

histogram::row* histogram::row_of(std::size_t power) noexcept {
    table* const rows = get_or_make(rows_);
    return rows ? get_or_make((*rows)[power]) : nullptr;
}

void histogram::record(std::uint64_t value, std::uint64_t times) noexcept {
    value = std::min(value, largest);
    const bucket in = bucket_of(value);
    row* const counts = row_of(in.power);
    if (!counts) return;
    (*counts)[in.part].fetch_add(times, std::memory_order_relaxed);
    sum_.fetch_add(value * times, std::memory_order_relaxed);
    std::uint64_t most = max_.load(std::memory_order_relaxed);
    while (value > most && !max_.compare_exchange_weak(most, value, std::memory_order_relaxed)) {
    }
}

void histogram::record(std::chrono::nanoseconds duration, std::uint64_t times) noexcept {
    const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
    record(static_cast<std::uint64_t>(std::max<std::int64_t>(whole, 0)), times);
}

template <class Value>
distribution<Value> histogram::snapshot() const {
    struct filled {
        std::size_t power = 0;
        std::size_t part = 0;
        std::uint64_t count = 0;
    };
    distribution<Value> now;
    const table* const rows = rows_.load(std::memory_order_acquire);
    if (!rows) return now;
    std::vector<filled> all;
    for (std::size_t power = 0; power < powers; ++power) {
        const row* const counts = (*rows)[power].load(std::memory_order_acquire);
        if (!counts) continue;
        for (std::size_t part = 0; part < parts; ++part) {
            const std::uint64_t count = (*counts)[part].load(std::memory_order_relaxed);
            if (count == 0) continue;
            all.push_back({power, part, count});
            now.count += count;
            const auto smallest = measured<Value>(smallest_in(power, part));
            for (std::size_t i = 0; i < now.below.size(); ++i) {
                if (smallest < now.bound(i)) now.below[i] += count;
            }
        }
    }
    const std::uint64_t most = max_.load(std::memory_order_relaxed);
    now.sum = measured<Value>(sum_.load(std::memory_order_relaxed));
    now.max = measured<Value>(most);
    const auto percentile = [&](double part) {
        const auto wanted = std::max(1.0, std::ceil(part * static_cast<double>(now.count)));
        std::uint64_t passed = 0;
        for (const filled& each : all) {
            passed += each.count;
            if (static_cast<double>(passed) >= wanted)
                return measured<Value>(std::min(middle_of(each.power, each.part), most));
        }
        return Value{};
    };
    now.p50 = percentile(0.5);
    now.p90 = percentile(0.9);
    now.p99 = percentile(0.99);
    now.p999 = percentile(0.999);
    return now;
}

distribution<std::uint64_t> histogram::sizes() const { return snapshot<std::uint64_t>(); }
latency_stats histogram::latencies() const { return snapshot<std::chrono::microseconds>(); }

} // namespace eventstore::detail
