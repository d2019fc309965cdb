#include "async/handler_watch.hpp"

#include "base/text.hpp"

#include <utility>

namespace eventstore::detail {

namespace {

thread_local handler_watch::frame* current = nullptr;

} // namespace

std::optional<std::uint64_t> news_of_a_minute::take(std::string_view name, steady_time now) {
    const auto known = all_.find(name);
    if (known == all_.end()) {
        constexpr std::size_t many = 256; // names of subscriptions may be made up by the program
        if (all_.size() >= many)
            std::erase_if(all_, [&](const auto& one) { return now - one.second.told >= std::chrono::minutes(1); });
        all_.emplace(name, entry{now});
        return 1;
    }
    ++known->second.untold;
    if (now - known->second.told < std::chrono::minutes(1)) return std::nullopt;
    known->second.told = now;
    return std::exchange(known->second.untold, 0);
}

void handler_watch::resumes(const std::shared_ptr<handler_watch>& watch, std::string_view operation) noexcept {
    frame* const running = current;
    if (!running || !watch->is_on()) return;
    const steady_time now = coarse_machine_time();
    if (running->watch_)
        running->end_part(now);
    else
        running->begun_ = now;
    if (running->watch_ != watch) running->watch_ = watch;
    running->part_begun_ = now;
    running->operation_ = operation;
}

void handler_watch::took(
    steady_time::duration time, std::string_view where, std::string_view name, steady_time now) noexcept {
    if (time <= longest_) return;
    metrics_->blocked.record(std::chrono::duration_cast<std::chrono::nanoseconds>(time));
    if (!logger_->has_sink()) return;
    try {
        std::optional<std::uint64_t> count;
        {
            const std::lock_guard lock(mutex_);
            count = news_.take(name, now);
        }
        if (!count) return;
        const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
        std::string others;
        if (*count > 1) others = message(" (", std::to_string(*count), " times since this was last logged)");
        logger_->tell(log_level::warning,
            message("a handler kept a thread of the io_context for ", std::to_string(whole), " ms ", where, name,
                others, "; nothing else runs there meanwhile: wait with timers, and do work that takes more than ",
                std::to_string(longest_.count()), " ms (longest_handler) in a thread pool"));
    } catch (const std::exception&) { // it is counted
    }
}

handler_watch::frame::frame() noexcept : outer_(std::exchange(current, this)) {}

handler_watch::frame::~frame() {
    current = outer_;
    if (!watch_) return;
    const steady_time now = coarse_machine_time();
    end_part(now);
    watch_->took(now - begun_, "after ", to_blame_, now);
}

void handler_watch::frame::end_part(steady_time now) noexcept {
    const auto time = now - part_begun_;
    if (!to_blame_.empty() && time <= longest_part_) return;
    longest_part_ = time;
    to_blame_ = operation_;
}

handler_watch::call::call(handler_watch& watch, std::string_view name) noexcept
    : watch_(watch), name_(name), begun_(watch.is_on() ? coarse_machine_time() : steady_time()) {}

handler_watch::call::~call() {
    if (!watch_.is_on()) return;
    const steady_time now = coarse_machine_time();
    watch_.took(now - begun_, "in ", name_, now);
}

} // namespace eventstore::detail
