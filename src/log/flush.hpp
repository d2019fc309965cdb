/// One transaction of the appender, as its connection sees it.
#pragma once

#include "async/timer_queue.hpp"
#include "base/live_objects.hpp"
#include "log/append_plan.hpp"
#include "postgres/connection.hpp"

#include <atomic>
#include <memory>
#include <vector>

namespace eventstore::log {

class appender;

/// A flush under way. It reports to its appender once its transaction has ended, not when the function has returned: the
/// commit comes after that, and may fail.
class flush final : public postgres::request, public detail::timed, private detail::live_object {
public:
    flush(const std::shared_ptr<appender>& owner, std::vector<std::shared_ptr<append_request>> appends, bool careful);
    ~flush() override;

    const postgres::statement& what() const noexcept override { return *what_; }
    const postgres::parameters& arguments() const noexcept override { return arguments_; }
    void on_answer(postgres::result_handle answer) override;
    void on_synced(const failure* why) override;
    void on_skipped() override;
    void on_lost(const failure& why, bool was_sent) override;

    bool is_careful() const noexcept { return is_careful_; }
    bool is_over() const noexcept { return is_over_.load(std::memory_order_acquire); }
    bool was_sent() const noexcept { return was_sent_; }
    std::vector<std::shared_ptr<append_request>> take_appends() noexcept { return std::move(appends_); }
    void put_back(std::vector<std::shared_ptr<append_request>> appends) noexcept { appends_ = std::move(appends); }

private:
    void end() noexcept;
    void expire() noexcept override;
    void close() noexcept override {}

    const std::weak_ptr<appender> owner_; // which holds this flush
    const std::shared_ptr<const postgres::statement_set> statements_;
    std::vector<std::shared_ptr<append_request>> appends_;
    const append_plan plan_; // refers to appends_
    const bool is_lone_;
    const bool is_careful_;
    const postgres::statement* what_;
    postgres::parameters arguments_;
    postgres::result_handle answer_;
    bool was_sent_ = false;
    std::atomic<bool> is_over_{false};
};

} // namespace eventstore::log
