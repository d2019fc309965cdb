/// One statement for many schemas.
#pragma once

#include "async/completion.hpp"
#include "async/environment.hpp"
#include "base/live_objects.hpp"
#include "postgres/pool.hpp"

#include <eventstore/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::storage {

namespace asio = boost::asio;

/// Gathers what many stores ask at about the same time, and asks it in few statements. Where one fails, its halves are
/// tried by themselves: a schema that is gone does not fail the others. Thread safe.
class combined : public std::enable_shared_from_this<combined>, private detail::live_object {
public:
    /// Columns count from 1: the first one is the place of the part.
    struct row {
        postgres::answer table;
        int number = 0; ///< -1 = none, where the question allows that
    };
    /// What one store asks.
    class part : public detail::completion<row> {
    public:
        /// \param schema_name of the store
        /// \param count elements of its in each of the arrays
        part(const std::shared_ptr<combined>& owner, std::string schema_name, std::size_t count);

        const std::string schema;
        const std::size_t elements;

    private:
        friend class combined;
        void cancel() noexcept override { give_up(errc::cancelled); }
        void expire() noexcept override { give_up(errc::timeout); }
        void close() noexcept override { give_up(errc::store_closed); }
        void give_up(errc why) noexcept;

        const bool writes_;
        std::atomic<bool> is_asked_{false};
    };
    using parts = std::vector<std::shared_ptr<part>>;

    struct question {
        /// Written for a schema named eventstore, with one row as its answer, or perhaps none. `$1[@]` is the element of the part in the first
        /// parameter, an array over all parts; `$1[@:@]` its elements.
        std::string_view sql;
        std::vector<postgres::type_oid> types;
        std::string doing;
        bool writes = false;
        bool may_have_no_row = false;
        std::size_t most_at_once =
            334; ///< planning takes longer with each, and meanwhile the connection serves nobody else
        std::function<postgres::parameters(const parts&)> arguments;
    };

    combined(question asked, detail::environment where, std::shared_ptr<postgres::pool> pool,
        std::chrono::milliseconds timeout);

    /// The part is a new one of this object's.
    static asio::awaitable<result<row>> ask(
        std::shared_ptr<combined> self, std::shared_ptr<part> new_part, detail::steady_time deadline);

    /// The execution context is going, and with it those who ask.
    void abandon() noexcept;

private:
    void add(std::shared_ptr<part> next);
    void gathered(); // on the strand
    asio::awaitable<void> carry_out(parts all);
    std::string text_for(const parts& all) const;

    const question question_;
    const detail::environment environment_;
    const std::shared_ptr<postgres::pool> pool_;
    const std::chrono::milliseconds timeout_;
    std::optional<asio::strand<asio::any_io_executor>> strand_; // none once abandoned
    std::shared_ptr<detail::timed> gathering_;                  // under the mutex, as what follows

    std::mutex mutex_;
    parts waiting_;
};

} // namespace eventstore::storage
