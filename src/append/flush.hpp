/// One transaction of appends, as its connection sees it.
#pragma once

#include "append/append_plan.hpp"
#include "append/flush_decision.hpp"
#include "async/timer_queue.hpp"
#include "base/live_objects.hpp"
#include "postgres/connection.hpp"
#include "storage/log_mark.hpp"
#include "storage/statements.hpp"

#include <boost/unordered/unordered_flat_set.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace eventstore::append {

/// It has ended once its transaction has, not when the function has returned: the commit comes after that, and may fail.
class flush final : public postgres::request, public detail::timed, private detail::live_object {
public:
    using append_list = std::vector<std::shared_ptr<append_request>>;

    /// \param least what it is looked at for if it needs no more care
    /// \param connection that it is sent on
    /// \param ended called on the connection's strand
    flush(std::shared_ptr<const storage::statements> known, const storage::log_mark& seen, append_list appends,
        append_care least, std::weak_ptr<postgres::connection> connection, std::function<void()> ended);
    ~flush() override;

    const postgres::statement& sql() const noexcept override { return *statement_; }
    const postgres::parameters& arguments() const noexcept override { return arguments_; }
    void on_answer(postgres::answer answer) override { answer_ = std::move(answer); }
    void on_synced(const failure* why) override;
    void on_skipped() override;
    void on_lost(const failure& why, bool was_sent) override;

    const append_list& appends() const noexcept { return appends_; }
    bool is_careful() const noexcept { return is_careful_; }
    /// Its appends ask to be sent apart from all others.
    bool goes_alone() const noexcept;
    /// Whether the append has a stream in common with it.
    bool shares_streams(const append_request& other) const;
    /// Nothing while it is under way.
    const std::optional<flush_end>& end() const noexcept { return end_; }

    std::optional<flush_decision> decision; ///< once it was taken

private:
    void finish();
    void expire() noexcept override;
    void close() noexcept override {}

    const std::shared_ptr<const storage::statements> statements_;
    const append_list appends_;
    const append_plan plan_; // refers to appends_
    const bool is_careful_;
    const bool is_lone_;
    const postgres::statement* const statement_;
    const postgres::parameters arguments_;
    const std::weak_ptr<postgres::connection> connection_;
    std::function<void()> ended_;
    mutable boost::unordered_flat_set<std::string_view> streams_; // once somebody has asked
    postgres::answer answer_;
    std::optional<flush_end> end_;
};

} // namespace eventstore::append
