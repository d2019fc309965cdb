#include "async/logger.hpp"

#include "async/retry.hpp"
#include "base/text.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <cstddef>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

namespace eventstore::detail {

namespace {

constexpr std::size_t most_waiting = 1'000; // lines that the user's function has not taken yet

/// Of the server, or of the way to it, whichever schema was asked for.
bool is_of_server(errc code) { return backoff::passes_by_itself(code) || code == errc::server_unusable; }

} // namespace

std::uint64_t random_number() {
    thread_local std::mt19937_64 generator{std::random_device{}()};
    return generator();
}

recurring_failures::cause recurring_failures::cause_of(
    std::string_view task, std::string_view schema, const failure& why) {
    cause found{std::string(is_of_server(why.code()) ? task : schema), why.code(), std::string()};
    if (why.code() == errc::database_error) found.sqlstate = why.sqlstate(); // what the code leaves open
    return found;
}

bool recurring_failures::is_news(std::string_view task, std::string_view schema, const failure& why) {
    const cause now = cause_of(task, schema, why);
    const auto [known, is_first] = last_.try_emplace({std::string(schema), std::string(task)}, now);
    if (!is_first && known->second != now) { // it fails in another way
        all_.erase(known->second);
        known->second = now;
    }
    count& so_far = all_[now];
    if (++so_far.failures < so_far.next_news) return false;
    so_far.next_news *= 10;
    return true;
}

void recurring_failures::passed(std::string_view task, std::string_view schema) {
    const auto known = last_.find({std::string(schema), std::string(task)});
    if (known == last_.end()) return;
    all_.erase(known->second);
    last_.erase(known);
}

void recurring_failures::forget(std::string_view schema) {
    const auto begin = last_.lower_bound({std::string(schema), std::string()});
    auto end = begin;
    for (; end != last_.end() && end->first.first == schema; ++end) all_.erase(end->second);
    last_.erase(begin, end);
}

class logger::output : public std::enable_shared_from_this<output> {
public:
    output(sink to, const asio::any_io_executor& where) : to_(std::move(to)), strand_(asio::make_strand(where)) {}

    bool has_sink() const noexcept { return to_ != nullptr; }

    void tell(log_level level, std::string text) {
        if (!to_) return;
        const std::lock_guard lock(mutex_);
        if (!strand_) return;
        if (waiting_ == most_waiting) return void(++left_out_);
        ++waiting_;
        asio::post(*strand_, [self = shared_from_this(), level, text = std::move(text)] {
            const std::uint64_t left_out = self->taken(); // first: the function may throw
            self->to_(level, text);
            if (left_out > 0)
                self->to_(log_level::warning,
                    message(std::to_string(left_out), " lines were left out: they came too quickly"));
        });
    }

    bool is_news(std::string_view task, std::string_view schema, const failure& why) {
        const std::lock_guard lock(mutex_);
        return failures_.is_news(task, schema, why);
    }

    void passed(std::string_view task, std::string_view schema) {
        const std::lock_guard lock(mutex_);
        failures_.passed(task, schema);
    }

    void forget(std::string_view schema) {
        const std::lock_guard lock(mutex_);
        failures_.forget(schema);
    }

    void abandon() noexcept {
        const std::lock_guard lock(mutex_);
        strand_.reset();
    }

private:
    std::uint64_t taken() {
        const std::lock_guard lock(mutex_);
        return --waiting_ == 0 ? std::exchange(left_out_, 0) : 0;
    }

    const sink to_;
    std::mutex mutex_;
    std::optional<asio::strand<asio::any_io_executor>> strand_; // none once abandoned
    std::size_t waiting_ = 0;
    std::uint64_t left_out_ = 0;
    recurring_failures failures_;
};

logger::~logger() {
    if (!schema_.empty()) output_->forget(schema_);
}

std::shared_ptr<logger> logger::make(sink to, const asio::any_io_executor& where) {
    return std::shared_ptr<logger>(new logger(std::make_shared<output>(std::move(to), where), std::string()));
}

std::shared_ptr<logger> logger::of(std::string schema) const {
    return std::shared_ptr<logger>(new logger(output_, std::move(schema)));
}

bool logger::has_sink() const noexcept { return output_->has_sink(); }

void logger::tell(log_level level, std::string text) const { output_->tell(level, std::move(text)); }

void logger::report(std::string_view task, const failure& why) const {
    const bool is_wanted = why.code() == errc::store_closed || why.code() == errc::cancelled; // by the user
    if (has_sink() && !is_wanted && output_->is_news(task, schema_, why)) tell(log_level::warning, why.message());
}

void logger::passed(std::string_view task) const {
    if (has_sink()) output_->passed(task, schema_);
}

void logger::abandon() noexcept { output_->abandon(); }

} // namespace eventstore::detail
