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
        what_.text = std::move(text);
        what_.doing = std::move(doing);
    }

    const statement& what() const noexcept override { return what_; }
    const parameters& arguments() const noexcept override { return arguments_; }

    void on_answer(answer given) override {
        command_end how;
        if (given.is_error()) how.why = given.to_failure(what_.doing);
        end(how);
    }
    void on_skipped() override {
        command_end how;
        how.why = failure(errc::connection_lost, what_.doing + ": an earlier statement failed");
        end(how);
    }
    void on_lost(const failure& why, bool was_sent) override {
        command_end how;
        how.why = why;
        how.was_lost = true;
        how.was_sent = was_sent;
        end(how);
    }

private:
    void end(const command_end& how) {
        if (const auto tell = std::exchange(ended_, nullptr)) tell(how);
    }

    statement what_;
    const parameters arguments_;
    handler ended_;
};

inline std::shared_ptr<command> make_command(std::string text, std::string doing, command::handler ended) {
    return std::make_shared<command>(std::move(text), std::move(doing), std::move(ended));
}

} // namespace eventstore::postgres
