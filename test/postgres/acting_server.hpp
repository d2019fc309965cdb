// A server that plays PostgreSQL: it takes statements apart into transactions as the real one does, and ends each as the
// script says.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace eventstore::test {

/// Every statement has one parameter, a number, which it answers, and which is kept once its transaction is committed.
/// Runs on a thread of its own.
class acting_server {
public:
    enum class turn { carry_out, refuse, hang_up, hang_up_after, fall_silent, fall_silent_after };

    /// What becomes of the k-th preparation, statement or end of a transaction since the script was given: refused, or the
    /// connection ends before it or after it (when the answers so far have been sent), or nothing is heard any more,
    /// likewise.
    struct script {
        std::function<turn(int)> preparation;
        std::function<turn(int, std::int64_t number)> statement;
        std::function<turn(int)> commit;
    };

    acting_server();
    ~acting_server();
    acting_server(const acting_server&) = delete;
    acting_server& operator=(const acting_server&) = delete;

    std::string url() const { return "host=" + folder_ + " port=5432 user=test dbname=test"; }

    void play(script how);
    /// How often this number was committed.
    int committed(std::int64_t number) const;
    int connections() const noexcept { return connections_.load(); }
    /// Whether a client had sent more when a transaction of its ended.
    bool was_ahead() const noexcept { return was_ahead_.load(); }

private:
    class client;

    void serve();
    turn next(int& count, const std::function<turn(int)>& which);

    std::string folder_;
    int listener_ = -1;
    int wake_[2] = {-1, -1};
    std::atomic<int> connections_{0};
    std::atomic<bool> was_ahead_{false};

    mutable std::mutex mutex_;
    script script_;
    int preparations_ = 0;
    int statements_ = 0;
    int commits_ = 0;
    std::map<std::int64_t, int> committed_;

    std::thread thread_;
};

} // namespace eventstore::test
