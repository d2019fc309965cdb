/// A statement without parameters, of which only matters whether it succeeds.
#pragma once

#include "base/live_objects.hpp"
#include "postgres/connection.hpp"

#include <eventstore/error.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace eventstore::postgres {

/// How a command ended: well, if there is no failure.
struct command_end {
    std::optional<failure> why;
    bool was_lost = false; ///< the connection ended before its answer came
    bool was_sent = true;
};

class command final : public request, private detail::live_object {
public:
    using handler = std::function<void(const command_end&)>;

    /// \param ended called once, on the connection's strand
    command(std::string text, std::string doing, handler ended) : ended_(std::move(ended)) {
        statement_.text = std::move(text);
        statement_.doing = std::move(doing);
    }

    const statement& sql() const noexcept override { return statement_; }
    const parameters& arguments() const noexcept override { return arguments_; }

    void on_answer(answer given) override {
        command_end outcome;
        if (given.is_error()) outcome.why = given.to_failure(statement_.doing);
        end(outcome);
    }
    void on_skipped() override {
        command_end outcome;
        outcome.why = failure(errc::connection_lost, statement_.doing + ": an earlier statement failed");
        end(outcome);
    }
    void on_lost(const failure& why, bool was_sent) override {
        command_end outcome;
        outcome.why = why;
        outcome.was_lost = true;
        outcome.was_sent = was_sent;
        end(outcome);
    }

private:
    void end(const command_end& outcome) {
        if (const auto on_end = std::exchange(ended_, nullptr)) on_end(outcome);
    }

    statement statement_;
    const parameters arguments_;
    handler ended_;
};

inline std::shared_ptr<command> make_command(std::string text, std::string doing, command::handler ended) {
    return std::make_shared<command>(std::move(text), std::move(doing), std::move(ended));
}

} // namespace eventstore::postgres
