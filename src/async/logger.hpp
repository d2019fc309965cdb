/// What a store does behind its callers' backs, told to the user's function.
#pragma once

#include <eventstore/error.hpp>
#include <eventstore/log_level.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace eventstore::detail {

namespace asio = boost::asio;

/// Which failures of what is tried again and again are worth a line: the first one of a cause, the 10th, the 100th, and so
/// on, until it has passed. No lock, no output.
class recurring_failures {
public:
    /// What the server as a whole cannot do now is a cause for each that asks; what is wrong with a schema is one cause for
    /// all who find it out.
    /// \param task that failed
    /// \param schema in which it failed
    bool is_news(std::string_view task, std::string_view schema, const failure& why);
    /// It works again.
    void passed(std::string_view task, std::string_view schema);
    /// Nobody asks for this schema any more.
    void forget(std::string_view schema);

private:
    struct cause {
        std::string scope; // a task or a schema
        errc code{};
        std::string sqlstate;
        auto operator<=>(const cause&) const = default;
    };
    struct count {
        std::uint64_t failures = 0;
        std::uint64_t next_news = 1;
    };
    static cause cause_of(std::string_view task, std::string_view schema, const failure& why);

    std::map<cause, count> all_;
    std::map<std::pair<std::string, std::string>, cause> last_; // of each that fails now: schema, task
};

/// Passes lines on, one at a time, on the store's executor, and never from within the caller. Where they come more quickly
/// than they are taken, some are left out, and that is told. Thread safe.
class logger {
public:
    using sink = std::function<void(log_level, std::string_view)>;

    ~logger();

    /// \param to null: nobody
    static std::shared_ptr<logger> make(sink to, const asio::any_io_executor& where);

    /// The same for one schema.
    std::shared_ptr<logger> of(std::string schema) const;

    bool has_sink() const noexcept;
    void tell(log_level level, std::string text) const;
    /// A failure of what is tried again; told if it is news.
    void report(std::string_view task, const failure& why) const;
    void passed(std::string_view task) const;

    /// The execution context is going: nothing is told any more, by this one and those of its schemas.
    void abandon() noexcept;

private:
    class output;
    logger(std::shared_ptr<output> to, std::string schema) : output_(std::move(to)), schema_(std::move(schema)) {}

    const std::shared_ptr<output> output_;
    const std::string schema_;
};

} // namespace eventstore::detail
